"""Put the images of C-NMC 2019 into their official places, from any sorting into folders and from files written anew.

An image is known by its sha256, or else by its pixels: the published file is then written again, byte for byte
(:mod:`leukbench.sources.bitmaps`), and its sha256 proves it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from leukbench.errors import DataError, InputError
from leukbench.sources.bitmaps import published_forms
from leukbench.sources.dirt import clean_files
from leukbench.sources.hashing import decode, file_sha256

IMAGES = frozenset({".bmp", ".png"})


@dataclass(frozen=True)
class Find:
    """A published file that an image was found to be: its path,
    and its bytes where these are not those of the image."""

    path: str
    restored: bytes | None
    same_name: bool


class Places:
    """The published files by their hashes; ``facts`` are rows with path, sha256 and perhaps published_name."""

    def __init__(self, facts: Iterable[Mapping[str, str]]) -> None:
        self._paths: dict[str, list[str]] = {}
        self._stems: dict[str, set[str]] = {}
        for fact in facts:
            self._paths.setdefault(fact["sha256"], []).append(fact["path"])
            names = (fact["path"], fact.get("published_name", ""))
            self._stems[fact["path"]] = {PurePosixPath(name).stem for name in names if name}
        self.stems = frozenset(stem for stems in self._stems.values() for stem in stems)

    def find(self, data: bytes, *, name: str) -> Find | None:
        """Return which published file the bytes of an image are, or hold the pixels of; None where they are none.

        Of several equal files the one with this name is meant, with or without its suffix. Bytes that are no whole
        image are none of them.
        """
        found = self._of_hash(hashlib.sha256(data).hexdigest(), name, None)
        if found is not None:
            return found
        try:
            image = decode(data, where=name)
        except DataError:
            return None
        for form in published_forms(image):
            found = self._of_hash(hashlib.sha256(form).hexdigest(), name, form)
            if found is not None:
                return found
        return None

    def _of_hash(self, sha256: str, name: str, restored: bytes | None) -> Find | None:
        paths = self._paths.get(sha256, [])
        stem = PurePosixPath(name).stem
        same = [path for path in paths if stem in self._stems[path]]
        return Find((same or paths)[0], restored, bool(same)) if paths else None


@dataclass
class Tally:
    """What images came to: paths as published, restored from their pixels, known under another name, or unknown."""

    as_published: set[str] = field(default_factory=set)
    restored: set[str] = field(default_factory=set)
    renamed: list[str] = field(default_factory=list)  # names whose pixels are those of a file of another name
    unknown: list[str] = field(default_factory=list)  # names whose pixels no published file has
    repeated: list[str] = field(default_factory=list)  # names of images that came before

    @property
    def paths(self) -> set[str]:
        """The published files that were found."""
        return self.as_published | self.restored

    def add(self, name: str, found: Find | None) -> bool:
        """Count an image; return whether it is a published file that was not there yet."""
        if found is None:
            self.unknown.append(name)
            return False
        if not found.same_name:
            self.renamed.append(name)
        if found.path in self.paths:
            self.repeated.append(name)
            return False
        (self.as_published if found.restored is None else self.restored).add(found.path)
        return True


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a trial folder that becomes ``folder`` when the block ends without an error; a link there is replaced.

    Raises InputError where a real folder is in the way.
    """
    if folder.exists() and not folder.is_symlink():
        raise InputError("a source cannot be put in place", where=str(folder),
                         expected="no folder there yet", found="a folder", do="move it away")  # fmt: skip
    trial = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(trial, ignore_errors=True)
    trial.mkdir(parents=True)
    try:
        yield trial
        folder.unlink(missing_ok=True)
        trial.rename(folder)
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def link_or_restore(folder: Path, *, from_dir: Path, places: Places) -> Tally:
    """Link every published image below ``from_dir`` into ``folder``;
    write those anew whose pixels alone are as published.

    Files with other names than published ones are left alone, links to elsewhere followed: it is the user's own folder.
    Raises DataError for a published name with other pixels.
    """
    tally = Tally()
    for file in clean_files(from_dir):
        if file.suffix.lower() not in IMAGES or file.stem not in places.stems:
            continue
        found = places.find(file.read_bytes(), name=file.name)
        if found is None or not found.same_name:
            raise DataError(
                "a file is not the published one",
                where=str(file),
                expected="the pixels of a published file of this name",
                found=f"sha256 {file_sha256(file)}",
                do="get it again",
            )
        if tally.add(file.name, found):
            put(folder / found.path, found, file)
    return tally


def link_by_hash(folder: Path, *, from_dir: Path, listed: Mapping[str, str]) -> int:
    """Link every file below ``from_dir`` that has a published sha256 (``listed``:
    path -> sha256) to its paths; return how many.

    Names and folders do not matter; files with other hashes are left alone.
    """
    paths: dict[str, list[str]] = {}
    for path, sha256 in listed.items():
        paths.setdefault(sha256, []).append(path)
    placed: set[str] = set()
    for file in clean_files(from_dir):
        for path in paths.get(file_sha256(file), ()):
            if path not in placed:
                placed.add(path)
                put(folder / path, Find(path, None, True), file)
    return len(placed)


def put(place: Path, found: Find, file: Path) -> None:
    """Make ``place`` a link to the file, or the published file with its pixels."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if found.restored is None:
        place.symlink_to(file.resolve())
    else:
        place.write_bytes(found.restored)
