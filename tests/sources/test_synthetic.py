"""Planted truths are where they were planted, and the files are the same byte for byte."""

from __future__ import annotations

import errno
import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukbench.errors import InputError
from leukbench.sources import load_source
from leukbench.sources.base import Source
from leukbench.sources.planting import Cohort, Part, Row, make_cohort, plan, shrink
from leukbench.sources.synthetic import SOURCES

NAMES = [source.name for source in SOURCES]


def _make(name: str, folder: Path, *, images: int | None, seed: int = 0) -> Source:
    source = load_source(name)
    assert source.make is not None
    source.make(folder, images=images, seed=seed)
    return source


def _digest(folder: Path) -> str:
    files = sorted(f for f in folder.rglob("*") if f.is_file())
    return hashlib.sha256(
        b"".join(f.relative_to(folder).as_posix().encode() + f.read_bytes() for f in files)
    ).hexdigest()


def _cohort(name: str) -> Cohort:
    source = load_source(name)
    return source.make.args[1]  # type: ignore[union-attr,no-any-return]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_pixels(name: str, tmp_path: Path) -> None:
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        _make(name, tmp_path / folder, images=16, seed=seed)
    assert _digest(tmp_path / "a") == _digest(tmp_path / "b")
    hashes = [set(load_source(name).index(tmp_path / folder)["pixel_sha256"]) for folder in "ac"]
    assert not hashes[0] & hashes[1]


def test_making_again_keeps_what_is_there_and_refuses_another_cohort(tmp_path: Path) -> None:
    _make("known_answer", tmp_path / "x", images=8)
    before = {f: f.stat().st_mtime_ns for f in (tmp_path / "x").rglob("*.png")}
    _make("known_answer", tmp_path / "x", images=8)
    assert before == {f: f.stat().st_mtime_ns for f in (tmp_path / "x").rglob("*.png")}
    with pytest.raises(InputError, match="holds something else"):
        _make("known_answer", tmp_path / "x", images=8, seed=1)
    with pytest.raises(InputError, match="holds something else"):  # as an older version planned it
        make_cohort("known_answer", replace(_cohort("known_answer"), repeats=0.9), tmp_path / "x", images=8)
    with pytest.raises(InputError, match="holds something else"):
        (tmp_path / "y").mkdir()
        (tmp_path / "y" / "mine.txt").write_text("keep me", encoding="utf-8")
        _make("known_answer", tmp_path / "y", images=8)
    assert (tmp_path / "y" / "mine.txt").read_text(encoding="utf-8") == "keep me"


def test_folders_without_a_file_which_a_kill_leaves_are_no_other_cohort(tmp_path: Path) -> None:
    (tmp_path / "x" / "images" / "all").mkdir(parents=True)
    _make("known_answer", tmp_path / "x", images=8)
    assert len([*(tmp_path / "x").rglob("*.png")]) == 8


def test_an_interrupted_making_is_completed(tmp_path: Path) -> None:
    _make("known_answer", tmp_path / "x", images=8)
    shutil.copytree(tmp_path / "x", tmp_path / "y")
    (tmp_path / "y" / "rows.csv").unlink()
    sorted((tmp_path / "y").rglob("*.png"))[3].unlink()
    _make("known_answer", tmp_path / "y", images=8)
    assert _digest(tmp_path / "x") == _digest(tmp_path / "y")


def test_full_plans_have_the_papers_sizes() -> None:
    sizes = {name: len(plan(_cohort(name), images=None, seed=0)) for name in NAMES}
    assert sizes == {
        "known_answer": 48 * 32,
        "known_answer_null": 48 * 32,
        "synthetic_cells": 10_661 + 1_867,
        "synthetic_smears": 351,
        "synthetic_aria": 3_256,
    }


