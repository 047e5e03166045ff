"""Every portal against a server or a stand-in for its library;
the stand-ins keep to the libraries' documented interfaces."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import inspect
import json
import sys
import types
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leukbench.errors import DataError, InputError
from leukbench.sources import base, fetching, load_source, portals, source_names
from leukbench.sources.base import Portal, Source
from leukbench.sources.bitmaps import form_hashes, published_forms
from leukbench.sources.hashing import Image
from leukbench.sources.portals import fetch_by, portal_of, ways_of
from tests.support.hostile import FILES, HARMFUL, Server, send, tar_of
from tests.support.real_images import real_folder

CELLS = ("UID_1_1_1_all", "UID_H10_1_1_hem", "UID_2_1_1_all", "UID_H14_1_1_hem")


def pixels(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (30, 31, 3), dtype=np.uint8)


def png(image: Image) -> bytes:
    return bytes(cv2.imencode(".png", image[:, :, ::-1])[1].tobytes())


def place_of(stem: str) -> str:
    return f"training_data/fold_1/{'hem' if 'hem' in stem else 'all'}/{stem}.bmp"


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> dict[str, Image]:
    """Four made cells that take the place of the 15,114 published ones."""
    made = {stem: pixels(i) for i, stem in enumerate(CELLS)}
    facts = tuple(
        {"path": place_of(stem), "sha256": form_hashes(image)[0], "size_bytes": "3000", "published_name": ""}
        for stem, image in made.items()
    )
    monkeypatch.setattr(base, "read_facts", lambda name: facts)
    return made


# ------------------------------------------------------------------------------------------------------------- GitHub


def _published(url: str) -> Source:
    """Return the Aria source with its archive at ``url`` and FILES as what is published."""
    source = load_source("aria_all_2021")
    archive = Portal(name="GitHub copy", way="github", command="leukbench fetch aria_all_2021 --portal github", url=url)
    return dataclasses.replace(source, card=dataclasses.replace(source.card, portals=(archive,)))


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tuple(
        {"path": p, "sha256": hashlib.sha256(d).hexdigest(), "size_bytes": str(len(d))} for p, d in FILES.items()
    )
    monkeypatch.setattr(base, "read_facts", lambda name: rows)


def test_an_archive_in_the_publishers_layout_is_unpacked_and_held_against_its_hashes(
    server: Server, tmp_path: Path, facts: None
) -> None:
    server.answers["/a.tgz"] = lambda handler, n: send(handler, tar_of(FILES))
    message = fetch_by(_published(f"{server.url}/a.tgz"), "github", tmp_path / "d" / "s")
    assert message == "aria_all_2021: 3 files, each with its published hash"
    assert {f.relative_to(tmp_path / "d" / "s").as_posix() for f in (tmp_path / "d").rglob("*") if f.is_file()} == set(
        FILES
    )


@pytest.mark.parametrize("kind", sorted(HARMFUL.keys() - {"file and folder", "too much"}))
def test_a_harmful_archive_from_a_server_leaves_nothing(kind: str, server: Server, tmp_path: Path, facts: None) -> None:
    server.answers["/a.tgz"] = lambda handler, n: send(handler, HARMFUL[kind])
    with pytest.raises(DataError, match="archive"):
        fetch_by(_published(f"{server.url}/a.tgz"), "github", tmp_path / "d" / "s")
    assert list((tmp_path / "d").iterdir()) == []


@pytest.mark.parametrize("kind", ["file and folder", "too much"])
def test_what_nobody_asked_for_is_not_unpacked(kind: str, server: Server, tmp_path: Path, facts: None) -> None:
    server.answers["/a.tgz"] = lambda handler, n: send(handler, HARMFUL[kind])
    fetch_by(_published(f"{server.url}/a.tgz"), "github", tmp_path / "d" / "s")
    assert {f.relative_to(tmp_path / "d" / "s").as_posix() for f in (tmp_path / "d").rglob("*") if f.is_file()} == set(
        FILES
    )


def test_an_archive_with_folders_of_its_own_is_sorted_into_the_official_places(
    server: Server, tmp_path: Path, cells: dict[str, Image]
) -> None:
    packed = {f"data/{'h' if 'hem' in s else 'l'}/{s}.bmp": published_forms(i)[0] for s, i in list(cells.items())[:3]}
    server.answers["/a.tgz"] = lambda handler, n: send(handler, tar_of({**packed, "model.h5": b"x"}))
    source = load_source("cnmc_2019")
    portal = dataclasses.replace(portal_of(source.card, "github"), url=f"{server.url}/a.tgz", unpacked_bytes=9000)
    source = dataclasses.replace(source, card=dataclasses.replace(source.card, portals=(portal,)))
    message = fetch_by(source, "github", tmp_path / "d" / "cnmc_2019")
    assert "3 of 4 files, each with its published hash" in message
    placed = {
        f.relative_to(tmp_path / "d" / "cnmc_2019").as_posix() for f in (tmp_path / "d" / "cnmc_2019").rglob("*.bmp")
    }
    assert placed == {place_of(stem) for stem in CELLS[:3]}
    assert not list((tmp_path / "d").rglob("*.h5")) and not list((tmp_path / "d").glob(".*"))


def test_the_archive_is_not_asked_for_where_the_disk_has_no_room(
    server: Server, tmp_path: Path, facts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = fetching.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(InputError, match="no room"):
        fetch_by(_published(f"{server.url}/a.tgz"), "github", tmp_path / "d" / "s")
    assert server.seen == []


def test_a_folder_with_files_is_never_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "cnmc_2019"
    mine.mkdir()
    (mine / "mine.txt").write_text("mine")
    for way in ("github", "kaggle", "huggingface"):
        with pytest.raises(InputError, match="in the way"):
            fetch_by(load_source("cnmc_2019"), way, mine)
    assert (mine / "mine.txt").read_text() == "mine"
    (tmp_path / "aria_all_2021").symlink_to(mine)
    with pytest.raises(InputError, match="a link is in the way"):
        fetch_by(load_source("aria_all_2021"), "github", tmp_path / "aria_all_2021")
    assert (tmp_path / "aria_all_2021").resolve() == mine


# ------------------------------------------------------------------------------------------------------------- Kaggle


class KaggleApiHTTPError(OSError):
    """As kagglehub's, which descends from requests.HTTPError and so from OSError; it carries the answer."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.response = types.SimpleNamespace(status_code=code)


