"""Get a source's files: link to a copy that is here, or download and unpack a public archive without trusting it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

from leukbench import paths
from leukbench.errors import DataError, InputError
from leukbench.records import canonical_json
from leukbench.sources.archives import unpack
from leukbench.sources.base import SourceCard, how_to_get
from leukbench.sources.dirt import clean_files

Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all or 0 where that is unknown)."""

_BLOCK = 1 << 18
WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})
_SPARE_BYTES = 50_000_000


# ------------------------------------------------------------------------------------------------------------- folders


def fetch_source(
    name: str, folder: Path | None = None, *, from_dir: Path | None = None, images: int | None = None, seed: int = 0
) -> Path:
    """Put a source's files at ``folder`` (by default ``data/<name>``) and return it.

    A synthetic source is made (``images`` of them, or all); a real one is linked to ``from_dir`` or to
    ``$LEUKBENCH_MIRROR/<name>``, or downloaded where its publisher needs no account. Raises InputError with the
    commands that get it where none of these works.
    """
    from leukbench.sources import load_source

    source = load_source(name)
    folder = folder or paths.source_folder(name)
    if source.make is not None:
        source.make(folder, images=images, seed=seed)
    elif source.fetch is not None:
        source.fetch(folder, from_dir=from_dir)
    return folder


def mirror_of(card: SourceCard, *, from_dir: Path | None) -> Path | None:
    """Return the folder that the user names for a source: ``from_dir``,
    else ``$LEUKBENCH_MIRROR/<name>`` if it is there.

    Raises InputError if ``from_dir`` is no folder.
    """
    if from_dir is not None:
        folder = paths.expanded(from_dir, where="--from")
        if not folder.is_dir():
            raise InputError("--from names no folder", where=str(from_dir), expected="an existing folder",
                             found="nothing" if not from_dir.exists() else "a file", do=how_to_get(card))  # fmt: skip
        return folder.resolve()
    mirror = os.environ.get("LEUKBENCH_MIRROR", "")
    folder = paths.expanded(Path(mirror), where="LEUKBENCH_MIRROR") / card.name
    return folder.resolve() if mirror and folder.is_dir() else None


def link_folder(card: SourceCard, folder: Path, *, from_dir: Path | None) -> None:
    """Make ``folder`` a link to the user's copy of a source, found up to three levels below the folder that they name.

    Without a copy a folder that is already there is kept.

    Parameters
    ----------
    card
        Of the source.
    folder
        Where the source is looked for from now on.
    from_dir
        The user's copy; the folder in LEUKBENCH_MIRROR where None.

    Raises
    ------
    InputError
        Where there is neither a copy nor a folder, where the copy is not in the publisher's layout, or where a real
        folder is in the way.
    """
    mirror = mirror_of(card, from_dir=from_dir)
    if mirror is None:
        if folder.is_dir():
            return
        raise InputError(
            f"source {card.name!r} is not here and cannot be downloaded without you",
            where=str(folder),
            expected="--from DIR, or the environment variable LEUKBENCH_MIRROR with a folder " + card.name,
            found="neither",
            do=how_to_get(card),
        )
    top = _top_of(card, mirror)
    if folder.exists() and folder.resolve() == top:
        return
    if folder.exists() and not folder.is_symlink():
        raise InputError("a folder is in the way of a link", where=str(folder), expected="nothing, or a link",
                         found="a folder", do="move it away")  # fmt: skip
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(top, target_is_directory=True)
    temporary.replace(folder)


def find_top(card: SourceCard, mirror: Path) -> Path | None:
    """Return the folder that holds the publisher's layout: portals wrap it in up to three folders of their own."""
    level = [mirror]
    for _ in range(4):
        for folder in level:
            if any((folder / part).exists() for part in card.needs):
                return folder.resolve()
        level = [child for folder in level for child in sorted(folder.iterdir()) if child.is_dir()]
    return None


def _top_of(card: SourceCard, mirror: Path) -> Path:
    top = find_top(card, mirror)
    if top is None:
        raise InputError(
            f"this folder does not hold source {card.name!r} in the publisher's layout",
            where=str(mirror),
            expected="one of " + ", ".join(card.needs) + " in it or up to three levels below",
            found=", ".join(sorted(p.name for p in mirror.iterdir())[:8]) or "an empty folder",
            do=how_to_get(card),
        )
    return top