def test_cells_have_the_subjects_and_images_of_c_nmc_fold_by_fold() -> None:
    from leukbench.sources.cnmc_2019 import published_rows

    rows = pd.DataFrame([r for r in published_rows() if r["pool"] != "final"])
    real = rows.groupby(["pool", "official_fold", "label"]).agg(n=("path", "size"), p=("patient", "nunique"))
    drawn = plan(_cohort("synthetic_cells"), images=None, seed=0)
    table = pd.DataFrame([(r.part.pool, r.part.fold, r.part.label, r.path, r.patient) for r in drawn],
                         columns=["pool", "official_fold", "label", "path", "patient"])  # fmt: skip
    made = table.groupby(["pool", "official_fold", "label"]).agg(n=("path", "size"), p=("patient", "nunique"))
    pd.testing.assert_frame_equal(made, real, check_index_type=False, check_dtype=False)
    assert table.groupby("patient")["pool"].nunique().max() == 1


def second_of(rows: list[Row], part: Part) -> str:
    return list(dict.fromkeys(row.patient for row in rows if row.part == part))[1]


@pytest.mark.parametrize("name", NAMES)
def test_repeats_and_duplicates_come_at_the_stated_rates(name: str) -> None:
    cohort = _cohort(name)
    rows = plan(cohort, images=None, seed=0)
    by_id = {row.image_id: row for row in rows}
    assert len(by_id) == len(rows)
    patients = {row.patient for row in rows}
    own = sum(bool(r.duplicate_of) and by_id[r.duplicate_of].patient == r.patient for r in rows)
    strange = sum(bool(r.duplicate_of) and by_id[r.duplicate_of].patient != r.patient for r in rows)
    second = {part: second_of(rows, part) for part in cohort.parts if part.n_patients >= 5}
    seconds = [r for r in rows if r.patient == second.get(r.part)]
    for found, rate, n in (
        (sum(bool(r.repeat_of) for r in rows), cohort.repeats, len(rows)),
        (own, cohort.duplicates, len(rows)),
        (strange, cohort.strangers, len(seconds)),
    ):
        tolerance = 4.0 * np.sqrt(n * rate * (1 - rate)) + 0.08 * n * rate  # first images cannot repeat
        assert abs(found - n * rate) <= tolerance
    pairs = {(by_id[r.duplicate_of].patient, r.patient) for r in rows if r.duplicate_of} - {(p, p) for p in patients}
    assert len(pairs) == (sum(part.n_patients >= 5 for part in cohort.parts) if cohort.strangers else 0)
    for row in rows:
        twin = by_id[row.repeat_of or row.duplicate_of or row.image_id]
        assert twin.part == row.part and twin.cell == row.cell


def test_duplicates_have_identical_pixels_and_nothing_else_has(tmp_path: Path) -> None:
    source = load_source("synthetic_cells")
    rate = Cohort(parts=_cohort("synthetic_cells").parts, draw=_cohort("synthetic_cells").draw, repeats=0.2,
                  duplicates=0.2, strangers=0.1)  # fmt: skip
    from leukbench.sources.planting import make_cohort

    make_cohort("synthetic_cells", rate, tmp_path / "x", images=60, seed=3)
    manifest = source.index(tmp_path / "x").set_index("path")
    truth = pd.read_csv(tmp_path / "x" / "truth.csv", keep_default_na=False).set_index("path")
    root = truth["duplicate_of"].where(truth["duplicate_of"] != "", manifest["image_id"])
    assert (truth["duplicate_of"] != "").sum() >= 6 and (truth["repeat_of"] != "").sum() >= 4
    assert (manifest.groupby(root)["pixel_sha256"].nunique() == 1).all()
    assert manifest["pixel_sha256"].nunique() == root.nunique()
    assert (truth.groupby("cell")["signal"].nunique() == 1).all()