class DataCorruptionError(Exception):
    """As kagglehub's: the md5 of a download is not that of its header."""


Download = Callable[[int], str]


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Download], list[str]]:
    """Put a stand-in for kagglehub in place; it calls ``download(n)`` at the n-th call and
    lists the handles asked for."""

    def stand_in(download: Download) -> list[str]:
        asked: list[str] = []

        def dataset_download(
            handle: str, path: str | None = None, *, force_download: bool | None = False, output_dir: str | None = None
        ) -> str:
            asked.append(handle)
            return download(len(asked) - 1)

        module, exceptions = types.ModuleType("kagglehub"), types.ModuleType("kagglehub.exceptions")
        module.dataset_download = dataset_download  # type: ignore[attr-defined]
        exceptions.KaggleApiHTTPError = KaggleApiHTTPError  # type: ignore[attr-defined]
        exceptions.DataCorruptionError = DataCorruptionError  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "kagglehub", module)
        monkeypatch.setitem(sys.modules, "kagglehub.exceptions", exceptions)
        monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
        return asked

    return stand_in


def _kaggle_copy(folder: Path, cells: dict[str, Image], *, wrap: str = "C-NMC_Leukemia") -> Path:
    for stem, image in cells.items():
        (folder / wrap / place_of(stem)).parent.mkdir(parents=True, exist_ok=True)
        (folder / wrap / place_of(stem)).write_bytes(published_forms(image)[0])
    return folder


def test_kaggle_delivers_a_folder_that_is_linked_and_verified(
    tmp_path: Path, cells: dict[str, Image], kaggle: Callable[[Download], list[str]]
) -> None:
    got = _kaggle_copy(tmp_path / "cache" / "1", cells)
    asked = kaggle(lambda n: str(got))
    message = fetch_by(load_source("cnmc_2019"), "kaggle", tmp_path / "d" / "cnmc_2019", wait_s=0)
    assert asked == ["andrewmvd/leukemia-classification"]
    assert (tmp_path / "d" / "cnmc_2019").resolve() == got / "C-NMC_Leukemia"
    assert message.startswith("cnmc_2019: what is here is intact, 4 of 4 listed files are here")