def receipt_of(name: str, folder: Path) -> dict[str, Any]:
    """Return what is in a source's folder: source, n_files, n_bytes and listing_sha256, over sorted paths and sizes.

    What an operating system left there does not count.
    """
    files = sorted((f.relative_to(folder).as_posix(), f.stat().st_size) for f in clean_files(folder))
    listing = "".join(f"{path}\t{size}\n" for path, size in files)
    return {
        "source": name,
        "n_files": len(files),
        "n_bytes": sum(size for _, size in files),
        "listing_sha256": hashlib.sha256(listing.encode()).hexdigest(),
    }


def write_receipt(path: Path, *, name: str, folder: Path) -> dict[str, Any]:
    """Write :func:`receipt_of` as JSON and return it."""
    receipt = receipt_of(name, folder)
    paths.write_text(path, canonical_json(receipt) + "\n")
    return receipt


# ----------------------------------------------------------------------------------------------------------- downloads


def check_space(folder: Path, *, needed_bytes: int) -> None:
    """Raise InputError unless the disk below ``folder`` has room for so many bytes and 50 MB more."""
    here = next(p for p in (folder, *folder.resolve().parents) if p.exists())
    free = shutil.disk_usage(here).free
    if free < needed_bytes + _SPARE_BYTES:
        raise InputError(
            "the disk has no room for this source",
            where=str(folder),
            expected=f"{(needed_bytes + _SPARE_BYTES) / 1e6:.0f} MB free",
            found=f"{free / 1e6:.0f} MB free",
            do="make room, or set LEUKBENCH_HOME to a folder on another disk",
        )


def download(
    url: str,
    file: Path,
    *,
    sha256: str | None = None,
    tries: int = 5,
    timeout_s: float = 30.0,
    wait_s: float = 1.0,
    progress: Progress | None = None,
) -> str:
    """Download ``url`` to ``file`` and return its sha256 (hex).

    The bytes grow in ``<file>.part`` and take the final name when they are whole and, if ``sha256`` is given, right. A
    broken transfer is taken up where it stopped (HTTP Range), also by a later call; answers 408, 425, 429 and 5xx,
    stalls and cut connections are tried again after ``wait_s`` × 2ⁿ seconds or what Retry-After says.

    Parameters
    ----------
    url, file
        From where, and to where.
    sha256
        What it must be (hex); anything where None.
    tries
        In all.
    timeout_s, wait_s
        In seconds: without a byte, and before the second try.
    progress
        Called with the bytes that are here, and all bytes.

    Returns
    -------
    The file's sha256 (hex).

    Raises
    ------
    InputError
        Where the server does not deliver.
    DataError
        Where the hash is wrong; the part is removed.
    """
    if file.is_file() and sha256 in (None, found := paths.sha256_of(file)):
        return found
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    _persist(url, part, tries=tries, timeout_s=timeout_s, wait_s=wait_s, progress=progress)
    found = paths.sha256_of(part)
    if sha256 not in (None, found):
        part.unlink()
        raise DataError(
            "a download is not the published file", where=url, expected=f"sha256 {sha256}", found=f"sha256 {found}",
            do="try again; if it stays so, the server's file has changed: report it",
        )  # fmt: skip
    part.replace(file)
    return found


def _persist(url: str, part: Path, *, tries: int, timeout_s: float, wait_s: float, progress: Progress | None) -> None:
    """Transfer until ``part`` is whole; give up after ``tries`` in a row that brought nothing new."""
    failures, why = 0, ""
    while failures < tries:
        before = part.stat().st_size if part.exists() else 0
        pause = wait_s * 2.0**failures
        try:
            if _transfer(url, part, timeout_s=timeout_s, progress=progress):
                return
            why = "the connection ended before the file did"
        except urllib.error.HTTPError as error:
            why = f"HTTP {error.code} {error.reason}"
            if error.code == 416:  # the part is longer than the file: it belongs to another version of it
                part.unlink(missing_ok=True)
            elif error.code not in WORTH_ANOTHER_TRY:
                break
            pause = max(pause, min(_seconds(error.headers.get("Retry-After")), 60.0))
        except (OSError, HTTPException) as error:  # URLError, timeouts, resets, cut chunks
            why = str(error) or type(error).__name__
        after = part.stat().st_size if part.exists() else 0
        failures = 0 if after > before else failures + 1
        if failures < tries:
            time.sleep(pause)
    raise InputError(
        "a download did not arrive", where=url, expected=f"the whole file within {tries} tries", found=why,
        do="run the command again: it goes on where it stopped; or get the files otherwise and give --from DIR",
    )  # fmt: skip


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdigit() else 0.0