def test_shrinking_keeps_every_part_and_the_total() -> None:
    parts = tuple(Part(pool="p", fold="", label=str(k), n_patients=9, n_images=n) for k, n in enumerate((900, 90, 10)))
    small = shrink(parts, 50, per_patient=8)
    assert sum(p.n_images for p in small) == 50
    assert [p.n_images >= 2 and p.n_patients >= 1 for p in small] == [True] * 3
    assert [p.n_patients for p in small] == [5, 1, 1]
    assert shrink(parts, None, per_patient=8) == shrink(parts, 1000, per_patient=8) == parts
    with pytest.raises(InputError, match="at least 6"):
        shrink(parts, 5, per_patient=8)


def test_the_signal_has_d_prime_one_and_the_bayes_accuracy_of_phi_one_half() -> None:
    cohort = _cohort("known_answer_null")
    signal, label = [], []
    for seed in range(3):
        for row in plan(cohort, images=None, seed=seed):
            signal.append(cohort.draw(row, seed=seed)[1])
            label.append(row.part.label == "malignant")
    s, y = np.array(signal), np.array(label)
    n = len(y) / 2
    assert abs(s[y].mean() - s[~y].mean() - 1.0) < 4 * np.sqrt(2 / n)
    assert abs(s[y].std() - 1) < 0.1 and abs(s[~y].std() - 1) < 0.1
    accuracy = ((s > 0) == y).mean()
    assert abs(accuracy - 0.6915) < 4 * np.sqrt(0.6915 * 0.3085 / len(y))


def test_the_signal_shows_in_the_pixels_as_the_area_of_the_nucleus() -> None:
    """Segmented by hand-made thresholds, the nucleus grows with the signal: the class can be seen,
    not only declared."""
    cohort = _cohort("known_answer_null")
    rows = plan(cohort, images=200, seed=0)
    area, signal = [], []
    for row in rows:
        image, value = cohort.draw(row, seed=0)
        grey = image.astype(float).mean(axis=2)
        dark, light = np.percentile(grey, [3, 97])
        area.append((grey < (dark + light) / 2).mean())
        signal.append(value)
    assert np.corrcoef(area, signal)[0, 1] > 0.5


def _looks(name: str) -> tuple[np.ndarray, np.ndarray]:
    cohort = _cohort(name)
    rows = plan(cohort, images=None, seed=0)
    corner = np.array([cohort.draw(row, seed=0)[0][:4].reshape(-1, 3).mean(axis=0) for row in rows])
    return corner, np.array([row.patient for row in rows])


def test_nuisance_is_the_patients_with_the_effect_and_the_images_without() -> None:
    """Share of the background tint's variance that lies between patients, and equal marginals of both variants."""
    shares, spreads = {}, {}
    for name in ("known_answer", "known_answer_null"):
        corner, patient = _looks(name)
        tint = corner[:, 1] - corner[:, 2]
        means = pd.Series(tint).groupby(patient).transform("mean").to_numpy()
        shares[name], spreads[name] = means.var() / tint.var(), tint.std()
    assert shares["known_answer"] > 0.97
    assert shares["known_answer_null"] < 0.1
    assert 0.7 < spreads["known_answer"] / spreads["known_answer_null"] < 1.4  # 48 draws against 1,536 of the same law


def test_the_null_variant_repeats_no_cell() -> None:
    rows = plan(_cohort("known_answer_null"), images=None, seed=0)
    assert len({row.cell for row in rows}) == len(rows) == 1536
    repeated = [row for row in plan(_cohort("known_answer"), images=None, seed=0) if row.repeat_of]
    assert len(repeated) > 100


def test_a_disk_that_takes_no_more_leaves_no_half_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = Path.write_bytes, []

    def full(file: Path, data: bytes) -> int:
        written.append(file)
        if len(written) < 3:
            return write(file, data)
        write(file, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        _make("known_answer", tmp_path / "x", images=8)
    assert sorted((tmp_path / "x").rglob("*.png")) == sorted(written[:2])
    monkeypatch.undo()
    _make("known_answer", tmp_path / "x", images=8)
    assert len([*(tmp_path / "x").rglob("*.png")]) == 8
