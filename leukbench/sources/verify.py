"""Hold a source's files against its published list: missing, extra, truncated, altered; every image is decoded."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from leukbench.errors import DataError
from leukbench.sources import load_source
from leukbench.sources.base import Source, need_folder

_IMAGES = frozenset({".bmp", ".jpg", ".jpeg", ".png"})


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What a source's folder holds, as paths below it, each list sorted."""

    source: str
    n_listed: int
    n_checked: int  # listed files that are there
    missing: tuple[str, ...]  # listed, not there
    extra: tuple[str, ...]  # there, not listed
    truncated: tuple[str, ...]  # images that end early or do not decode
    altered: tuple[str, ...]  # whole, but not with the listed hash

    @property
    def intact(self) -> bool:
        """Whether every listed file that is there is whole and unaltered."""
        return not (self.truncated or self.altered)

    @property
    def complete(self) -> bool:
        """Whether every listed file is there."""
        return not self.missing

    def summary(self, *, n_shown: int = 5) -> str:
        """Return a text of one line a kind of finding, with the first ``n_shown`` paths each."""
        state = "intact" if self.intact else "NOT intact"
        lines = [f"{self.source}: {state}, {self.n_checked} of {self.n_listed} listed files are here"]
        for kind in ("missing", "extra", "truncated", "altered"):
            found: tuple[str, ...] = getattr(self, kind)
            shown = ", ".join(found[:n_shown]) + (f", and {len(found) - n_shown} more" if len(found) > n_shown else "")
            lines.append(f"  {kind}: {len(found)}" + (f" ({shown})" if found else ""))
        return "\n".join(lines)


def verify_source(name: str, folder: Path, *, threads: int = 2) -> VerifyReport:
    """Return what is wrong with the files of a source in ``folder``. Raises InputError for a wrong name or no folder.

    The list is the published one that ships with the package, or for a synthetic source the one it was made with.
    """
    source = load_source(name)
    need_folder(source.card, folder)
    listed = dict(source.listing(folder)[["path", "sha256"]].itertuples(index=False, name=None))
    there = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    present = sorted(listed.keys() & there)
    with ThreadPoolExecutor(threads) as pool:
        states = list(pool.map(lambda path: _state(folder / path, listed[path]), present))
    return VerifyReport(
        source=name,
        n_listed=len(listed),
        n_checked=len(present),
        missing=tuple(sorted(listed.keys() - there)),
        extra=tuple(sorted(path for path in there - listed.keys() if not _may_stand(source, path))),
        truncated=tuple(path for path, state in zip(present, states, strict=True) if state == "truncated"),
        altered=tuple(path for path, state in zip(present, states, strict=True) if state == "altered"),
    )


def _may_stand(source: Source, path: str) -> bool:
    return path.split("/", 1)[0] in source.optional


def _state(file: Path, sha256: str) -> str:
    from leukbench.sources.hashing import decode

    data = file.read_bytes()
    if file.suffix.lower() in _IMAGES:
        try:
            decode(data, where=str(file))
        except DataError:
            return "truncated"
    return "" if hashlib.sha256(data).hexdigest() == sha256 else "altered"
