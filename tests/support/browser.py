"""What a real browser measures of a page, where there is one: Chromium without a window and without a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files",
    "--virtual-time-budget=30000",
)  # fmt: skip


def chromium(*arguments: str, folder: Path) -> str:
    """Return what Chromium prints, with a profile of its own below ``folder``."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *_QUIET, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=170, check=False).stdout


def measured(page: Path, width: int, expression: str, folder: Path) -> dict[str, Any]:
    """Return the value of a JavaScript expression, an object, once a page is loaded in a window of a width."""
    script = f"""<script>addEventListener("load", () => {{
      const seen = document.createElement("pre");
      seen.id = "seen";
      seen.textContent = JSON.stringify({expression});
      document.body.append(seen);
    }});</script></body>"""
    file = page.with_name(f"measured-{page.name}")
    file.write_text(page.read_text(encoding="utf-8").replace("</body>", script), encoding="utf-8")
    out = chromium("--dump-dom", f"--window-size={width},900", file.as_uri(), folder=folder)
    found = re.search(r'<pre id="seen">(.*?)</pre>', out, re.DOTALL)
    assert found, out[-500:]
    seen: dict[str, Any] = json.loads(unescape(found[1]))
    return seen
