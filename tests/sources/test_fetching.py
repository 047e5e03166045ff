"""Fetching against a server that stalls, cuts, redirects, refuses, lies; unpacking archives that mean harm."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from leukbench.errors import DataError, InputError
from leukbench.sources import fetching, load_source
from leukbench.sources.archives import unpack
from leukbench.sources.fetching import download, download_archive, fetch_source, link_folder, receipt_of, write_receipt
from tests.support.hostile import BODY, FILES, HARMFUL, SHA256, Server, send, tar_of, zip_of


def _get(server: Server, tmp_path: Path, **options: object) -> Path:
    file = tmp_path / "got" / "file.bin"
    options = {"sha256": SHA256, "wait_s": 0.01, "timeout_s": 5.0, **options}
    assert download(f"{server.url}/file", file, **options) == SHA256  # type: ignore[arg-type]
    assert file.read_bytes() == BODY
    assert [p.name for p in file.parent.iterdir()] == ["file.bin"]
    return file


# ---------------------------------------------------------------------------------------------------------- transfers


def test_a_download_arrives_whole_and_tells_its_progress(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = lambda handler, n: send(handler, BODY)
    calls: list[tuple[int, int]] = []
    _get(server, tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (len(BODY), len(BODY)) and [d for d, _ in calls] == sorted(d for d, _ in calls)
    assert len(server.seen) == 1


def test_a_cut_transfer_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = lambda handler, n: send(handler, BODY, cut=300_000 if n < 3 else None)
    _get(server, tmp_path, tries=2)
    assert [r for _, r in server.seen] == ["", "bytes=300000-", "bytes=600000-", "bytes=900000-"]


def test_a_server_without_ranges_starts_anew_and_the_file_is_right(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = lambda handler, n: send(handler, BODY, ranges=False, cut=300_000 if n == 0 else None)
    _get(server, tmp_path)
    assert len(server.seen) == 2


def test_a_second_call_goes_on_from_the_part_of_a_first_that_gave_up(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = lambda handler, n: send(handler, BODY, cut=400_000) if n == 0 else handler.send_error(404)
    file = tmp_path / "got" / "file.bin"
    with pytest.raises(InputError, match="HTTP 404"):
        download(f"{server.url}/file", file, wait_s=0.01)
    assert not file.exists() and file.with_name("file.bin.part").stat().st_size == 400_000
    server.answers["/file"] = lambda handler, n: send(handler, BODY)
    _get(server, tmp_path)
    assert server.seen[-1] == ("/file", "bytes=400000-")


@pytest.mark.parametrize("code", [429, 500, 503])
def test_busy_answers_are_tried_again(code: int, server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = lambda handler, n: handler.send_error(code) if n < 2 else send(handler, BODY)
    _get(server, tmp_path)
    assert len(server.seen) == 3


def test_retry_after_is_waited_for(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(handler: BaseHTTPRequestHandler, n: int) -> None:
        if n:
            send(handler, BODY)
            return
        handler.send_response(429)
        handler.send_header("Retry-After", "1")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers["/file"] = answer
    pauses: list[float] = []
    monkeypatch.setattr("leukbench.sources.fetching.time.sleep", pauses.append)
    _get(server, tmp_path)
    assert pauses == [1.0]


def test_a_server_that_stays_broken_ends_in_a_clear_error_after_the_stated_tries(
    server: Server, tmp_path: Path
) -> None:
    server.answers["/file"] = lambda handler, n: handler.send_error(500)
    with pytest.raises(InputError, match=r"(?s)did not arrive.*within 3 tries.*HTTP 500.*--from DIR"):
        download(f"{server.url}/file", tmp_path / "file.bin", tries=3, wait_s=0.01)
    assert len(server.seen) == 3 and not (tmp_path / "file.bin").exists()


def test_a_missing_file_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = lambda handler, n: handler.send_error(404)
    with pytest.raises(InputError, match="HTTP 404"):
        download(f"{server.url}/file", tmp_path / "file.bin", wait_s=0.01)
    assert len(server.seen) == 1


def test_a_stalled_transfer_is_left_and_taken_up_again(server: Server, tmp_path: Path) -> None:
    release = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, n: int) -> None:
        if n:
            send(handler, BODY)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BODY)))
        handler.end_headers()
        handler.wfile.write(BODY[:262_144])
        handler.wfile.flush()
        release.wait(10)

    server.answers["/file"] = answer
    _get(server, tmp_path, timeout_s=0.3)
    release.set()
    assert server.seen[-1] == ("/file", "bytes=262144-")


def test_redirects_are_followed(server: Server, tmp_path: Path) -> None:
    def moved(handler: BaseHTTPRequestHandler, n: int) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{server.url}/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers.update({"/file": moved, "/elsewhere": lambda handler, n: send(handler, BODY)})
    _get(server, tmp_path)
    assert [path for path, _ in server.seen] == ["/file", "/elsewhere"]


def test_redirects_in_a_circle_end_in_a_clear_error(server: Server, tmp_path: Path) -> None:
    def moved(handler: BaseHTTPRequestHandler, n: int) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{server.url}/file")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers["/file"] = moved
    with pytest.raises(InputError, match=r"(?s)did not arrive.*HTTP 302"):
        download(f"{server.url}/file", tmp_path / "file.bin", wait_s=0.01)
    assert not (tmp_path / "file.bin").exists() and len(server.seen) < 30


def test_a_redirect_to_a_file_of_this_machine_is_not_followed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")

    def moved(handler: BaseHTTPRequestHandler, n: int) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"file://{tmp_path}/secret")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers["/file"] = moved
    with pytest.raises(InputError, match="did not arrive"):
        download(f"{server.url}/file", tmp_path / "got" / "file.bin", wait_s=0.01)
    assert [p for p in (tmp_path / "got").iterdir() if p.suffix != ".part"] == []


def test_a_part_of_another_version_is_found_by_the_hash_and_the_next_call_starts_anew(
    server: Server, tmp_path: Path
) -> None:
    server.answers["/file"] = lambda handler, n: send(handler, BODY)
    part = tmp_path / "got" / "file.bin.part"
    part.parent.mkdir()
    part.write_bytes(b"what stood there last year")
    with pytest.raises(DataError, match="not the published file"):
        download(f"{server.url}/file", tmp_path / "got" / "file.bin", sha256=SHA256, wait_s=0.01)
    assert list(part.parent.iterdir()) == []
    _get(server, tmp_path)


def test_a_range_that_was_not_asked_for_is_not_appended(server: Server, tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, n: int) -> None:
        if n == 0:
            send(handler, BODY, cut=300_000)
            return
        if n == 1:  # 206, but of another place: the bytes must not go behind those that are here
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes 0-{len(BODY) - 1}/{len(BODY)}")
            handler.send_header("Content-Length", str(len(BODY)))
            handler.end_headers()
            handler.wfile.write(BODY)

    server.answers["/file"] = answer
    _get(server, tmp_path)
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "content_range",
    ["bytes 100000-{end}/{all}", "bytes {at}-{end}/{more}", "bytes {at}-400000/{all}", "a part", ""],
)
def test_a_part_that_does_not_fit_starts_anew(server: Server, tmp_path: Path, content_range: str) -> None:
    at = 0

    def answer(handler: BaseHTTPRequestHandler, n: int) -> None:
        nonlocal at
        if n == 0:
            send(handler, BODY, cut=300_000)
            return
        asked = handler.headers.get("Range", "")
        if asked:  # never what was asked for
            at = int(asked.removeprefix("bytes=").rstrip("-"))
            handler.send_response(206)
            sent = BODY[at:]
            text = content_range.format(at=at, end=len(BODY) - 1, all=len(BODY), more=len(BODY) + 7)
            handler.send_header("Content-Range", text)
            handler.send_header("Content-Length", str(len(sent)))
            handler.end_headers()
            handler.wfile.write(sent)
            return
        send(handler, BODY)

    server.answers["/file"] = answer
    _get(server, tmp_path)
    assert server.seen[-1] == ("/file", "") and at > 0


def test_a_connection_that_is_reset_is_tried_again(server: Server, tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, n: int) -> None:
        if n < 2:
            handler.close_connection = True  # not a word
            return
        send(handler, BODY)

    server.answers["/file"] = answer
    _get(server, tmp_path)
    assert len(server.seen) == 3


def test_a_wrong_file_is_refused_and_removed(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = lambda handler, n: send(handler, b"not what was published")
    with pytest.raises(DataError, match=f"(?s)not the published file.*{SHA256}"):
        download(f"{server.url}/file", tmp_path / "got" / "file.bin", sha256=SHA256, wait_s=0.01)
    assert list((tmp_path / "got").iterdir()) == []


def test_a_part_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    server.answers["/file"] = lambda handler, n: send(handler, BODY)
    part = tmp_path / "got" / "file.bin.part"
    part.parent.mkdir()
    part.write_bytes(BODY + b"rest of another version")
    _get(server, tmp_path)


def test_a_full_disk_is_noticed_before_the_download(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = fetching.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    server.answers["/file"] = lambda handler, n: send(handler, BODY)
    with pytest.raises(InputError, match=r"(?s)no room.*51 MB free.*found: 1 MB free"):
        download(f"{server.url}/file", tmp_path / "file.bin")
    assert not (tmp_path / "file.bin").exists()


# ----------------------------------------------------------------------------------------------------------- archives


def _files(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("data", [tar_of(FILES), zip_of({f"repo-1/{k}": v for k, v in FILES.items()})])
def test_an_archive_is_unpacked_without_its_top_folder_and_only_what_is_wanted(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    assert unpack(tmp_path / "a", tmp_path / "all", max_bytes=1000) == 3
    assert _files(tmp_path / "all") == FILES
    assert unpack(tmp_path / "a", tmp_path / "some", wanted=lambda p: p.startswith("images/x"), max_bytes=1000) == 1
    assert _files(tmp_path / "some") == {"images/x/1.txt": b"one"}


@pytest.mark.parametrize("kind", HARMFUL)
def test_a_harmful_or_damaged_archive_writes_nothing(kind: str, tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    home.mkdir(parents=True)
    (home / "a").write_bytes(HARMFUL[kind])
    with pytest.raises(DataError, match="archive"):
        unpack(home / "a", home / "out", max_bytes=4000)
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()] == ["deep/home/a"]
    assert not (home / "out").exists()


def test_a_downloaded_archive_is_held_against_its_hashes(server: Server, tmp_path: Path) -> None:
    server.answers["/a.tgz"] = lambda handler, n: send(handler, tar_of({**FILES, "notebook": b"x"}), length=False)
    expected = {path: hashlib.sha256(data).hexdigest() for path, data in FILES.items()}
    download_archive(f"{server.url}/a.tgz", tmp_path / "d" / "s", expected=expected, size_bytes=1000, wait_s=0.01)
    assert _files(tmp_path / "d" / "s") == FILES
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["s"]
    download_archive(f"{server.url}/a.tgz", tmp_path / "d" / "s", expected=expected, size_bytes=1000)
    assert len(server.seen) == 1, "what is there is not fetched again"


def test_an_altered_or_incomplete_archive_leaves_nothing_behind(server: Server, tmp_path: Path) -> None:
    expected = {path: hashlib.sha256(data).hexdigest() for path, data in FILES.items()}
    for wrong in ({**FILES, "labels.csv": b"a,b\n1,3\n"}, {"labels.csv": FILES["labels.csv"], "x/y": b""}):
        server.answers["/a.tgz"] = lambda handler, n, wrong=wrong: send(handler, tar_of(wrong))  # type: ignore[misc]
        with pytest.raises(DataError, match=r"(?s)not the published one.*(missing|altered)"):
            download_archive(f"{server.url}/a.tgz", tmp_path / "d" / "s", expected=expected, size_bytes=1000)
        assert list((tmp_path / "d").iterdir()) == []


def test_a_cut_answer_of_unknown_length_is_found_by_the_archive(server: Server, tmp_path: Path) -> None:
    """GitHub sends its archives without a length; a connection that ends early looks like an end."""
    data = tar_of({**FILES, "big": hashlib.sha256(b"").digest() * 100})
    server.answers["/a.tgz"] = lambda handler, n: send(handler, data, cut=len(data) - 30, length=False)
    expected = {"labels.csv": hashlib.sha256(FILES["labels.csv"]).hexdigest()}
    with pytest.raises(DataError, match="cannot be unpacked"):
        download_archive(f"{server.url}/a.tgz", tmp_path / "d" / "s", expected=expected, size_bytes=1000)
    assert list((tmp_path / "d").iterdir()) == []


# -------------------------------------------------------------------------------------------------------------- links


def test_from_links_to_the_layout_below_the_folders_that_a_portal_adds(home: Path, tmp_path: Path) -> None:
    top = tmp_path / "kaggle" / "versions" / "2"
    (top / "Original" / "Pro").mkdir(parents=True)
    folder = fetch_source("aria_all_2021", from_dir=tmp_path / "kaggle")
    assert folder == home / "data" / "aria_all_2021" and folder.is_symlink() and folder.resolve() == top
    assert fetch_source("aria_all_2021") == folder, "what is linked stays linked"
    other = tmp_path / "other"
    (other / "Original").mkdir(parents=True)
    assert fetch_source("aria_all_2021", from_dir=other).resolve() == other


def test_the_mirror_variable_stands_in_for_from(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mirror" / "cnmc_2019" / "training_data").mkdir(parents=True)
    monkeypatch.setenv("LEUKBENCH_MIRROR", str(tmp_path / "mirror"))
    assert fetch_source("cnmc_2019").resolve() == tmp_path / "mirror" / "cnmc_2019"


@pytest.mark.parametrize("name", ["cnmc_2019", "aria_all_2021"])
def test_without_a_copy_the_commands_of_every_portal_are_named(name: str, home: Path) -> None:
    with pytest.raises(InputError) as caught:
        fetch_source(name)
    for portal in load_source(name).card.portals:
        assert portal.command in str(caught.value)
    assert not (home / "data" / name).exists()


def test_wrong_folders_are_refused_and_nothing_is_overwritten(home: Path, tmp_path: Path) -> None:
    card = load_source("aria_all_2021").card
    with pytest.raises(InputError, match="names no folder"):
        link_folder(card, home / "data" / "x", from_dir=tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="publisher's layout"):
        link_folder(card, home / "data" / "x", from_dir=tmp_path / "empty")
    mine = home / "data" / "mine"
    mine.mkdir(parents=True)
    (tmp_path / "good" / "Original").mkdir(parents=True)
    with pytest.raises(InputError, match="in the way"):
        link_folder(card, mine, from_dir=tmp_path / "good")
    assert mine.is_dir() and not mine.is_symlink()


def test_a_synthetic_source_is_made_in_its_folder(home: Path) -> None:
    folder = fetch_source("known_answer", images=8, seed=2)
    assert len(load_source("known_answer").index(folder)) == 8


def test_blood_cells_comes_from_its_archive_and_only_with_the_published_hashes(
    home: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leukbench.sources import base, blood_cells

    facts = tuple(
        {"path": p, "sha256": hashlib.sha256(d).hexdigest(), "size_bytes": str(len(d))} for p, d in FILES.items()
    )
    monkeypatch.setattr(base, "read_facts", lambda name: facts)
    monkeypatch.setattr(blood_cells, "ARCHIVE", f"{server.url}/a.tgz")
    server.answers["/a.tgz"] = lambda handler, n: send(handler, tar_of(FILES))
    assert _files(fetch_source("blood_cells")) == FILES


# ----------------------------------------------------------------------------------------------------------- receipts


def test_a_receipt_depends_on_relative_paths_and_sizes_alone(tmp_path: Path) -> None:
    for top in ("a", "b/c"):
        for name, data in FILES.items():
            (tmp_path / top / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / top / name).write_bytes(data)
    (tmp_path / "link").symlink_to(tmp_path / "a", target_is_directory=True)
    receipts = [receipt_of("s", tmp_path / top) for top in ("a", "b/c", "link")]
    listing = b"images/x/1.txt\t3\nimages/y/2.txt\t3\nlabels.csv\t8\n"
    assert receipts == [{"source": "s", "n_files": 3, "n_bytes": 14,
                         "listing_sha256": hashlib.sha256(listing).hexdigest()}] * 3  # fmt: skip
    (tmp_path / "a" / "more").write_bytes(b"")
    assert receipt_of("s", tmp_path / "a") != receipts[0]
    written = write_receipt(tmp_path / "out" / "r.json", name="s", folder=tmp_path / "b/c")
    assert json.loads((tmp_path / "out" / "r.json").read_text(encoding="utf-8")) == written == receipts[0]
    assert str(tmp_path) not in (tmp_path / "out" / "r.json").read_text(encoding="utf-8")


def test_cards_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_source("cnmc_2019").card.name = "other"  # type: ignore[misc]


def test_a_link_to_a_part_of_a_release_is_kept_without_a_download(tmp_path: Path) -> None:
    part, folder = tmp_path / "part", tmp_path / "data" / "blood_cells"
    (part / load_source("blood_cells").card.needs[0]).mkdir(parents=True)
    fetch = load_source("blood_cells").fetch
    assert fetch is not None
    fetch(folder, from_dir=part)
    fetch(folder, from_dir=None)  # a download would find no server here
    assert folder.resolve() == part.resolve()