def _transfer(url: str, part: Path, *, timeout_s: float, progress: Progress | None) -> bool:
    """Ask for the bytes after those in ``part`` and append them; return whether the file is whole."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "leukbench", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # nosec B310 # from cards; redirects stay HTTP
        length = answer.headers.get("Content-Length")
        start, total = 0, int(length) if length is not None else 0
        if answer.status == 206:
            start, total = _range_of(str(answer.headers.get("Content-Range", "")), length)
            if start not in (0, have) or total < have or (start and not have):
                part.unlink(missing_ok=True)  # bytes of another place, or of another version of the file: start anew
                return False
        resumed = start > 0
        if total:
            check_space(part.parent, needed_bytes=total - start)
        with part.open("ab" if resumed else "wb") as out:
            done = start
            while block := answer.read(_BLOCK):
                out.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, total)
    return done == total if total else True


def _range_of(text: str, length: str | None) -> tuple[int, int]:
    """Return where a partial answer begins and how long the whole file is;
    (-1, 0) where its Content-Range does not hold.

    >>> whole = "bytes 10-99/100"
    >>> _range_of(whole, "90"), _range_of("bytes 10-49/100", "40"), _range_of(whole, "91"), _range_of("", "90")
    ((10, 100), (-1, 0), (-1, 0), (-1, 0))
    """
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", text.strip())
    if match is None:
        return -1, 0
    first, last = int(match[1]), int(match[2])
    total = last + 1 if match[3] == "*" else int(match[3])
    whole = last + 1 == total and (length is None or int(length) == last - first + 1)
    return (first, total) if whole else (-1, 0)


# ------------------------------------------------------------------------------------------------------------ archives


def download_archive(
    url: str,
    folder: Path,
    *,
    expected: Mapping[str, str],
    size_bytes: int,
    tries: int = 5,
    timeout_s: float = 30.0,
    wait_s: float = 1.0,
    progress: Progress | None = None,
) -> None:
    """Download an archive, unpack the files that ``expected`` names into ``folder``, and verify each.

    A folder that is already there is kept if it holds every expected path. The archive itself is not hashed: servers
    compress anew.

    Parameters
    ----------
    url, folder
        From where, and to where.
    expected
        path -> sha256 (hex) of every file.
    size_bytes
        Of the archive; twice as much must be free.
    tries, timeout_s, wait_s, progress
        As of :func:`download`.

    Raises
    ------
    InputError
        Where something else is in the way, or the server does not deliver.
    DataError
        Where a file is missing or altered; then nothing is left under the final name.
    """
    if folder.is_dir() and all((folder / path).is_file() for path in expected):
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("a folder that is not complete is in the way", where=str(folder), expected="nothing there",
                         found="something else", do="move it away and fetch again")  # fmt: skip
    folder.parent.mkdir(parents=True, exist_ok=True)
    check_space(folder.parent, needed_bytes=2 * size_bytes)
    archive = folder.with_name(f".{folder.name}.archive")
    with shown(progress, what=folder.name) as show:
        download(url, archive, tries=tries, timeout_s=timeout_s, wait_s=wait_s, progress=show)
    trial = folder.with_name(f".{folder.name}.unpacked")
    shutil.rmtree(trial, ignore_errors=True)
    try:
        unpack(archive, trial, wanted=expected.__contains__, max_bytes=2 * size_bytes)
        _hold_against(trial, expected, where=url)
        if folder.is_dir():
            folder.rmdir()
        trial.rename(folder)
    finally:
        shutil.rmtree(trial, ignore_errors=True)
        archive.unlink(missing_ok=True)  # whole or not, what it held is now known


def _hold_against(folder: Path, expected: Mapping[str, str], *, where: str) -> None:
    from leukbench.sources.hashing import file_sha256

    missing = [path for path in expected if not (folder / path).is_file()]
    altered = [p for p, digest in expected.items() if p not in missing and file_sha256(folder / p) != digest]
    if missing or altered:
        raise DataError(
            "a downloaded archive is not the published one",
            where=where,
            expected=f"{len(expected)} files with their published hashes",
            found=f"{len(missing)} missing ({', '.join(missing[:3])}), "
            f"{len(altered)} altered ({', '.join(altered[:3])})",
            do="try again; if it stays so, report it",
        )


@contextmanager
def shown(progress: Progress | None, *, what: str) -> Iterator[Progress | None]:
    """Yield the caller's progress function, or a bar on standard error where a person is looking, or nothing."""
    import sys

    if progress is not None or not sys.stderr.isatty():
        yield progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
