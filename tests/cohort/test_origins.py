"""Origins and fields on made-up smears whose truth is known, and on the real blood cells."""

from __future__ import annotations

import csv
import itertools

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from leukbench.cohort.alignment import Catalogue, align, read_view, view_of
from leukbench.cohort.certificate import check_certificate, make_certificate
from leukbench.cohort.duplicates import PAIR_COLUMNS
from leukbench.cohort.fields import field_pairs, find_fields, shipped_fields, shows_one_field, with_fields
from leukbench.cohort.groups import FIELD_CHAIN, accept_near_pairs, make_groups
from leukbench.cohort.leaks import release_leaks
from leukbench.cohort.manifest import as_manifest, limit_manifest
from leukbench.cohort.origins import MIN_CONFIDENCE, WORKING_PX, find_origins
from leukbench.cohort.splits import make_splits
from leukbench.records import MANIFEST_COLUMNS
from leukbench.sources import base, blood_cells
from leukbench.sources.hashing import read_rgb
from tests.support.cohorts import augmented, manifest_of, smear
from tests.support.real_images import real_folder

Image = npt.NDArray[np.uint8]


def crowded(rng: np.random.Generator, side: int) -> Image:
    """Return a made-up smear ``(side, side, 3)`` with as many cells as a real one."""
    return np.minimum.reduce([smear(rng, side=side) for _ in range(3)])


def catalogue_of(images: list[Image], *, longest_px: int = WORKING_PX) -> Catalogue:
    return Catalogue([view_of(image, longest_px=longest_px) for image in images], rng=np.random.default_rng(0))


def origins_of(images: dict[str, Image], catalogue: Catalogue, names: list[str]) -> pd.DataFrame:
    views = ((name, view_of(image, longest_px=WORKING_PX)) for name, image in images.items())
    return find_origins(views, catalogue, names).set_index("image_id")


@pytest.fixture(scope="module")
def smears() -> list[Image]:
    rng = np.random.default_rng(1)
    return [crowded(rng, 320)[:240] for _ in range(14)]


def test_augmented_images_are_traced_to_their_original_and_strangers_are_unknown(smears: list[Image]) -> None:
    """Images whose original is not among the candidates are the false assignments that could be made: none is."""
    rng = np.random.default_rng(2)
    names = [f"o{k}" for k in range(10)]
    images = {f"{k}.{copy}": augmented(image, rng) for k, image in enumerate(smears) for copy in range(2)}
    found = origins_of(images, catalogue_of(smears[:10]), names)
    truth = pd.Series({name: f"o{name.split('.')[0]}" if int(name.split(".")[0]) < 10 else "" for name in images})
    known = found[truth.ne("")]
    assert (known["origin"] == truth[truth.ne("")]).mean() >= 0.95  # measured: all 20
    assert set(found.loc[truth.eq(""), "origin"]) == {""}
    assert known["confidence"].min() > found.loc[truth.eq(""), "confidence"].max() + 0.3


def test_a_map_that_was_applied_is_found_with_its_numbers(smears: list[Image]) -> None:
    matrix = cv2.getRotationMatrix2D((160, 120), 12.0, 1.0)
    turned = np.asarray(cv2.warpAffine(smears[0], matrix, (320, 240)), np.uint8)
    found = align(view_of(turned, longest_px=320), view_of(smears[0], longest_px=320))
    assert found is not None
    assert np.abs(found.matrix - matrix).max() < 0.5
    assert found.agreement > 0.97 and found.covered > 0.97 and found.n_inliers > 50


def test_a_mirror_image_needs_the_turned_descriptors(smears: list[Image]) -> None:
    mirrored = view_of(np.ascontiguousarray(smears[0][:, ::-1]), longest_px=224)
    itself = view_of(smears[0], longest_px=224)
    plain, turned = align(mirrored, itself), align(mirrored, itself, mirrored=True)
    assert turned is not None and turned.agreement > 0.97 and turned.matrix[0, 0] == pytest.approx(-1, abs=0.02)
    assert plain is None or plain.n_inliers < turned.n_inliers / 3


def test_a_blank_image_has_no_origin(smears: list[Image]) -> None:
    blank = {"blank": np.full((240, 320, 3), 200, np.uint8), "black": np.zeros((240, 320, 3), np.uint8)}
    assert set(origins_of(blank, catalogue_of(smears[:4]), list("abcd"))["origin"]) == {""}


