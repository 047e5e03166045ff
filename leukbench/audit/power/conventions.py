"""Honest figures as libraries print them: scikit-learn's, torchmetrics' and Keras' averages, 0/0, precision and
decimals.

Each set of figures follows from one drawn confusion matrix. Classes may be absent from the test images or never
predicted. Which figures are printed, with which averaging stated, with or without the matrix and the class sizes,
is drawn as well. None of it is impossible, so that no check may call it inconsistent.

References
----------
scikit-learn 1.5 ``metrics._classification``; torchmetrics 1.4 ``functional.classification``; Keras 3 ``metrics``.
The rules are written anew here, so that none of them has to be installed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import numpy as np
import numpy.typing as npt

from leukbench.audit.engine.definitions import degenerate_mcc
from leukbench.audit.findings import every_finding
from leukbench.audit.power.simulated import Raw, made_up_paper
from leukbench.papers.schema import Paper
from leukbench.seeds import generator_for

Array = npt.NDArray[np.float64]
AVERAGED = ("precision", "recall", "f1", "specificity")


@dataclass(frozen=True)
class Figure:
    """A score before it is printed: its value and what it was averaged over."""

    metric: str
    value: float
    average: str = ""  # as a ledger says it: macro, weighted, micro, positive:<class>
    class_: str = ""


@dataclass(frozen=True)
class FigureSet:
    """A made-up paper whose figures follow from one matrix, and the library and conventions that they follow."""

    raw: Raw
    kind: str


@dataclass(frozen=True)
class _Counts:
    """Right answers, calls and images of every class, ``(n_classes,)`` each."""

    hit: Array
    called: Array
    actual: Array

    @property
    def n(self) -> float:
        return float(self.actual.sum())

    def ratios(self, metric: str) -> tuple[Array, Array]:
        """Return numerator and denominator of a score of each class."""
        if metric == "precision":
            return self.hit, self.called
        if metric == "recall":
            return self.hit, self.actual
        if metric == "f1":
            return 2 * self.hit, self.actual + self.called
        return self.n - self.actual - self.called + self.hit, self.n - self.actual


def _divided(top: Array, bottom: Array, fill: float) -> Array:
    return np.where(bottom == 0, fill, top / np.where(bottom == 0, 1, bottom))


def _mean(values: Array, weights: Array) -> float:
    known = ~np.isnan(values) & (weights > 0)
    return float((values[known] * weights[known]).sum() / weights[known].sum()) if known.any() else float("nan")


def sklearn_scores(matrix: Array, average: str, rng: np.random.Generator) -> tuple[list[Figure], str]:
    """Return the scores of ``precision_recall_fscore_support`` and its neighbours, with their ``zero_division`` drawn.

    Without ``labels`` the classes that occur neither among answers nor among calls are left out; balanced accuracy
    leaves out absent classes, MCC is 0 where undefined, kappa NaN.
    """
    zero_division = float(rng.choice([0.0, 1.0, np.nan]))
    m = _Counts(np.diag(matrix), matrix.sum(0), matrix.sum(1))
    seen = (m.called + m.actual > 0) if rng.random() < 0.5 else np.ones(len(matrix), dtype=bool)
    found = [Figure("accuracy", float(m.hit.sum() / m.n))]
    for metric in AVERAGED:
        top, bottom = m.ratios(metric)
        values = _divided(top, bottom, zero_division)
        if average in {"none", "binary"}:
            found += _each(metric, values, average, rng)
        elif average == "micro":
            found.append(Figure(metric, float(top.sum() / bottom.sum()), "micro"))
        else:
            weights = m.actual if average == "weighted" else np.ones(len(matrix))
            found.append(Figure(metric, _mean(values[seen], weights[seen]), average))
    recalls = m.hit[m.actual > 0] / m.actual[m.actual > 0]
    found.append(Figure("balanced_accuracy", float(recalls.mean())))
    return [*found, *_agreement(m, torch=False)], f"scikit-learn, zero_division {zero_division:g}"


def torchmetrics_scores(matrix: Array, average: str, rng: np.random.Generator) -> tuple[list[Figure], str]:
    """Return the scores of ``torchmetrics.functional.classification`` in single precision.

    A macro average leaves out classes without a right answer, a call or an image; other 0/0 are 0 (or 1 by
    ``zero_division``). Accuracy is averaged like the rest, and macro by default for several outputs.
    """
    zero_division = float(rng.choice([0.0, 0.0, 1.0]))
    one_output = len(matrix) == 2 and rng.random() < 0.5
    m = _Counts(np.diag(matrix), matrix.sum(0), matrix.sum(1))
    found = []
    for metric in ("accuracy", *AVERAGED):
        top, bottom = m.ratios("recall" if metric == "accuracy" else metric)
        values = _divided(top, bottom, zero_division)
        if metric == "accuracy" and (average in {"micro", "weighted", "binary"} or one_output):
            found.append(Figure("accuracy", float(m.hit.sum() / m.n)))
        elif average in {"none", "binary"}:
            found += _each(metric, values, average, rng)
        elif average == "micro":
            found.append(Figure(metric, float(top.sum() / bottom.sum()), "micro"))
        else:
            weights = m.actual if average == "weighted" else (m.called + m.actual > 0).astype(float)
            found.append(Figure(metric, _mean(values, weights), average))
    found = [*found, *_agreement(m, torch=True)]
    single = [Figure(f.metric, float(np.float32(f.value)), f.average, f.class_) for f in found]
    return single, f"torchmetrics, zero_division {zero_division:g}"


def keras_scores(matrix: Array, average: str, rng: np.random.Generator) -> tuple[list[Figure], str]:
    """Return the scores of Keras' metrics in single precision: 0/0 is 0, macro over all classes; precision and
    recall of all
    classes together are micro averages."""
    m = _Counts(np.diag(matrix), matrix.sum(0), matrix.sum(1))
    found = [Figure("accuracy", float(m.hit.sum() / m.n))]
    for metric in ("precision", "recall", "f1"):
        top, bottom = m.ratios(metric)
        values = _divided(top, bottom, 0.0)
        if average in {"none", "binary"}:
            found += _each(metric, values, average, rng)
        elif average == "micro" or metric != "f1":
            found.append(Figure(metric, float(top.sum() / bottom.sum()), "micro"))
        else:
            weights = m.actual if average == "weighted" else np.ones(len(matrix))
            found.append(Figure(metric, _mean(values, weights), average))
    return [Figure(f.metric, float(np.float32(f.value)), f.average, f.class_) for f in found], "Keras"


def _each(metric: str, values: Array, average: str, rng: np.random.Generator) -> list[Figure]:
    """Return the score of the positive class, c0, or of every class."""
    if average == "binary":
        return [Figure(metric, float(values[0]), "positive:c0")]
    return [Figure(metric, float(v), "none", f"c{i}") for i, v in enumerate(values)]


def _agreement(m: _Counts, *, torch: bool) -> list[Figure]:
    n, right = m.n, float(m.hit.sum())
    chance = float((m.actual * m.called).sum())
    spread = (n * n - float((m.actual**2).sum())) * (n * n - float((m.called**2).sum()))
    mcc = (n * right - chance) / np.sqrt(spread) if spread else 0.0
    if torch and not spread and len(m.hit) == 2:
        mcc = 1.0 if right == n else -1.0 if not right else degenerate_mcc(right, n - right)
    found = [Figure("mcc", float(mcc))]
    return [*found, Figure("kappa", float((n * right - chance) / (n * n - chance)))] if n * n != chance else found


LIBRARIES: tuple[Callable[[Array, str, np.random.Generator], tuple[list[Figure], str]], ...] = (
    sklearn_scores,
    torchmetrics_scores,
    keras_scores,
)


def printed(value: float, *, digits: int, percent: bool, truncate: bool) -> str:
    """Return a computed score in decimals, 100 times it where ``percent``; rounded half up or truncated towards
    zero."""
    exact = Decimal(value * 100 if percent else value)
    return format(exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_DOWN if truncate else ROUND_HALF_UP), "f")


def drawn_matrix(rng: np.random.Generator, k: int) -> tuple[Array, str]:
    """Return a confusion matrix of 5 to 2,000 images with, perhaps, absent and never predicted classes, and which."""
    n = int(rng.choice([5, 12, 40, 150, 600, 2000]))
    share = rng.dirichlet(np.full(k, float(rng.choice([0.5, 4.0, 50.0]))))
    words = []
    if rng.random() < 0.25:
        share[rng.permutation(k)[: int(rng.integers(1, k))]] = 0
        words.append("absent classes")
    sizes = rng.multinomial(n, share / share.sum())
    calls = np.stack([rng.dirichlet(np.full(k, 0.5)) * (1 - right) for right in rng.uniform(0.2, 1, k)])
    calls[np.arange(k), np.arange(k)] += 1 - calls.sum(1)
    if rng.random() < 0.3:
        kept = rng.permutation(k)[: int(rng.integers(1, k))]
        calls[:, np.setdiff1d(np.arange(k), kept)] = 0
        calls[:, kept] += 1e-6
        calls /= calls.sum(1, keepdims=True)
        words.append("classes never predicted")
    matrix = np.stack([rng.multinomial(s, c) for s, c in zip(sizes, calls, strict=True)]).astype(float)
    return matrix, " and ".join(words) or "all classes"


def figure_set(rng: np.random.Generator) -> FigureSet:
    """Return a made-up paper with some of the figures that one matrix gives under one library's conventions."""
    k = int(rng.choice([2, 2, 2, 2, 3, 3, 4, 5, 8, 14]))
    matrix, classes = drawn_matrix(rng, k)
    averages = ["macro", "weighted", "micro", "none", *(["binary"] * 3 if k == 2 else [])]
    average = str(rng.choice(averages))
    figures, library = LIBRARIES[int(rng.integers(3))](matrix, average, rng)
    chosen = [f for f in figures if not np.isnan(f.value) and rng.random() < 0.7]
    if not chosen:
        chosen = [f for f in figures if not np.isnan(f.value)][:1]
    raw = _paper(matrix, chosen, rng)
    return FigureSet(raw, f"{library}, {classes}")


