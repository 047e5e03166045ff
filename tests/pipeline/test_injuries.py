"""Every artefact is whole or refused: injured at random, it is never used in silence and never ends in a traceback."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from leukbench.errors import DataError
from leukbench.params import Params
from leukbench.paths import write_sum
from leukbench.pipeline import compare, decode, evaluate, fetch, group, index, report, split, train
from leukbench.pipeline.grid import Choice, inputs_of
from tests.support.injuries import KINDS, READ_BY, Stage, injure, injuries, make_workspace

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Params]]:
    """A workspace in which a small pipeline has run once."""
    home = tmp_path_factory.mktemp("injured")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("LEUKBENCH_HOME", str(home))
        yield home, make_workspace(home)


@pytest.mark.parametrize("n", [200, pytest.param(1200, marks=pytest.mark.slow)])
def test_no_injury_is_silent_or_a_traceback(workplace: tuple[Path, Params], n: int) -> None:
    found = list(injuries(*workplace, n, seed=n))
    assert {i.artefact for i in found} == set(READ_BY) and {i.kind for i in found} == set(KINDS)
    assert [i for i in found if i.outcome in {"silent", "traceback"}] == []
    unnamed = [
        i for i in found if i.outcome == "refused" and Path(i.file).name.removesuffix(".sha256") not in i.message
    ]
    assert unnamed == []  # every refusal names its file
    assert sum(i.outcome == "refused" for i in found) > 0.95 * n


def test_an_injury_that_nobody_sees_is_told_as_silent(workplace: tuple[Path, Params]) -> None:
    """The counterpart: a figure that was changed together with its sha256 goes into the verdicts, and that is found."""
    home, params = workplace
    file = home / "out" / "injured" / "estimates" / "one.json"
    before = file.read_bytes()
    damaged = before.replace(b'"value": 0.', b'"value": 0.1')
    assert damaged != before
    file.write_bytes(damaged)
    write_sum(file)
    outcome = injure(home, params, "out/*/estimates/*.json", compare.compare, "changed digit", file, damaged).outcome
    file.write_bytes(before)
    write_sum(file)
    compare.compare(params)
    assert outcome == "silent"


@contextlib.contextmanager
def kept(home: Path) -> Iterator[Path]:
    """Yield the folder of the stages' outputs, and put it back as it was."""
    out, aside = home / "out", home / "aside"
    shutil.copytree(out, aside)
    try:
        yield out / "injured"
    finally:
        shutil.rmtree(out)
        aside.rename(out)


def _inputs(params: Params) -> object:
    return inputs_of(params, Choice())


def _train_other(params: Params) -> object:
    return train.train(params, "other")


def _evaluate_other(params: Params) -> object:
    return evaluate.evaluate(params, "other")


@pytest.mark.parametrize(
    ("artefact", "stage", "message"),
    [
        ("splits/{}.csv", _train_other, "another than its certificate speaks of"),
        ("splits/{}.csv", _inputs, "another than its certificate speaks of"),
        ("splits/{}.certificate.json", _inputs, "another than its certificate speaks of"),
        ("predictions/{}.parquet", _evaluate_other, "others than their receipt"),
        ("predictions/{}.parquet", compare.compare, "others than their receipt"),
        ("estimates/{}.json", compare.compare, "of other predictions"),
        ("estimates/{}.json", report.gather, "of other predictions"),
    ],
)
def test_a_whole_file_of_another_experiment_is_not_taken_for_this_ones(
    workplace: tuple[Path, Params], artefact: str, stage: Stage, message: str
) -> None:
    home, params = workplace
    with kept(home) as out:
        other = out / artefact.format("other")
        shutil.copyfile(out / artefact.format("one"), other)
        write_sum(other)
        with pytest.raises(DataError, match=message) as refused:
            stage(params)
    assert "/other." in refused.value.where


def test_a_stage_left_out_after_a_change_of_params_is_named(workplace: tuple[Path, Params]) -> None:
    home, params = workplace
    fewer = {
        name: dataclasses.replace(experiment, limits=dataclasses.replace(experiment.limits, epochs=1))
        for name, experiment in params.experiments.items()
    }
    params = params.model_copy(update={"experiments": fewer})
    with kept(home):
        for name in fewer:
            train.train(params, name)
        for stage in (compare.compare, report.gather):
            with pytest.raises(DataError, match="run the evaluate stage"):
                stage(params)
        for name in fewer:
            evaluate.evaluate(params, name)
        with pytest.raises(DataError, match="run the compare stage"):
            report.gather(params)
        compare.compare(params)
        report.gather(params)


def test_verdicts_with_another_margin_are_not_shown(workplace: tuple[Path, Params]) -> None:
    _, params = workplace
    wider = params.model_copy(update={"verdicts": params.verdicts.model_copy(update={"margin": 0.2})})
    with pytest.raises(DataError, match="run the compare stage"):
        report.gather(wider)


def test_a_source_that_changed_after_the_split_is_refused_by_every_later_stage(workplace: tuple[Path, Params]) -> None:
    home, params = workplace
    other = params.model_copy(
        update={"sources": {n: s.model_copy(update={"seed": 3}) for n, s in params.sources.items()}}
    )
    with kept(home):
        for stage in (fetch.fetch, index.index, group.group):
            stage(other, "known_answer")
        for late in (_train_other, _inputs, _evaluate_other, compare.compare):
            with pytest.raises(DataError, match="another than the split was made from") as refused:
                late(other)
            assert "known_answer/manifest.csv" in refused.value.where
        split.split(other, [*params.experiments])
        for late in (_train_other, _inputs):
            with pytest.raises(DataError, match="decoded from another manifest"):
                late(other)
        decode.decode(other, "s")
        _inputs(other)


def test_outputs_from_before_they_named_what_they_are_made_from_are_taken(workplace: tuple[Path, Params]) -> None:
    home, params = workplace
    with kept(home) as out:
        made_from = (*out.glob("splits/*.plan.json"), *out.glob("estimates/*.json"), out / "verdicts.json")
        keys = dict.fromkeys(made_from, "made_from") | dict.fromkeys(out.glob("predictions/*.json"), "predictions")
        for file, key in keys.items():
            plain = json.loads(file.read_text(encoding="utf-8"))
            assert plain.pop(key)
            file.write_text(json.dumps(plain), encoding="utf-8")
            write_sum(file)
        _inputs(params)
        evaluate.evaluate(params, "one")
        compare.compare(params)
        report.gather(params)
