"""The same conformance checks on every source that is found: a new file under sources/ is tested without a new test."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from leukbench.errors import DataError, InputError, LeukbenchWarning
from leukbench.records import MANIFEST_COLUMNS
from leukbench.sources import base, load_source, source_names
from leukbench.sources.base import Source
from leukbench.sources.dirt import clean_files
from leukbench.sources.pictures import SUFFIXES
from leukbench.sources.verify import verify_source
from tests.support.real_images import real_folder

SYNTHETIC = [name for name in source_names() if load_source(name).make is not None]
PUBLISHED = [name for name in source_names() if load_source(name).make is None]
EVERY = [*SYNTHETIC, *(pytest.param(name, marks=pytest.mark.real) for name in PUBLISHED)]
IMAGES = 48


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of the synthetic sources, each made small once and never changed by a test."""
    top = tmp_path_factory.mktemp("made")
    for name in SYNTHETIC:
        source = load_source(name)
        assert source.make is not None
        source.make(top / name, images=IMAGES, seed=0)
    return {name: top / name for name in SYNTHETIC}


@pytest.fixture(scope="module")
def manifests() -> dict[str, pd.DataFrame]:
    return {}


@pytest.fixture(params=EVERY)
def source(request: pytest.FixtureRequest) -> Source:
    return load_source(request.param)


@pytest.fixture
def folder(source: Source, made: dict[str, Path]) -> Path:
    if source.name in made:
        return made[source.name]
    return real_folder(source.name)


@pytest.fixture
def manifest(source: Source, folder: Path, manifests: dict[str, pd.DataFrame]) -> pd.DataFrame:
    if source.name not in manifests:
        manifests[source.name] = source.index(folder)
    return manifests[source.name]