def test_altered_files_from_kaggle_are_named(
    tmp_path: Path, cells: dict[str, Image], kaggle: Callable[[Download], list[str]]
) -> None:
    got = _kaggle_copy(tmp_path / "cache" / "1", cells)
    (got / "C-NMC_Leukemia" / place_of(CELLS[0])).write_bytes(published_forms(pixels(77))[0])
    kaggle(lambda n: str(got))
    with pytest.raises(DataError, match=rf"(?s)not the published ones.*altered: 1 \({place_of(CELLS[0])}\)"):
        fetch_by(load_source("cnmc_2019"), "kaggle", tmp_path / "d" / "cnmc_2019", wait_s=0)


def test_a_release_in_other_folders_is_known_by_its_hashes(
    tmp_path: Path, facts: None, kaggle: Callable[[Download], list[str]]
) -> None:
    got = tmp_path / "cache" / "blood"
    for name, data in {
        "dataset2-master/a/one.txt": FILES["images/x/1.txt"],
        "b/l.csv": FILES["labels.csv"],
        "c": b"?",
    }.items():
        (got / name).parent.mkdir(parents=True, exist_ok=True)
        (got / name).write_bytes(data)
    asked = kaggle(lambda n: str(got))
    message = fetch_by(load_source("blood_cells"), "kaggle", tmp_path / "d" / "blood_cells", wait_s=0)
    assert asked == ["paultimothymooney/blood-cells"] and "2 of 3 published files" in message
    placed = {
        f.relative_to(tmp_path / "d" / "blood_cells").as_posix() for f in (tmp_path / "d" / "blood_cells").rglob("*.*")
    }
    assert placed == {"images/x/1.txt", "labels.csv"}


@pytest.mark.parametrize(
    "error", [KaggleApiHTTPError("503 Server Error", 503), DataCorruptionError("md5"), OSError("reset")]
)
def test_a_broken_transfer_is_asked_for_again(
    error: Exception, tmp_path: Path, cells: dict[str, Image], kaggle: Callable[[Download], list[str]]
) -> None:
    got = _kaggle_copy(tmp_path / "cache" / "1", cells)

    def download(n: int) -> str:
        if n < 2:
            raise error
        return str(got)

    asked = kaggle(download)
    fetch_by(load_source("cnmc_2019"), "kaggle", tmp_path / "d" / "cnmc_2019", wait_s=0)
    assert len(asked) == 3


def _raise(error: Exception) -> str:
    raise error


