"""Experiments without a network: the whole pipeline over models that need none, and the page that they have alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from leukbench.artefacts import COLOUR_HISTOGRAM, COLOUR_TREES, is_trivial
from leukbench.errors import DataError, InputError
from leukbench.papers.loader import load_paper
from leukbench.params import Params, load_params
from leukbench.pipeline import audit, compare, count, decode, evaluate, report, split, train
from leukbench.pipeline.contrasts import RungGap, protocol_gaps
from leukbench.pipeline.grid import Choice, grid
from leukbench.pipeline.report import gather
from leukbench.pipeline.results import results_of
from leukbench.report.pages import study_run
from leukbench.verdicts.frozen import frozen_digest
from tests.support.plans import SIDE_PX, known_experiment, known_plan, prepare, write_plan

pytestmark = pytest.mark.long
PROTOCOLS = ("as_published", "image", "patient")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace in which a plan without any network has been reported."""
    folder = tmp_path_factory.mktemp("home")
    frozen = {"margin": 0.05, "sha256": frozen_digest(0.05, 0.05, load_paper("known_answer").headlines())}
    experiments = {p: known_experiment(p, arms=()) for p in PROTOCOLS}
    write_plan(folder, known_plan("bare", experiments, images=288, verdicts=frozen))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKBENCH_HOME", str(folder))
        params = load_params()
        prepare(params)
        audit.audit_stage(params)
        split.split(params, [*params.experiments])
        decode.decode(params, "s")
        for name in params.experiments:
            train.train(params, name)
            evaluate.evaluate(params, name)
        count.count_stage(params)
        compare.compare(params)
        report.report(params)
        yield folder


@pytest.fixture
def params(home: Path) -> Params:
    return load_params(home / "params.yaml")


def accuracy_gaps(params: Params) -> dict[tuple[str, str], RungGap]:
    found = protocol_gaps({name: result for name, result in results_of(params).items() if name in params.experiments})
    return {(gap.rung, gap.arm): gap for gap in found if gap.metric == "accuracy"}


def test_nothing_is_trained_and_every_split_has_its_controls(home: Path, params: Params) -> None:
    assert not (home / "runs").exists()
    for name, result in results_of(params).items():
        assert result.receipt.runs == () and result.receipt.arms == {}
        assert len(result.receipt.folds) == result.table["fold"].nunique(), name
        assert set(map(is_trivial, result.table["arm"])) == {True}
    with pytest.raises(InputError, match="no experiment of the plan"):
        grid(params, Choice(), dry=True)


def test_the_inflation_of_a_control_is_its_rung_minus_by_patient(params: Params) -> None:
    gaps = accuracy_gaps(params)
    assert set(gaps) == {(rung, arm) for rung in PROTOCOLS[:2] for arm in (COLOUR_HISTOGRAM, COLOUR_TREES)}
    results = results_of(params)
    for (rung, arm), gap in gaps.items():
        right = {}
        for name in (rung, "patient"):
            table = results[name].table
            rows = table[table["arm"] == arm]
            right[name] = pd.Series((rows["label"] == rows["predicted"]).to_numpy(), rows["origin"]).groupby(level=0)
        both = right[rung].mean().index.intersection(right["patient"].mean().index)
        by_hand = right[rung].mean()[both].mean() - right["patient"].mean()[both].mean()
        assert gap.difference == pytest.approx(by_hand, abs=1e-9)
    assert gaps["image", COLOUR_HISTOGRAM].equal_size


def test_the_page_has_the_controls_and_promises_no_verdict(home: Path) -> None:
    made = study_run(gather(load_params()), "known_answer", "cohort")
    rows = [line for line in made["ladder"].splitlines() if "by " in line and "colour" in line]
    assert len(rows) >= 2 * 2 and any("colour histogram trees" in row for row in rows)
    assert sum("the reference" in row for row in rows) == 2
    assert not made["claims"] and not made["selection"] and not made["contrasts"] and made["figures"] == []
    assert made["no_flag"] == "No network was run, so nothing could come close to one."
    assert made["status"] == "models without a network only"


def test_a_plan_that_changed_since_the_split_or_the_training_is_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every stage reads the plan as it is now; what earlier stages made of another one is not taken for it."""
    copy = tmp_path / "home"
    shutil.copytree(home, copy, symlinks=True)
    monkeypatch.setenv("LEUKBENCH_HOME", str(copy))
    plan = (copy / "params.yaml").read_text(encoding="utf-8")

    def stages(changed: str) -> list[str]:
        assert changed != plan
        (copy / "params.yaml").write_text(changed, encoding="utf-8")
        params = load_params()
        said = []
        for stage in (
            lambda: train.train(params, "image"),
            lambda: evaluate.evaluate(params, "image"),
            lambda: compare.compare(params),
            lambda: report.report(params),
        ):
            with pytest.raises(DataError) as error:
                stage()
            said.append(str(error.value))
        return said

    swapped = plan.replace("protocol: image", "protocol: X").replace("protocol: patient", "protocol: image")
    swapped = swapped.replace("protocol: X", "protocol: patient")
    assert all("another split than was made" in words for words in stages(swapped))
    seeded = stages(f"seed: 7\n{plan}")
    assert all("seed 7" in words and "seed 0" in words for words in seeded)
    side = plan.replace(f"side_px: {SIDE_PX}", f"side_px: {2 * SIDE_PX}")
    (copy / "params.yaml").write_text(side, encoding="utf-8")
    with pytest.raises(DataError, match=r"another than params\.yaml asks for"):
        train.train(load_params(), "image")
    (copy / "params.yaml").write_text(f"seed: 7\n{plan}", encoding="utf-8")
    params = load_params()
    split.split(params, [*params.experiments])
    with pytest.raises(DataError, match="than the predictions were collected from"):
        compare.compare(params)