@pytest.fixture
def damaged(source: Source, folder: Path, manifest: pd.DataFrame, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A copy of a few images of the source (all of a synthetic one) with its tables; the first image, to be broken."""
    copy = tmp_path / source.name
    here = manifest[manifest["present"] == 1]
    if source.make is not None:
        shutil.copytree(folder, copy)
    else:
        tables = (f.relative_to(folder) for f in clean_files(folder) if f.suffix.lower() not in SUFFIXES)
        for path in [*here["path"].head(3), *tables]:
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / path, copy / path)
        if not base.has_facts(source.name):  # nobody publishes its hashes: those of the files as they came are held
            base.record_files(copy, below="")
    yield copy, copy / here["path"].iloc[0]


@pytest.mark.parametrize("name", PUBLISHED)
def test_nothing_of_a_source_is_still_to_be_filled(name: str) -> None:
    file = Path(inspect.getfile(load_source(name).index))  # type: ignore[arg-type]
    marked = [n for n, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if "# TODO" in line]
    assert marked == [], f"{file}: leukbench new source {name} lists what is still to be filled"


def test_the_card_is_complete(source: Source) -> None:
    card = source.card
    for text in (card.name, card.title, card.licence, card.citation):
        assert text.strip() == text != ""
    assert card.synthetic == (source.make is not None) == (source.fetch is None)
    assert card.synthetic or (card.url.startswith("https://") and card.portals)
    assert len(set(card.classes)) == len(card.classes) >= 2
    assert set(card.counts) == set(card.n_patients) == set(card.evidence)
    assert {label for of_pool in card.counts.values() for label in of_pool} <= {*card.classes, ""}
    assert {label for of_pool in card.counts.values() for label in of_pool} >= set(card.classes)
    assert set(card.maps) == set(card.classes)
    assert set(card.evidence.values()) <= {"verified", "inferred", "absent"}
    assert min(card.image_px) > 0
    assert card.n_images() == sum(card.n_images(pool) for pool in card.counts) > 0
    assert all(portal.command and portal.account for portal in card.portals)
    assert any(f"leukbench fetch {card.name}" in portal.command for portal in card.portals)


def test_the_index_has_exactly_the_columns_and_types_of_a_manifest(manifest: pd.DataFrame) -> None:
    assert tuple(manifest.columns) == MANIFEST_COLUMNS
    for column in MANIFEST_COLUMNS:
        if column in {"present", "width_px", "height_px"}:
            assert manifest[column].dtype == "int64"
        else:
            assert manifest[column].map(type).eq(str).all(), column
    assert manifest["present"].isin([0, 1]).all()


def test_image_ids_and_paths_are_unique_and_plain(manifest: pd.DataFrame) -> None:
    assert manifest["image_id"].is_unique and manifest["path"].is_unique
    assert manifest["image_id"].str.fullmatch(r"[A-Za-z0-9_\-]+").all()  # '#' marks augmented copies
    assert not manifest["path"].str.contains(r"^/|\\|\.\.").any()


def test_labels_pools_and_evidence_are_those_of_the_card(source: Source, manifest: pd.DataFrame) -> None:
    card = source.card
    assert set(manifest["label"]) <= {*card.classes, ""}
    assert set(manifest["pool"]) <= set(card.counts)
    assert (manifest["evidence"] == manifest["pool"].map(dict(card.evidence))).all()
    assert ((manifest["patient"] == "") == (manifest["evidence"] == "absent")).all()
    counted = manifest.groupby(["pool", "label"]).size()
    assert all(n <= card.counts[pool][label] for (pool, label), n in counted.items())


def test_present_rows_have_a_file_hashes_and_a_size_and_others_have_none(folder: Path, manifest: pd.DataFrame) -> None:
    there = manifest["present"] == 1
    assert there.any()
    assert (manifest["path"].map(lambda path: (folder / path).is_file()) == there).all()
    assert manifest.loc[there, ["sha256", "pixel_sha256"]].map(len).eq(64).all(axis=None)
    assert (manifest.loc[there, ["width_px", "height_px"]] > 0).all(axis=None)
    assert manifest.loc[~there, "pixel_sha256"].eq("").all()
    assert manifest.loc[~there, ["width_px", "height_px"]].eq(0).all(axis=None)


def test_origins_are_images_of_the_source_or_unknown(manifest: pd.DataFrame) -> None:
    assert set(manifest["origin"]) <= {*manifest["image_id"], ""}


def test_a_patient_has_one_label_and_stands_in_one_pool_and_fold(manifest: pd.DataFrame) -> None:
    known = manifest[manifest["patient"] != ""]
    per_patient = known.groupby("patient")[["label", "pool", "official_fold"]].nunique()
    assert (per_patient == 1).all(axis=None)


def test_indexing_twice_gives_the_same_manifest(source: Source, folder: Path, manifest: pd.DataFrame) -> None:
    if source.make is None:
        pytest.skip("the real folders are indexed once, to save time")
    pd.testing.assert_frame_equal(source.index(folder), manifest)


def test_the_file_list_holds_a_hash_and_a_size_for_every_file(source: Source, folder: Path) -> None:
    listing = source.listing(folder)
    assert list(listing.columns) == ["path", "sha256", "size_bytes"]
    assert listing["path"].is_unique and listing["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert (listing["size_bytes"] > 0).all()


def test_files_as_published_verify_as_intact(source: Source, folder: Path) -> None:
    report = verify_source(source.name, folder)
    assert report.intact and report.n_checked > 0
    if source.make is not None:
        assert report.complete and not report.extra


def test_a_missing_folder_names_the_command_that_gets_the_data(source: Source, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"leukbench fetch {source.name}"):
        source.index(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=f"leukbench fetch {source.name}"):
        source.index(tmp_path / "empty")


@pytest.mark.filterwarnings("ignore::leukbench.errors.LeukbenchWarning")
def test_a_truncated_image_is_refused_with_its_path(source: Source, damaged: tuple[Path, Path]) -> None:
    folder, image = damaged
    image.write_bytes(image.read_bytes()[:-200])
    with pytest.raises(DataError, match=rf"(?s)not a whole image.*{image.name}.*truncated"):
        source.index(folder)
    report = verify_source(source.name, folder)
    assert report.truncated == (image.relative_to(folder).as_posix(),) and not report.intact


@pytest.mark.filterwarnings("ignore::leukbench.errors.LeukbenchWarning")
def test_a_changed_pixel_is_found_by_its_hash(source: Source, damaged: tuple[Path, Path]) -> None:
    import cv2

    folder, image = damaged
    pixels = cv2.imread(str(image))
    cv2.imwrite(str(image), 255 - pixels)
    assert verify_source(source.name, folder).altered == (image.relative_to(folder).as_posix(),)
    if source.name != "aria_all_2021":  # its hashes are those of a copy, so an index does not insist on them
        with pytest.raises(DataError, match="not the published one"):
            source.index(folder)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_a_missing_image_of_a_synthetic_source_is_an_error(name: str, made: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(made[name], tmp_path / name)
    image = sorted((tmp_path / name).rglob("*.png"))[0]
    image.unlink()
    with pytest.raises(DataError, match=image.name):
        load_source(name).index(tmp_path / name)
    assert verify_source(name, tmp_path / name).missing == (image.relative_to(tmp_path / name).as_posix(),)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_a_label_outside_the_card_is_an_error(name: str, made: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(made[name], tmp_path / name)
    rows = tmp_path / name / "rows.csv"
    lines = rows.read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    cells[1] = "Martian"
    rows.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"(?s)label is outside the card.*found: Martian"):
        load_source(name).index(tmp_path / name)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_a_small_cohort_still_has_every_pool_fold_and_class(name: str, made: dict[str, Path]) -> None:
    source = load_source(name)
    manifest = source.index(made[name])
    assert len(manifest) == IMAGES
    assert {(p, k) for p, of_pool in source.card.counts.items() for k in of_pool} == set(
        manifest[["pool", "label"]].itertuples(index=False, name=None)
    )
    folds = manifest.groupby(["pool", "official_fold"])["label"].nunique()
    assert (folds == len(source.card.classes)).all()


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'cnmc_2019'"):
        load_source("cnmc2019")


def test_an_incomplete_folder_warns_with_both_counts(tmp_path: Path) -> None:
    image = tmp_path / "Original" / "Pro" / "WBC-Malignant-Pro-001.png"
    image.parent.mkdir(parents=True)
    import cv2
    import numpy as np

    cv2.imwrite(str(image), np.zeros((4, 4, 3), np.uint8))
    with pytest.warns(LeukbenchWarning, match="1 Pro of 504 Benign"):
        assert len(load_source("aria_all_2021").index(tmp_path)) == 1