def test_waits_double_and_end(
    tmp_path: Path, cells: dict[str, Image], kaggle: Callable[[Download], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(portals.time, "sleep", waited.append)
    asked = kaggle(lambda n: _raise(KaggleApiHTTPError("429 Too Many Requests", 429)))
    with pytest.raises(InputError, match=r"(?s)does not deliver.*within 4 tries.*429.*what has arrived is kept"):
        fetch_by(load_source("cnmc_2019"), "kaggle", tmp_path / "d" / "cnmc_2019", wait_s=2.0)
    assert waited == [2.0, 4.0, 8.0] and len(asked) == 4
    assert not (tmp_path / "d" / "cnmc_2019").exists()


@pytest.mark.parametrize("code", [401, 403])
def test_a_refusal_explains_the_token_and_is_not_repeated(
    code: int, tmp_path: Path, cells: dict[str, Image], kaggle: Callable[[Download], list[str]]
) -> None:
    asked = kaggle(lambda n: _raise(KaggleApiHTTPError(f"{code} Client Error", code)))
    with pytest.raises(InputError, match=r"(?s)asks who you are.*KAGGLE_API_TOKEN.*~/\.kaggle"):
        fetch_by(load_source("cnmc_2019"), "kaggle", tmp_path / "d" / "cnmc_2019", wait_s=0)
    assert len(asked) == 1


def test_a_data_set_that_is_gone_is_asked_for_once(
    tmp_path: Path, cells: dict[str, Image], kaggle: Callable[[Download], list[str]]
) -> None:
    asked = kaggle(lambda n: _raise(KaggleApiHTTPError("404 Client Error", 404)))
    with pytest.raises(InputError, match="404"):
        fetch_by(load_source("cnmc_2019"), "kaggle", tmp_path / "d" / "cnmc_2019", wait_s=0)
    assert len(asked) == 1


def test_a_download_with_a_link_is_refused(
    tmp_path: Path, cells: dict[str, Image], kaggle: Callable[[Download], list[str]]
) -> None:
    got = _kaggle_copy(tmp_path / "cache" / "1", cells)
    (got / "C-NMC_Leukemia" / "testing_data").symlink_to("/etc")
    kaggle(lambda n: str(got))
    with pytest.raises(DataError, match="holds a link"):
        fetch_by(load_source("cnmc_2019"), "kaggle", tmp_path / "d" / "cnmc_2019", wait_s=0)
    assert not (tmp_path / "d" / "cnmc_2019").exists()


def test_without_room_nothing_is_asked_of_kaggle(
    tmp_path: Path, cells: dict[str, Image], kaggle: Callable[[Download], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = kaggle(lambda n: str(tmp_path))
    usage = fetching.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage._replace(free=900_000_000))
    with pytest.raises(InputError, match=r"(?s)no room.*917 MB free"):  # the zip, its files and 50 MB
        fetch_by(load_source("cnmc_2019"), "kaggle", tmp_path / "d" / "cnmc_2019")
    assert asked == []


@pytest.mark.parametrize(("way", "library"), [("kaggle", "kagglehub"), ("huggingface", "huggingface_hub")])
def test_a_missing_library_names_the_line_that_installs_it(
    way: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=rf"(?s){library} is not installed.*pip install"):
        fetch_by(load_source("cnmc_2019"), way, tmp_path / "d" / "cnmc_2019")


def test_the_libraries_take_what_they_are_given() -> None:
    import huggingface_hub

    arguments = {"repo_type": "dataset", "revision": "main", "allow_patterns": ["data/*.parquet"], "local_dir": "x"}
    takes = inspect.signature(huggingface_hub.snapshot_download)
    assert (
        set(arguments) <= takes.bind("a/b", **arguments).arguments.keys()
    )  # each by its name, none swallowed by **options
    if importlib.util.find_spec("kagglehub") is None:
        pytest.skip("kagglehub is not installed: its side is checked where the extra portals is")
    import kagglehub  # type: ignore[import-not-found,unused-ignore]

    assert list(inspect.signature(kagglehub.dataset_download).bind("a/b").arguments.values()) == ["a/b"]


# ------------------------------------------------------------------------------------------------------- Hugging Face


def shard(file: Path, rows: list[tuple[str, bytes]]) -> None:
    """Write a Parquet file as the datasets library does: images as structs of bytes and path."""
    columns: dict[str, Any] = {
        "image": [{"bytes": data, "path": None} for _, data in rows],
        "subject_id": ["1" for _ in rows],
        "class_label": ["all" for _ in rows],
        "original_image_name": [name for name, _ in rows],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path], None]], list[dict[str, Any]]]:
    """Put a stand-in for huggingface_hub in place that fills ``local_dir``; it lists what it was asked."""

    def stand_in(fill: Callable[[Path], None]) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def snapshot_download(
            repo_id: str, *, repo_type: str | None = None, revision: str | None = None,
            local_dir: str | Path | None = None, allow_patterns: list[str] | str | None = None,
        ) -> str:  # fmt: skip
            asked.append({"repo_id": repo_id, "repo_type": repo_type, "revision": revision, "patterns": allow_patterns})
            assert local_dir is not None
            fill(Path(local_dir))
            return str(local_dir)

        module, errors = types.ModuleType("huggingface_hub"), types.ModuleType("huggingface_hub.errors")
        module.snapshot_download = snapshot_download  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "huggingface_hub", module)
        monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
        return asked

    return stand_in