def _fields(seed: int = 3) -> tuple[list[str], list[Image], set[tuple[str, str]]]:
    """Twelve photographs cut from eight smears: four smears twice, shifted, in another light."""
    rng = np.random.default_rng(seed)
    names, images, truth = [], [], set()
    for k in range(8):
        whole = crowded(rng, 400)
        names.append(f"f{k}.0")
        images.append(whole[:224, :224])
        if k < 4:
            y, x = rng.integers(20, 70, 2)
            names.append(f"f{k}.1")
            images.append((whole[y : y + 224, x : x + 224] * rng.uniform(0.85, 1.1)).clip(0, 255).astype(np.uint8))
            truth.add((f"f{k}.0", f"f{k}.1"))
    return names, images, truth


def test_photographs_of_one_field_are_paired_and_a_common_scale_bar_pairs_nothing() -> None:
    names, images, truth = _fields()
    burnt = np.zeros((224, 224), dtype=bool)
    burnt[188:, 188:] = True
    for image in images:
        cv2.putText(image, "200", (190, 215), 0, 0.7, (0, 0, 0), 2)
    views = [view_of(image, longest_px=224, burnt_in=burnt) for image in images]
    assert all(not (view.points > 190).all(axis=1).any() for view in views)
    found = find_fields(names, Catalogue(views, rng=np.random.default_rng(0)))
    pairs = set(zip(found["image_id_a"], found["image_id_b"], strict=True))
    assert pairs <= truth and len(pairs) >= 3  # the fourth has too few cells in common


def test_fields_join_groups_with_their_own_reason_up_to_their_own_cap() -> None:
    manifest = manifest_of([("", "all", 30)])
    ids = list(manifest["image_id"])
    table = pd.DataFrame(
        [(a, b, 40, 0.9, 0.5) for a, b in itertools.pairwise(ids)],
        columns=["image_id_a", "image_id_b", "n_inliers", "agreement", "overlap"],
    )
    pairs = field_pairs(table, manifest)
    assert tuple(pairs.columns) == PAIR_COLUMNS and set(pairs["kind"]) == {"same_field"}
    groups = make_groups(manifest, pairs)
    assert groups["group"].value_counts().max() <= FIELD_CHAIN < 30
    assert set(groups["reason"]) == {"same_field"} and set(groups["evidence"]) == {"absent"}
    kept, refused = accept_near_pairs(pairs, kind="same_field")
    assert len(kept) + len(refused) == 29 and len(refused) > 0
    short = make_groups(manifest, pairs[: FIELD_CHAIN - 1])
    assert short["group"].value_counts().max() == FIELD_CHAIN


def test_a_pair_that_is_a_duplicate_already_is_not_a_field_besides() -> None:
    manifest = manifest_of([("", "all", 3)])
    a, b, c = manifest["image_id"]
    fields = pd.DataFrame({"image_id_a": [a, a, a], "image_id_b": [b, c, "elsewhere"], "n_inliers": 40,
                           "agreement": [1.0, 0.9, 0.9], "overlap": 0.5})  # fmt: skip
    exact = pd.DataFrame([(a, b, "identical_file", 0, 0.0)], columns=list(PAIR_COLUMNS))
    both = with_fields(exact, field_pairs(fields, manifest))
    assert both["kind"].tolist() == ["identical_file", "same_field"]
    assert with_fields(exact, field_pairs(fields.iloc[:0], manifest)) is exact


# --------------------------------------------------------------------------------------- what ships, and the real data


def published() -> pd.DataFrame:
    rows = pd.DataFrame(blood_cells.published_rows())
    return rows.assign(pixel_sha256="")


def test_every_shipped_origin_is_an_original_with_the_same_label_in_one_part_of_the_release() -> None:
    """The publisher cut originals first and augmented after, and never moved one between classes:
    what was found obeys it."""
    rows = published()
    originals = rows[rows["pool"] == "original"].set_index("image_id")
    copies = rows[rows["pool"].ne("original")]
    known = copies[copies["origin"].ne("")]
    assert len(copies) == 12_515 and len(known) / len(copies) > 0.999
    assert (originals.loc[known["origin"], "label"].to_numpy() == known["label"].to_numpy()).all()
    part = known["pool"].str.replace("TEST_SIMPLE", "TEST")
    assert part.groupby(known["origin"]).nunique().eq(1).all()


