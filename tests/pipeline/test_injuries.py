"""Every artefact is whole or refused: injured at random, it is never used in silence and never ends in a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leukbench.params import Params
from leukbench.paths import write_sum
from leukbench.pipeline import compare
from tests.support.injuries import KINDS, READ_BY, injure, injuries, make_workspace

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