def test_a_mirror_of_pngs_becomes_the_published_files_and_the_rest_is_counted(
    tmp_path: Path, cells: dict[str, Image], mirror: Callable[..., list[dict[str, Any]]]
) -> None:
    first, second, third, _ = cells.values()

    def fill(local: Path) -> None:
        shard(local / "data" / "train-00000-of-00002.parquet", [
            (CELLS[0] + ".bmp", published_forms(first)[0]), (CELLS[1] + ".bmp", png(second)),
        ])  # fmt: skip
        shard(local / "data" / "train-00001-of-00002.parquet", [
            (CELLS[2], published_forms(third)[1]),  # the pixels in the other header
            (CELLS[3] + ".bmp", png(pixels(99))),  # a name that is published, with other pixels
            (CELLS[0] + ".bmp", png(first)), (CELLS[1] + "_copy.bmp", png(second)), ("broken.bmp", b"BM"),
        ])  # fmt: skip

    asked = mirror(fill)
    folder = tmp_path / "d" / "cnmc_2019"
    message = fetch_by(load_source("cnmc_2019"), "huggingface", folder, wait_s=0)
    assert asked == [{
        "repo_id": "dwb2023/cnmc-leukemia-2019", "repo_type": "dataset",
        "revision": "38b2e27ffce1e3396f17612da973231e1467f110", "patterns": ["data/*.parquet"],
    }]  # fmt: skip
    assert "holds 3 of the 4 published images: 1 byte for byte, 2 by their pixels" in message
    assert f"missing: 1 ({place_of(CELLS[3])})" in message
    assert f"no published file has: 2 ({CELLS[3]}.bmp, broken.bmp)" in message
    assert f"name of another image: 1 ({CELLS[1]}_copy.bmp)" in message and "more than once: 2" in message
    placed = {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*.bmp")}
    assert placed == {place_of(stem): published_forms(image)[0] for stem, image in list(cells.items())[:3]}


def test_the_library_itself_is_asked_rightly_and_survives_a_cut_connection(
    server: Server, tmp_path: Path, cells: dict[str, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real huggingface_hub against a hub on this machine that cuts the first transfer."""
    from huggingface_hub import constants

    shard(tmp_path / "hub.parquet", [(f"{stem}.bmp", png(image)) for stem, image in cells.items()])
    body, name = (tmp_path / "hub.parquet").read_bytes(), "data/train-00000-of-00001.parquet"
    repository, _, revision = portal_of(load_source("cnmc_2019").card, "huggingface").handle.partition("@")
    tree = json.dumps([{"type": "file", "path": name, "oid": "a" * 40, "size": len(body)}]).encode()

    def file(handler: BaseHTTPRequestHandler, n: int) -> None:
        if handler.command == "HEAD":
            handler.send_response(200)
            for key, value in {"ETag": '"abc"', "X-Repo-Commit": revision, "Content-Length": str(len(body))}.items():
                handler.send_header(key, value)
            handler.end_headers()
            return
        send(handler, body, cut=5000 if n == 0 else None)

    server.answers[f"/api/datasets/{repository}/tree/{revision}"] = lambda handler, n: send(handler, tree)
    server.answers[f"/datasets/{repository}/resolve/{revision}/{name}"] = file
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    message = fetch_by(load_source("cnmc_2019"), "huggingface", tmp_path / "d" / "cnmc_2019", wait_s=0.01)
    assert "holds 4 of the 4 published images: 0 byte for byte, 4 by their pixels" in message
    assert sum(path.endswith(name) for path, _ in server.seen) == 2


@pytest.mark.parametrize(
    ("fill", "match"),
    [
        (lambda local: local.mkdir(parents=True), "no Parquet file"),
        (lambda local: shard(local / "data" / "a.parquet", [("x", b"BM")]), "holds no published image"),
        (
            lambda local: shard(local / "data" / "train-00000-of-00002.parquet", [("x", b"BM")]),
            "shards of a mirror are missing",
        ),
        (lambda local: [shard(local / "a.parquet", []), (local / "a.parquet").write_bytes(b"PAR1")], "cannot be read"),
        (
            lambda local: [local.mkdir(parents=True), pq.write_table(pa.table({"image": [1]}), local / "a.parquet")],
            "other columns",
        ),
    ],
)
def test_a_mirror_that_is_none_leaves_no_folder(
    fill: Callable[[Path], None], match: str, tmp_path: Path, cells: dict[str, Image], mirror: Callable[..., Any]
) -> None:
    mirror(fill)
    with pytest.raises(DataError, match=match):
        fetch_by(load_source("cnmc_2019"), "huggingface", tmp_path / "d" / "cnmc_2019", wait_s=0)
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["cnmc_2019.huggingface"]


# ------------------------------------------------------------------------------------------------- folders and by hand


def test_the_portal_folder_is_the_users_copy(home: Path, tmp_path: Path, cells: dict[str, Image]) -> None:
    source = load_source("cnmc_2019")
    with pytest.raises(InputError, match=r"(?s)no folder is named.*--from DIR"):
        fetch_by(source, "folder", home / "data" / "cnmc_2019")
    got = _kaggle_copy(tmp_path / "mine", cells)
    fetch_by(source, "folder", home / "data" / "cnmc_2019", from_dir=got)
    assert (home / "data" / "cnmc_2019").resolve() == got / "C-NMC_Leukemia"


def test_pngs_in_a_users_folder_are_written_as_the_published_files(tmp_path: Path, cells: dict[str, Image]) -> None:
    for stem, image in cells.items():
        (tmp_path / "mine" / f"{stem}.png").parent.mkdir(exist_ok=True)
        (tmp_path / "mine" / f"{stem}.png").write_bytes(png(image))
    load_source("cnmc_2019").fetch(tmp_path / "d", from_dir=tmp_path / "mine")  # type: ignore[misc]
    placed = {
        f.relative_to(tmp_path / "d").as_posix(): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in (tmp_path / "d").rglob("*.bmp")
    }
    assert placed == {place_of(stem): form_hashes(image)[0] for stem, image in cells.items()}


def test_the_archive_of_tcia_is_the_users_to_get_and_its_command_is_printed() -> None:
    with pytest.raises(
        InputError, match=r"(?s)TCIA cannot be asked from here.*ascli faspex5 packages receive --url='https.*--from DIR"
    ):
        portal_of(load_source("cnmc_2019").card, "tcia")


def test_an_unknown_portal_names_those_of_the_source() -> None:
    with pytest.raises(InputError, match="did you mean 'kaggle'"):
        portal_of(load_source("multi_cancer").card, "kagle")
    assert ways_of(load_source("cnmc_2019").card) == ["kaggle", "huggingface", "github", "folder"]


@pytest.mark.parametrize("name", source_names())
def test_every_portal_that_a_library_or_a_server_serves_says_where(name: str) -> None:
    for portal in load_source(name).card.portals:
        assert (portal.way in {"kaggle", "huggingface"}) == bool(portal.handle)
        assert portal.way != "github" or portal.url.endswith(".tar.gz")
        assert portal.way == "by_hand" or portal.command.startswith(f"leukbench fetch {name}")


# ------------------------------------------------------------------------------------------------------------- bitmaps


def test_a_bmp_as_opencv_reads_it_comes_back_byte_for_byte() -> None:
    image = pixels(3)
    for data in published_forms(image):
        shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert (shown[:, :, ::-1] == image).all()  # type: ignore[index]
    assert [len(d) for d in published_forms(np.zeros((450, 450, 3), np.uint8))] == [608_454, 608_538]
    assert len(published_forms(np.zeros((600, 600, 3), np.uint8))[0]) == 1_080_054


@pytest.mark.real
def test_the_real_cells_are_made_again_from_their_pixels() -> None:
    from leukbench.sources.hashing import file_sha256, read_rgb

    real = real_folder("cnmc_2019", "training_data", "validation_data")
    training, validation = (sorted((real / part).rglob("*.bmp")) for part in ("training_data", "validation_data"))
    files = [*training[:: max(1, len(training) // 10)], *validation[:20]]
    which = [form_hashes(read_rgb(file)).index(file_sha256(file)) for file in files]
    assert which == [int("validation_data" in file.as_posix()) for file in files] and 1 in which
