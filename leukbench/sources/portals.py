"""Get a source by one of its portals: a public GitHub archive, Kaggle, a Hugging Face mirror, a folder of the user's.

Kaggle and Hugging Face are reached through their own libraries (the extra ``portals``), which keep what has arrived and
go on from there. Here stand the waiting and trying again, the room on the disk, and what is done with the files.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leukbench import paths
from leukbench.errors import DataError, InputError, unknown_name
from leukbench.sources import fetching
from leukbench.sources.archives import unpack
from leukbench.sources.base import Portal, Source, SourceCard
from leukbench.sources.dirt import clean_files

PIP = "pip install 'kagglehub>=0.3' 'huggingface_hub>=0.26'  (or leukbench[portals])"
KAGGLE_TOKEN = (
    "make a free token at kaggle.com, Settings, API, and put it into the environment variable KAGGLE_API_TOKEN or the "
    "file ~/.kaggle/access_token (an older kaggle.json goes to ~/.kaggle/kaggle.json)"
)
HUGGINGFACE_TOKEN = (
    "make a token at huggingface.co, Settings, Access Tokens, and put it into HF_TOKEN, or run hf auth login"
)
_REFUSED = frozenset({401, 403})


def fetch_by(
    source: Source, way: str, folder: Path, *, from_dir: Path | None = None, tries: int = 4, wait_s: float = 2.0
) -> str:
    """Put a source's files at ``folder`` by one of its portals and return what came, one sentence.

    A folder that is already there is never overwritten. Raises InputError for a portal that the source does not have, a
    library or token that is missing, or a transfer that fails ``tries`` times in a row (``wait_s`` × 2ⁿ seconds apart;
    what has arrived is kept); DataError where files are not the published ones.
    """
    portal = portal_of(source.card, way)
    if way == "folder":
        assert source.fetch is not None
        if fetching.mirror_of(source.card, from_dir=from_dir) is None:
            raise InputError(
                "no folder is named", expected="--from DIR, or LEUKBENCH_MIRROR", found="neither", do=portal.command
            )
        source.fetch(folder, from_dir=from_dir)
        return verified(source, folder)
    if folder.exists() and not folder.is_symlink() and any(folder.iterdir()):
        raise InputError("a folder is in the way", where=str(folder), expected="nothing there, or a link",
                         found="a folder with files", do="move it away, or leave it: it is used as it is")  # fmt: skip
    folder.parent.mkdir(parents=True, exist_ok=True)
    get = {"github": _github, "kaggle": _kaggle, "huggingface": _huggingface}[way]
    return get(source, portal, folder, tries=tries, wait_s=wait_s)


def portal_of(card: SourceCard, way: str) -> Portal:
    """Return the portal of a card that goes this way.

    Raises InputError: with the command where the user must go there, else naming the portals that there are.
    """
    for portal in card.portals:
        if portal.way == way and way != "by_hand":
            return portal
    for portal in card.portals:
        if portal.way == "by_hand" and way.lower() in {portal.name.lower(), "by_hand"}:
            raise InputError(
                f"{portal.name} cannot be asked from here",
                where=f"source {card.name}",
                found=way,
                expected="one of: " + ", ".join(ways_of(card)),
                do=f"run\n    {portal.command}",
            )
    raise unknown_name("portal", way, ways_of(card), where=f"source {card.name}")


def ways_of(card: SourceCard) -> list[str]:
    """Return what ``--portal`` takes for a source."""
    return list(dict.fromkeys(portal.way for portal in card.portals if portal.way != "by_hand"))


# -------------------------------------------------------------------------------------------------------------- GitHub


def _github(source: Source, portal: Portal, folder: Path, *, tries: int, wait_s: float) -> str:
    listed = source.listing(folder)
    size = int(listed["size_bytes"].sum())
    if not portal.partial:
        expected = dict(listed[["path", "sha256"]].itertuples(index=False, name=None))
        if folder.is_symlink():
            raise InputError("a link is in the way", where=str(folder), expected="nothing there",
                             found=f"a link to {folder.resolve()}", do="remove the link")  # fmt: skip
        fetching.download_archive(portal.url, folder, expected=expected, size_bytes=size, tries=tries, wait_s=wait_s)
        return f"{source.name}: {len(expected):,} files, each with its published hash"
    assert source.fetch is not None
    got, archive = folder.with_name(f"{folder.name}.github"), folder.with_name(f".{folder.name}.archive")
    if not got.is_dir():
        fetching.check_space(folder.parent, needed_bytes=2 * portal.unpacked_bytes)  # the archive and what it holds
        with fetching.shown(None, what=source.name) as show:
            fetching.download(portal.url, archive, tries=tries, wait_s=wait_s, progress=show)
        try:
            unpack(archive, got, wanted=lambda path: path.endswith(portal.wanted), max_bytes=size)
        finally:
            archive.unlink(missing_ok=True)  # whole or not, what it held is now known
    source.fetch(folder, from_dir=got)
    n_files = sum(1 for _ in clean_files(folder))
    return f"{source.name}: {n_files:,} of {len(listed):,} files, each with its published hash ({got} holds them)"


# -------------------------------------------------------------------------------------------------------------- Kaggle


def _kaggle(source: Source, portal: Portal, folder: Path, *, tries: int, wait_s: float) -> str:
    kagglehub = _library("kagglehub")
    cache = paths.expanded(Path(os.environ.get("KAGGLEHUB_CACHE", "~/.cache/kagglehub")), where="KAGGLEHUB_CACHE")
    unpacked = int(source.listing(folder)["size_bytes"].sum())
    fetching.check_space(cache, needed_bytes=portal.size_bytes + unpacked)
    got = Path(
        _patiently(
            lambda: kagglehub.dataset_download(portal.handle),
            portal,
            KAGGLE_TOKEN,
            _errors_of("kagglehub.exceptions"),
            tries=tries,
            wait_s=wait_s,
        )
    )
    _refuse_links(got)
    if portal.partial:
        return _placed(source, folder, got)
    assert source.fetch is not None
    source.fetch(folder, from_dir=got)
    return verified(source, folder)


def _placed(source: Source, folder: Path, got: Path) -> str:
    """Link the published files among those that came, wherever they lie there, and say how many."""
    from leukbench.sources import placing

    listed = dict(source.listing(folder)[["path", "sha256"]].itertuples(index=False, name=None))
    with placing.new_folder(folder) as trial:
        n_files = placing.link_by_hash(trial, from_dir=got, listed=listed)
        if not n_files:
            raise DataError(
                "a download holds no published file",
                where=str(got),
                expected=f"files of {source.name} with their published hashes",
                found="none",
                do="get the source by another portal",
            )
    return f"{source.name}: {n_files:,} of {len(listed):,} published files, each with its hash ({got} holds them)"


def verified(source: Source, folder: Path) -> str:
    """Return what verification says of files that no one has held against a list yet. Raises DataError for damage."""
    from leukbench.sources.verify import verify_source

    report = verify_source(source.name, folder)
    if not report.intact and report.n_checked:
        raise DataError(
            "files of this portal are not the published ones", where=str(folder), expected="the published hashes",
            found=report.summary(), do="get the source again, or by another portal",
        )  # fmt: skip
    return report.summary()


def _refuse_links(folder: Path) -> None:
    """Raise DataError where a download holds a link: it may lead out of its folder."""
    links = [path for path in folder.rglob("*") if path.is_symlink()]
    if links:
        raise DataError(
            "a download holds a link",
            where=str(links[0]),
            expected="plain files and folders",
            found=f"{len(links)} link(s)",
            do="do not use this download; report where it came from",
        )


# -------------------------------------------------------------------------------------------------------- Hugging Face


def _huggingface(source: Source, portal: Portal, folder: Path, *, tries: int, wait_s: float) -> str:
    huggingface_hub = _library("huggingface_hub")
    assert source.restore is not None
    size = int(source.listing(folder)["size_bytes"].sum())
    fetching.check_space(folder.parent, needed_bytes=portal.size_bytes + size)
    repository, _, revision = portal.handle.partition("@")
    shards = folder.with_name(f"{folder.name}.huggingface")  # kept: after a break only what is missing is fetched
    _patiently(
        lambda: huggingface_hub.snapshot_download(
            repository,
            repo_type="dataset",
            revision=revision or None,
            allow_patterns=[portal.wanted],
            local_dir=str(shards),
        ),
        portal,
        HUGGINGFACE_TOKEN,
        _errors_of("huggingface_hub.errors"),
        tries=min(tries, 2),
        wait_s=wait_s,  # it tries five times itself
    )
    _refuse_links(shards)
    return source.restore(folder, shards)


# ------------------------------------------------------------------------------------------------------------ libraries


def _library(name: str) -> Any:
    """Return a portal's library. Raises InputError with the line that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"the library {name} is not installed", expected="the extra portals", found=str(error), do=PIP
        ) from error


