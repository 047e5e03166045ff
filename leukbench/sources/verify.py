"""Hold a source's files against its published list: missing, extra, truncated, altered; every image is decoded.

Portals and mirrors write images anew, with other headers or as PNG. Such a file is not altered: its pixels are
compared, and it is named as what it is.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from leukbench.errors import DataError
from leukbench.sources import load_source
from leukbench.sources.base import Source, need_folder
from leukbench.sources.dirt import is_dirt, walk
from leukbench.sources.hashing import Image

_IMAGES = frozenset({".bmp", ".jpg", ".jpeg", ".png"})


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What a source's folder holds, as paths below it, each list sorted."""

    source: str
    n_listed: int
    n_checked: int  # listed files that are there, and unlisted ones where there is no list
    missing: tuple[str, ...]  # listed, not there, nor its pixels in another file
    extra: tuple[str, ...]  # there, not listed, and with pixels of no missing file
    truncated: tuple[str, ...]  # images that end early or do not decode
    altered: tuple[str, ...]  # whole, but with neither the listed hash nor its pixels
    same_pixels: tuple[tuple[str, str], ...] = ()  # (file here, listed path whose pixels it has in other bytes)
    n_dirt: int = 0  # files that an operating system left there

    @property
    def intact(self) -> bool:
        """Whether something is there, and every file is whole and, where it is listed, has the published pixels."""
        return bool(self.n_checked or self.same_pixels) and not (self.truncated or self.altered)

    @property
    def complete(self) -> bool:
        """Whether every listed file is there, or at least its pixels."""
        return not self.missing

    def summary(self, *, n_shown: int = 5) -> str:
        """Return a text of one line a kind of finding, with the first ``n_shown`` paths each."""
        nobody = not (self.n_checked or self.same_pixels)
        state = "what is here is intact" if self.intact else ("NOT here" if nobody else "NOT intact")
        listed = f"{self.n_checked} of {self.n_listed} listed files are here"
        nothing = f"no list of hashes is published or recorded, {self.n_checked} images decoded"
        lines = [f"{self.source}: {state}, {listed if self.n_listed else nothing}"]
        for kind in ("missing", "extra", "truncated", "altered"):
            lines.append(_line(kind, getattr(self, kind), n_shown))
        pairs = tuple(here if here == there else f"{here} for {there}" for here, there in self.same_pixels)
        dirt = [f"  left by an operating system, not looked at: {self.n_dirt}"] if self.n_dirt else []
        return "\n".join([*lines, _line("same pixels, other file", pairs, n_shown), *dirt])


def _line(kind: str, found: tuple[str, ...], n_shown: int) -> str:
    shown = ", ".join(found[:n_shown]) + (f", and {len(found) - n_shown} more" if len(found) > n_shown else "")
    return f"  {kind}: {len(found)}" + (f" ({shown})" if found else "")


@dataclass(frozen=True)
class _Look:
    """One file: its sha256, whether it is broken, and the hashes by which its pixels may be listed."""

    sha256: str
    broken: bool
    keys: tuple[str, ...]


def verify_source(name: str, folder: Path, *, threads: int = 2) -> VerifyReport:
    """Return what is wrong with the files of a source in ``folder``. Raises InputError for a wrong name or no folder.

    The list is the published one that ships with the package, for a synthetic source the one it was made with, and for
    a source without either what was recorded when its files came.
    """
    source = load_source(name)
    need_folder(source.card, folder)
    listed = dict(source.listing(folder)[["path", "sha256"]].itertuples(index=False, name=None))
    everything = {file.relative_to(folder).as_posix() for file in walk(folder)}
    there = {path for path in everything if path in listed or not is_dirt(PurePosixPath(path))}
    unlisted = {path for path in there - listed.keys() if not _may_stand(source, path)}
    present = sorted(there & listed.keys()) if listed else sorted(p for p in there if _is_part(source, p))
    with ThreadPoolExecutor(threads) as pool:
        looks = dict(
            zip(present, pool.map(lambda path: _look(source, folder / path, listed.get(path)), present), strict=True)
        )
        others = sorted(path for path in unlisted if listed and _is_image(path))
        looks |= dict(zip(others, pool.map(lambda path: _look(source, folder / path, None), others), strict=True))
    report = _report(source, listed, there, unlisted if listed else set(), looks)
    return dataclasses.replace(report, n_dirt=len(everything) - len(there))


def _report(
    source: Source, listed: Mapping[str, str], there: set[str], unlisted: set[str], looks: Mapping[str, _Look]
) -> VerifyReport:
    pixels = source.pixel_list() if source.pixel_list is not None else {}
    changed = [p for p in sorted(looks) if p in listed and not looks[p].broken and looks[p].sha256 != listed[p]]
    same = [(p, p) for p in changed if {listed[p], pixels.get(p)} & set(looks[p].keys)]
    missing = listed.keys() - there
    stand_ins = _stand_ins({p: listed[p] for p in missing}, pixels, {p: looks[p] for p in unlisted & looks.keys()})
    here, found = {a for a, _ in stand_ins}, {b for _, b in stand_ins}
    unaltered = {p for p, _ in same}
    checked = [p for p in looks if p not in unlisted]
    return VerifyReport(
        source=source.name,
        n_listed=len(listed),
        n_checked=len(checked),
        missing=tuple(sorted(missing - found)),
        extra=tuple(sorted(unlisted - here)),
        truncated=tuple(p for p in sorted(checked) if looks[p].broken),
        altered=tuple(p for p in changed if p not in unaltered),
        same_pixels=tuple(sorted([*same, *stand_ins])),
    )


def _stand_ins(
    missing: Mapping[str, str], pixels: Mapping[str, str], extra: Mapping[str, _Look]
) -> list[tuple[str, str]]:
    """Return (unlisted file, missing path) for files with the pixels of a missing one; of several,
    the one of the same name."""
    by_key: dict[str, list[str]] = {}
    for path, sha256 in missing.items():
        for key in {sha256, pixels.get(path, sha256)}:
            by_key.setdefault(key, []).append(path)
    found: dict[str, str] = {}
    for file, look in sorted(extra.items()):
        paths = {p for key in (look.sha256, *look.keys) for p in by_key.get(key, ()) if p not in found}
        if paths:
            stem = PurePosixPath(file).stem
            found[min(paths, key=lambda p: (PurePosixPath(p).stem != stem, p))] = file
    return [(file, path) for path, file in found.items()]


def _may_stand(source: Source, path: str) -> bool:
    return source.beside or path.split("/", 1)[0] in source.optional


def _is_part(source: Source, path: str) -> bool:
    """Say whether a file that nothing lists is an image of the source, by the folder in which it lies."""
    return _is_image(path) and (not source.card.needs or path.split("/", 1)[0] in source.card.needs)


def _is_image(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in _IMAGES


def _look(source: Source, file: Path, sha256: str | None) -> _Look:
    """Return what a file is; pixels are hashed only where its bytes are not those that are listed."""
    from leukbench.sources.hashing import decode

    data = file.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if not _is_image(file.name):
        return _Look(found, False, ())
    try:
        image = decode(data, where=str(file))
    except DataError:
        return _Look(found, True, ())
    return _Look(found, False, () if found == sha256 else _keys(source, image))


def _keys(source: Source, image: Image) -> tuple[str, ...]:
    from leukbench.sources.hashing import pixel_sha256

    return (pixel_sha256(image), *(source.forms(image) if source.forms is not None else ()))
