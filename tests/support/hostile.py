"""A local server that answers as it is told, and archives that mean harm."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(BODY).hexdigest()
Answer = Callable[[BaseHTTPRequestHandler, int], None]


class Server:
    """A local server: ``answers[path]`` handles the n-th request for a path; ``seen`` lists (path, Range header)."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                n = sum(path == self.path for path, _ in server.seen)
                server.seen.append((self.path, self.headers.get("Range", "")))
                server.answer(self, n)

            def do_HEAD(self) -> None:
                server.answer(self, -1)

            def log_message(self, format: str, *args: object) -> None:
                """Keep the test output clean."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler, n: int) -> None:
        """Answer a request for a path, whatever its query; 404 where nothing is to be had."""
        known = self.answers.get(handler.path.split("?")[0])
        if known is None:
            handler.send_error(404)
        else:
            known(handler, n)


def send(
    handler: BaseHTTPRequestHandler, body: bytes, *, ranges: bool = True, cut: int | None = None, length: bool = True
) -> None:
    """Answer with the bytes asked for, of which only the first ``cut`` are sent before the connection ends."""
    asked = handler.headers.get("Range") if ranges else None
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
    if start >= len(body):
        handler.send_response(416)
        handler.end_headers()
        return
    handler.send_response(206 if asked else 200)
    if asked:
        handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
    if length:
        handler.send_header("Content-Length", str(len(body) - start))
    handler.end_headers()
    handler.wfile.write(body[start:][:cut])


FILES = {"labels.csv": b"a,b\n1,2\n", "images/x/1.txt": b"one", "images/y/2.txt": b"two"}


def tar_of(files: dict[str, bytes], *odd: tarfile.TarInfo, top: str = "repo-1/") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(top + name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for member in odd:
            tar.addfile(member)
    return buffer.getvalue()


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zip_of(files: dict[str, bytes], *, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in files.items():
            opened.writestr(name, data)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = 0o120777 << 16
            opened.writestr(info, "/etc")
    return buffer.getvalue()


HARMFUL = {
    "parent": tar_of(FILES, _member("repo-1/../../evil")),
    "absolute": tar_of(FILES, _member("/tmp/evil")),
    "symlink": tar_of(FILES, _member("repo-1/link", tarfile.SYMTYPE, "/etc")),
    "hardlink": tar_of(FILES, _member("repo-1/link", tarfile.LNKTYPE, "repo-1/labels.csv")),
    "device": tar_of(FILES, _member("repo-1/null", tarfile.CHRTYPE)),
    "twice": tar_of(FILES, _member("repo-1/labels.csv")),
    "file and folder": tar_of(FILES, _member("repo-1/images")),
    "too much": tar_of({**FILES, "big": bytes(5000)}),
    "cut": tar_of({**FILES, "big": BODY[:3000]})[:-40],
    "no archive": b"<html>please log in</html>",
    "zip parent": zip_of({"r/a": b"1", "r/../../evil": b"2"}),
    "zip backslash": zip_of({"r/a": b"1", "r\\..\\..\\evil": b"2"}),
    "zip drive": zip_of({"r/a": b"1", "C:/evil": b"2"}),
    "zip symlink": zip_of({"r/a": b"1"}, link="r/link"),
}
