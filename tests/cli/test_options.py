"""What the command line refuses before a command reads anything, and what it says of itself."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

import leukbench
from leukbench.cli.app import app
from leukbench.errors import InputError


@pytest.mark.parametrize(
    ("line", "given", "goes_with"),
    [
        ("audit --seed 3", "--seed", "--power"),
        ("audit --power --format json", "--format", "figures, without --power"),
        ("audit leukbench/papers/ddrnet/paper.yaml --classes HEM=1", "--classes", "no paper file"),
        ("fetch --list --portal kaggle", "--portal", "a source"),
        ("report --to x", "--to", "--from"),
        ("grid --gpus 2", "--gpus", "--executor slurm"),
        ("duplicates docs --from x", "--from", "a source"),
        ("duplicates cnmc_2019 --out x", "--out", "a folder of images"),
        ("make-split x.csv --k 5 --test 0.2", "--k", "folds"),
    ],
)
def test_an_option_that_would_be_passed_over_is_refused(line: str, given: str, goes_with: str) -> None:
    with pytest.raises(InputError, match="what would be passed over") as wrong:
        CliRunner().invoke(app, line.split(), catch_exceptions=False)
    assert wrong.value.found == given and goes_with in wrong.value.expected


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.strip() == leukbench.__version__
