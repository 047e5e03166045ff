"""Known vulnerabilities of the locked packages; without the database that names them, at least a hash for each package.

``make audit-deps`` runs this with the Python of an environment that has pip-audit.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path(__file__).parents[2] / "requirements.lock"


def without_hash(text: str) -> list[str]:
    """Return the packages of a lock file that name no sha256.

    >>> without_hash("a==1 \\\\\\n    --hash=sha256:" + 64 * "0" + "\\nb==2\\n")
    ['b']
    """
    parts = re.split(r"^(?=[a-z0-9][^ \n]*==)", text, flags=re.MULTILINE)[1:]
    return [part.partition("==")[0] for part in parts if not re.search(r"--hash=sha256:[0-9a-f]{64}", part)]


def main() -> int:
    """Print what was found; 1 where a package is vulnerable, or cannot be told from another of its name."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        command = [
            "-m",
            "pip_audit",
            "--disable-pip",
            "--require-hashes",
            "-r",
            str(LOCK),
            "-f",
            "json",
            "-o",
            str(found),
        ]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
        packages = json.loads(found.read_text(encoding="utf-8"))["dependencies"] if found.is_file() else []
    for package in packages:
        for known in package.get("vulns", ()):
            print(
                f"{package['name']} {package['version']}: {known['id']}, mended in {', '.join(known['fix_versions'])}"
            )
    bare = without_hash(LOCK.read_text(encoding="utf-8"))
    told = f"{len(packages)} packages looked up" if packages else f"no database: {done.stderr.strip()[-200:]}"
    print(f"{told}; {len(bare)} without a sha256 in the lock {', '.join(bare)}".rstrip())
    return int(bool(bare) or any(package.get("vulns") for package in packages))


if __name__ == "__main__":
    sys.exit(main())