def _paper(matrix: Array, figures: list[Figure], rng: np.random.Generator) -> Raw:
    k = len(matrix)
    names = [f"c{i}" for i in range(k)]
    style: Raw = {
        "digits": int(rng.integers(0, 18)),
        "percent": bool(rng.random() < 0.5),
        "truncate": bool(rng.random() < 0.35),
    }
    common = {"study": "s", "model": "m", "split": "test", "where": "Table 1"}
    says_average, own_n = rng.random() < 0.3, rng.random() < 0.15
    claims = [
        {**common, "id": f"sim.f{i}", **_figure_claim(f, style, says_average=says_average)}
        for i, f in enumerate(figures)
    ]
    for claim in claims:
        if own_n and claim["metric"] == "accuracy" and not claim["class"]:
            claim |= {"n": str(int(matrix.sum())), "aggregation": "single"}
    headline = claims[int(rng.integers(len(claims)))]["id"]
    paper = made_up_paper(names, headline=headline, positive="c0" if k == 2 and rng.random() < 0.5 else None)
    paper["claims"] = claims
    if rng.random() < 0.3:
        _print_matrix(paper, matrix, names, common, rng)
    if rng.random() < 0.35:
        claims += _sizes(matrix, names, common, rng)
    return paper


def _figure_claim(figure: Figure, style: Raw, *, says_average: bool) -> Raw:
    """Return what a claim of one computed figure prints in this style."""
    percent = style["percent"] and figure.metric not in {"mcc", "kappa"}
    stated = figure.average == "none" or (figure.average and says_average)
    return {
        "metric": figure.metric,
        "class": figure.class_,
        "average": figure.average if stated else "",
        "value": printed(figure.value, **{**style, "percent": percent}),
        "unit": "%" if percent else "fraction",
    }


