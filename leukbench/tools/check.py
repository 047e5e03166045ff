"""The regression check: a small run's metrics against the t prediction interval of stored reference seeds."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leukbench.errors import InputError
from leukbench.paths import write_text
from leukbench.records import Protocol

REFERENCE = Path(__file__).parents[1] / "reference.json"
ALPHA = 0.001  # over all metrics together
OUTSIDE = "OUTSIDE"
POWER = 0.9
N_REFERENCE = 20
FRESH_SEEDS = range(
    1000, 1006
)  # none of the reference seeds; with fewer some intervals would hold all that is possible
EPOCHS = 12
_CELLS: tuple[tuple[str, Protocol], ...] = (
    ("known_answer", "image"),
    ("known_answer", "patient"),
    ("known_answer_null", "patient"),
)


def small_runs(seeds: Iterable[int]) -> list[dict[str, float]]:
    """Return accuracy and AUC of one fold of the known-answer studies for each seed, by source and protocol.

    Images are those of cohort seed 0, made once; a seed decides split, initial weights and order. Twelve epochs; about
    three CPU seconds a seed.
    """
    with tempfile.TemporaryDirectory(prefix="leukbench-check-") as folder:
        cohorts = [_prepare(source, Path(folder)) for source in ("known_answer", "known_answer_null")]
        return [{k: v for cohort in cohorts for k, v in _run_cohort(cohort, seed).items()} for seed in seeds]


@dataclass(frozen=True)
class _Cohort:
    source: str
    manifest: Any
    groups: Any
    store: Any


def _prepare(source: str, folder: Path) -> _Cohort:
    from leukbench.cohort.groups import make_groups
    from leukbench.cohort.manifest import as_manifest
    from leukbench.pixels.store import build_store, open_store
    from leukbench.sources import load_source

    loaded = load_source(source)
    assert loaded.make is not None
    files, store_file = folder / source, folder / f"{source}.npy"
    loaded.make(files, seed=0)
    manifest = as_manifest(loaded.index(files))
    # patients are the groups here: no search for look-alikes
    groups = make_groups(manifest, _no_pairs())
    build_store(manifest, files, store_file, side_px=32, crop=1.0)
    return _Cohort(source, manifest, groups, open_store(store_file))


def _run_cohort(cohort: _Cohort, seed: int) -> dict[str, float]:
    from leukbench.cohort.splits import make_splits
    from leukbench.papers.loader import load_paper

    paper = load_paper("known_answer")
    study = paper.studies["cohort" if cohort.source == "known_answer" else "no_effect"]
    recipe = dataclasses.replace(paper.recipes["small_cnn"].recipe, epochs=EPOCHS)
    found: dict[str, float] = {}
    for protocol in (p for s, p in _CELLS if s == cohort.source):
        rule = study.protocols[protocol][0].rule
        split = make_splits(cohort.manifest, cohort.groups, rule, seed=seed, classes=study.classes, n_searched=1)
        accuracy, auc = _train_fold(split, cohort.store, recipe, tuple(study.classes), seed)
        found[f"{cohort.source} by {protocol}: accuracy"] = accuracy
        found[f"{cohort.source} by {protocol}: AUC"] = auc
    return found


def _no_pairs() -> Any:
    import pandas as pd

    from leukbench.cohort.duplicates import PAIR_COLUMNS

    return pd.DataFrame({c: pd.Series(dtype="str") for c in PAIR_COLUMNS})


def _train_fold(split: Any, store: Any, recipe: Any, classes: tuple[str, ...], seed: int) -> tuple[float, float]:
    import torch

    from leukbench.evaluation.scoring import roc_auc
    from leukbench.records import NetworkSpec
    from leukbench.training.data import Pixels
    from leukbench.training.engine import set_up, train
    from leukbench.training.experiment import fold_rows
    from leukbench.training.hardware import use_threads
    from leukbench.training.network import build_network

    device = torch.device("cpu")
    use_threads(recipe.input_px)
    network = NetworkSpec(paper="known_answer", name="small_cnn")
    rows = fold_rows(split, fold=0, classes=classes, store=store)
    state = set_up(
        lambda: build_network(network, n_classes=2, input_px=recipe.input_px, pretrained=False),
        recipe,
        seed=seed,
        device=device,
    )
    fit, validation, test = (
        Pixels(part, store, recipe, device=device) for part in (rows.train, rows.validation, rows.test)
    )
    train(state, recipe, train=fit, validation=validation, test=test, n_classes=2, seed=seed, precision="fp32")
    scores = state.epochs.test[-1].astype(float)
    accuracy = float((scores.argmax(axis=1) == rows.test.label).mean())
    return accuracy, float(roc_auc(rows.test.label == 1, scores[:, 1]))


def prediction_interval(values: list[float], *, further: int, alpha: float) -> tuple[float, float, float]:
    """Return the two-sided t prediction interval for the mean of ``further`` values, and the shift seen with 90 %
    power.

    mean ± t(1 - α/2, n - 1) · s · √(1/m + 1/n); the shift adds the 90 % quantile of the same t.

    >>> low, high, shift = prediction_interval([0.8, 0.9], further=1, alpha=0.05)
    >>> round(low, 3), round(high, 3)  # t(1 df) = 12.706, s = 0.0707, sqrt(1.5) = 1.2247
    (-0.25, 1.95)
    """
    from scipy.stats import t

    n = len(values)
    mean = sum(values) / n
    s = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    scale = s * math.sqrt(1 / further + 1 / n)
    half = float(t.ppf(1 - alpha / 2, n - 1)) * scale
    return mean - half, mean + half, half + float(t.ppf(POWER, n - 1)) * scale


def regression_check(*, update: bool, reference: Path = REFERENCE) -> tuple[str, bool]:
    """Return the check's table and whether any mean over the fresh seeds lies outside its interval.

    With ``update`` the reference is made anew first.

    Raises InputError where the reference is missing or speaks of other metrics.
    """
    if update:
        runs = small_runs(range(N_REFERENCE))
        table = {name: [round(run[name], 6) for run in runs] for name in runs[0]}
        write_text(reference, json.dumps({"seeds": N_REFERENCE, "values": table}, indent=1) + "\n")
    stored = _read(reference)
    return hold(small_runs(FRESH_SEEDS), stored)


def _read(reference: Path) -> dict[str, list[float]]:
    try:
        values: dict[str, list[float]] = json.loads(reference.read_text(encoding="utf-8"))["values"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            "cannot read the reference of the regression check", where=str(reference), found=str(error),
            do="make it with `leukbench check --update`, and look at what changed",
        ) from error  # fmt: skip
    return values


def hold(runs: list[dict[str, float]], reference: dict[str, list[float]]) -> tuple[str, bool]:
    """Return a table of each metric's mean with its interval, and whether any lies outside. Bonferroni over the
    metrics.
    """
    from leukbench.report.format import table

    found = {name: sum(run[name] for run in runs) / len(runs) for name in runs[0]}
    if set(found) != set(reference):
        odd = sorted(set(found) ^ set(reference))
        raise InputError(
            "the reference speaks of other metrics", found=", ".join(odd), do="run `leukbench check --update`"
        )
    alpha = ALPHA / len(reference)
    rows = [_row(name, found[name], values, n=len(runs), alpha=alpha) for name, values in reference.items()]
    failed = any(row[""] == OUTSIDE for row in rows)
    verdict = "FAILED: training has changed beyond seed noise" if failed else "passed"
    head = (
        f"Regression check at α = {ALPHA} over {len(reference)} metrics, "
        f"{len(next(iter(reference.values())))} reference seeds: {verdict}"
    )
    return f"{head}\n\n{table(rows)}", failed


def _row(metric: str, mean: float, reference: list[float], *, n: int, alpha: float) -> dict[str, str]:
    from leukbench.report.format import number

    low, high, shift = prediction_interval(reference, further=n, alpha=alpha)
    return {
        "metric": metric,
        f"mean of {n}": number(mean),
        "interval": f"{number(low)} to {number(high)}",
        "shift seen with 90 % power": number(shift),
        "": "within" if low <= mean <= high else OUTSIDE,
    }