def _errors_of(module: str) -> tuple[type[Exception], ...]:
    """Return what a library raises: its own exceptions, and OSError, from which requests' errors descend."""
    found = vars(importlib.import_module(module)).values()
    own = [kind for kind in found if isinstance(kind, type) and issubclass(kind, Exception)]
    return (OSError, *own)


def _patiently(
    call: Callable[[], str],
    portal: Portal,
    token: str,
    errors: tuple[type[Exception], ...],
    *,
    tries: int,
    wait_s: float,
) -> str:
    """Return what ``call`` returns, trying again where the portal is busy or the connection broke."""
    why = ""
    for attempt in range(tries):
        try:
            return call()
        except errors as error:
            why = f"{type(error).__name__}: {error}"
            code = getattr(getattr(error, "response", None), "status_code", None)
            if code in _REFUSED or type(error).__name__ in {"UnauthenticatedError", "CredentialError"}:
                raise InputError(
                    f"{portal.name} asks who you are", where=portal.url, expected="a token", found=why, do=token
                ) from error
            if code is not None and code not in fetching.WORTH_ANOTHER_TRY:
                break
        if attempt + 1 < tries:
            time.sleep(wait_s * 2.0**attempt)
    raise InputError(
        f"{portal.name} does not deliver", where=portal.url, expected=f"the files within {tries} tries", found=why,
        do="run the command again: what has arrived is kept; or get the files otherwise and give --from DIR",
    )  # fmt: skip