def test_with_the_true_original_taken_out_only_photographs_of_the_same_field_would_be_taken_for_it() -> None:
    """The next best candidate of each released image is what would be found if its original were not there."""
    fields = shipped_fields("blood_cells")
    one_field = {frozenset(pair) for pair in zip(fields["image_id_a"], fields["image_id_b"], strict=True)}
    facts = base.read_facts("blood_cells_origins")
    taken = [f for f in facts if float(f["second_confidence"]) >= MIN_CONFIDENCE]
    foreign = [
        f for f in facts if f["second"] and f["origin"] and frozenset((f["origin"], f["second"])) not in one_field
    ]
    assert len(taken) == 87 and not [f for f in taken if f in foreign]
    assert max(float(f["second_confidence"]) for f in foreign) < 0.75


def test_the_habitual_splits_of_the_release_leak_as_stated() -> None:
    rows = published()
    pairs = field_pairs(shipped_fields("blood_cells"), rows)
    classes = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")
    own, validation, pooled = release_leaks(
        rows, pairs, parts=("TRAIN", "TEST"), pool=("TRAIN", "TEST", "TEST_SIMPLE"), classes=classes
    )  # fmt: skip
    assert own.n_test == 2487 and own.same_origin == 0 < own.same_group
    assert validation.same_origin / validation.n_test > 0.99
    assert pooled.same_origin / pooled.n_test > 0.99 and pooled.n_test == 2503