def _print_matrix(paper: Raw, matrix: Array, names: list[str], common: Raw, rng: np.random.Generator) -> None:
    """Add the matrix: cell by cell, or as tp, fn, fp, tn of c0 (of two classes), with its positive class said or
    not."""
    paper["matrices"].append({"id": "cm", "where": "Figure 1", "rows": "actual", "classes": names})
    cells = [(i, j, str(int(matrix[i, j]))) for i in range(len(names)) for j in range(len(names))]
    if len(names) == 2 and rng.random() < 0.4:
        words = {(0, 0): "tp", (0, 1): "fn", (1, 0): "fp", (1, 1): "tn"}
        paper["claims"] += [
            {**common, "id": f"sim.{words[i, j]}", "metric": words[i, j], "matrix": "cm", "value": v}
            for i, j, v in cells
        ]
        if rng.random() < 0.5:
            paper["matrices"][0]["positive"] = "c0"
        return
    paper["claims"] += [
        {
            **common,
            "id": f"sim.cell{i}.{j}",
            "metric": "matrix_cell",
            "matrix": "cm",
            "row": names[i],
            "column": names[j],
            "value": v,
        }
        for i, j, v in cells
    ]


def _sizes(matrix: Array, names: list[str], common: Raw, rng: np.random.Generator) -> list[Raw]:
    """Return the class sizes and their total as claims; absent classes are said to have 0 images, or left out."""
    keys = {**common, "model": "", "metric": "n_images", "unit": "count"}
    sizes = [int(x) for x in matrix.sum(1)]
    whole = bool(rng.random() < 0.5)
    found = [
        {**keys, "id": f"sim.n.{c}", "class": c, "value": str(n)}
        for c, n in zip(names, sizes, strict=True)
        if n or whole
    ]
    return [*found, {**keys, "id": "sim.n.all", "value": str(sum(sizes))}]


@dataclass(frozen=True)
class Tally:
    """What the audit said of honest sets of figures: how many, of which kinds, and each finding that is not in
    order."""

    sets: int
    kinds: Counter[str]
    inconsistent: Counter[str]  # by check
    implausible: Counter[str]  # by check
    implausible_kinds: Counter[str]  # how many sets of a kind have an implausible finding
    inconsistent_sets: tuple[int, ...]  # their numbers, for :func:`figure_set` with the same seed


def tally(n: int, seed: int) -> Tally:
    """Return what the audit says of n sets of figures; the same numbers give the same sets."""
    kinds: Counter[str] = Counter()
    odd: Counter[str] = Counter()
    found: dict[str, Counter[str]] = {"inconsistent": Counter(), "implausible": Counter()}
    wrong = []
    for i in range(n):
        made = figure_set(generator_for(seed, "audit.conventions", i))
        kinds[made.kind] += 1
        blocks = [{"where": c["where"], "rows": [c]} for c in made.raw["claims"]]
        findings = every_finding(Paper.model_validate({**made.raw, "claims": blocks}))
        for status, counter in found.items():
            counter.update({f.check for f in findings if f.status == status})
        odd[made.kind] += any(f.status == "implausible" for f in findings)
        wrong += [i] if any(f.status == "inconsistent" for f in findings) else []
    return Tally(n, kinds, found["inconsistent"], found["implausible"], odd, tuple(wrong))