def _unit(rgb: Image) -> npt.NDArray[np.float64]:
    small = cv2.resize(rgb, (80, 60), interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    return np.asarray((small - small.mean()) / np.linalg.norm(small - small.mean()))


@pytest.mark.real
def test_the_71_plain_halves_have_the_origins_that_their_pixels_show() -> None:
    """Truth: the original whose reduction, unmoved, correlates best, by far (the release stretched the contrast)."""
    folder = real_folder("blood_cells", "Original_Images", "images/TEST_SIMPLE")
    files = sorted((folder / "Original_Images").glob("*.jpg"))
    known = np.stack([_unit(read_rgb(file)) for file in files])
    origins = blood_cells.inferred_origins()
    right = 0
    for file in sorted((folder / "images" / "TEST_SIMPLE").glob("*/*.jpeg")):
        cosine = known @ _unit(read_rgb(file))
        second, first = np.sort(cosine)[-2:]
        assert first > 0.98 and second < 0.9
        truth = files[int(cosine.argmax())].stem
        right += origins.get(f"TEST_SIMPLE_{file.parent.name}{file.stem}", "") == f"original_{truth}"
    assert right == 71


@pytest.mark.slow
def test_the_splits_of_the_paper_that_used_the_release_keep_their_promises_with_origins_known() -> None:
    from leukbench.papers.loader import load_paper

    rows = published()
    rows = rows[rows["sha256"].ne("")].reset_index(drop=True)
    present = rows.assign(present="1", width_px="0", height_px="0")
    manifest = as_manifest(present.loc[:, list(MANIFEST_COLUMNS)])
    groups = make_groups(manifest, field_pairs(shipped_fields("blood_cells"), manifest))
    study = load_paper("ddrnet").studies["blood_cells"]
    shared = {}
    for protocol, readings in study.protocols.items():
        for reading in readings:
            split = make_splits(manifest, groups, reading.rule, seed=0, classes=study.classes)
            certificate = make_certificate(manifest, groups, split, rule=reading.rule, protocol=protocol)
            assert check_certificate(certificate) == []
            shared[reading.name] = certificate["shared"]
    assert shared["released_pool"]["origins"] > 340 and shared["released_train_test"]["origins"] == 0
    assert shared["released_train_test"]["groups"] > 0 == shared["five_folds_of_groups"]["groups"]
    copies = manifest[manifest["pool"].ne("original")].reset_index(drop=True)
    limited = limit_manifest(copies, 40, seed=0, groups=groups)
    assert limited["origin"].nunique() == 40 < len(limited)  # limits count originals, their copies stay with them


@pytest.mark.real
def test_the_recovered_origins_are_in_the_part_that_the_replayed_seed_put_them() -> None:
    table = real_folder("blood_cells", "original_split.csv") / "original_split.csv"
    with table.open(encoding="utf-8", newline="") as handle:
        part_of = {f"original_{row['BloodImage'].split('.')[0]}": row["split"] for row in csv.DictReader(handle)}
    rows = published()
    known = rows[rows["pool"].ne("original") & rows["origin"].ne("")]
    expected = known["pool"].str.replace("TEST_SIMPLE", "TEST")
    assert (known["origin"].map(part_of) == expected).all()


@pytest.mark.real
@pytest.mark.slow
def test_real_cells_augmented_with_known_parameters_are_traced_and_those_without_an_original_are_unknown() -> None:
    files = sorted((real_folder("blood_cells", "Original_Images") / "Original_Images").glob("*.jpg"))
    halves = [cv2.resize(read_rgb(f), (320, 240), interpolation=cv2.INTER_AREA) for f in files]
    overlapping = set(shipped_fields("blood_cells")[["image_id_a", "image_id_b"]].to_numpy().ravel())
    absent = {k for k in range(0, len(files), 5) if f"original_{files[k].stem}" not in overlapping}
    present = [k for k in range(len(files)) if k not in absent]
    rng = np.random.default_rng(4)
    images = {f"{k}": augmented(halves[k], rng) for k in range(len(files))}
    found = origins_of(images, catalogue_of([halves[k] for k in present]), [f"{k}" for k in present])
    right = sum(found.loc[f"{k}", "origin"] == f"{k}" for k in present)
    assert right == len(present)
    assert sum(found.loc[f"{k}", "origin"] != "" for k in absent) == 0 and len(absent) > 60


def two_shots(rgb: Image, overlap: float, rng: np.random.Generator) -> tuple[Image, Image]:
    """Return two captures ``(224, 224, 3)`` of one field that share ``overlap`` of their area: turned,
    lit and compressed anew."""
    width = rgb.shape[1]
    side = int(width / (2 - overlap))

    def shot(x: int) -> Image:
        turn = cv2.getRotationMatrix2D((x + side / 2, side / 2), rng.uniform(-3, 3), 1.0)
        turn[0, 2] -= x
        seen = cv2.warpAffine(rgb, turn, (side, side), borderMode=cv2.BORDER_REFLECT)
        lit = np.clip(seen * rng.uniform(0.9, 1.1) + rng.uniform(-10, 10), 0, 255).astype(np.uint8)
        coded = cv2.imdecode(cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_COLOR)
        return np.asarray(cv2.resize(coded, (224, 224), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)

    return shot(0), shot(width - side)


@pytest.mark.real
@pytest.mark.slow
def test_two_captures_of_one_aria_field_are_found_by_their_overlap() -> None:
    files = sorted((real_folder("aria_all_2021", "Original") / "Original").rglob("*.jpg"))
    rng = np.random.default_rng(0)
    photographs = [
        read_rgb(files[k])[:188, :188] for k in rng.choice(len(files), 120, replace=False)
    ]  # less the scale bar
    found = {}
    for overlap in (0.9, 0.7, 0.5, 0.3, 0.15):
        pairs = [[view_of(shot, longest_px=224) for shot in two_shots(rgb, overlap, rng)] for rgb in photographs]
        aligned = [align(a, b) for a, b in pairs]
        found[overlap] = sum(a is not None and shows_one_field(a) for a in aligned)
    print(found)
    assert min(found[0.9], found[0.7], found[0.5]) >= 115 and found[0.3] >= 90
    strangers = [
        align(view_of(a, longest_px=224), view_of(b, longest_px=224)) for a, b in itertools.pairwise(photographs)
    ]
    assert sum(a is not None and shows_one_field(a) for a in strangers) <= 1


@pytest.mark.real
def test_looking_again_at_some_released_images_gives_the_shipped_rows() -> None:
    folder = real_folder("blood_cells", "Original_Images", "images_sample/TRAIN")
    shipped = {fact["image_id"]: fact["origin"] for fact in base.read_facts("blood_cells_origins")}
    sample = sorted((folder / "images_sample" / "TRAIN").glob("*/*.jpeg"))[::20]
    wanted = {f"TRAIN_{f.parent.name}{f.stem}": f for f in sample}
    files = {
        origin: folder / "Original_Images" / f"{origin.removeprefix('original_')}.jpg"
        for origin in sorted({shipped[name] for name in wanted} | set(list(shipped.values())[::400]))
        if origin
    }
    catalogue = Catalogue(
        [read_view(f, longest_px=WORKING_PX) for f in files.values()], rng=np.random.default_rng(0)
    )  # fmt: skip
    views = ((name, read_view(file, longest_px=WORKING_PX)) for name, file in wanted.items())
    found = find_origins(views, catalogue, list(files))
    assert dict(zip(found["image_id"], found["origin"], strict=True)) == {name: shipped[name] for name in wanted}
