"""Simulated experiments with known truth: made-up papers whose every figure follows from drawn confusion matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from leukbench.audit.engine.definitions import Definition, definitions

Raw = dict[str, Any]


def print_score(
    value: float | Fraction, rng: np.random.Generator, *, digits: int, percent: bool, truncate: bool
) -> str:
    """Return a score as a paper would print it: percent or fraction, rounded half up or truncated to ``digits``
    decimals."""
    exact = Fraction(value) * (100 if percent else 1)
    scaled = exact * 10**digits
    whole = math.floor(scaled) if truncate else math.floor(scaled + Fraction(1, 2))
    sign = "-" if whole < 0 else ""
    text = str(abs(whole)).rjust(digits + 1, "0")
    return sign + (text[:-digits] + "." + text[-digits:] if digits else text)


def random_matrix(rng: np.random.Generator, classes: int, n: int) -> list[list[int]]:
    """Return a confusion matrix of about n images: random class shares and recalls, every class at least 3 images."""
    share = rng.dirichlet(np.full(classes, 4.0)) if rng.random() < 0.7 else np.full(classes, 1 / classes)
    sizes = np.maximum(3, np.round(share * n).astype(int))
    counts = []
    for i, size in enumerate(sizes):
        right = rng.binomial(size, rng.uniform(0.6, 0.995))
        others = rng.multinomial(size - right, np.full(classes - 1, 1 / (classes - 1)))
        line = [*others[:i], right, *others[i:]]
        counts.append([int(x) for x in line])
    return counts


def plain_experiment(rng: np.random.Generator) -> tuple[Raw, list[list[int]], Raw]:
    """Return a made-up paper (as read from YAML), its first test matrix and its style of printing; every figure
    follows from that.

    Binary or of several classes, one test set or folds, with or without its matrix and class sizes, percent or
    fraction, rounded or truncated, one class positive, macro, weighted or micro, with sums, gains, a mean over
    folds and a layer table. :mod:`leukbench.audit.power.simulated_blocks` adds more.
    """
    classes = int(rng.choice([2, 2, 2, 3, 4, 5]))
    names = [f"c{i}" for i in range(classes)]
    style: Raw = {
        "digits": int(rng.integers(1, 4)),
        "percent": bool(rng.random() < 0.6),
        "truncate": bool(rng.random() < 0.35),
    }
    if not style["percent"]:
        style["digits"] = max(2, style["digits"])
    paper = made_up_paper(names, headline="sim.a.accuracy", positive=names[0] if classes == 2 else None)
    n = int(rng.integers(40, 900))
    best = _add_result(paper, "a", random_matrix(rng, classes, n), names, rng, style, with_matrix=rng.random() < 0.5)
    other = _add_result(paper, "b", same_sizes(best, rng), names, rng, style, with_matrix=rng.random() < 0.3)
    _add_counts(paper, best, names, rng)
    _add_gain(paper, rng, style)
    if rng.random() < 0.5:
        _add_folds(paper, rng, style, names)
    if rng.random() < 0.5:
        _add_layers(paper, rng)
    assert other
    return paper, best, style


def made_up_paper(names: Sequence[str], *, headline: str, positive: str | None) -> Raw:
    """Return a paper of one study over these classes, as read from YAML, without any figure yet.

    Parameters
    ----------
    names
        The classes.
    headline
        The id of the claim that will be the study's headline.
    positive
        The positive class, None where the paper names none.

    Returns
    -------
    What :meth:`leukbench.papers.schema.Paper.model_validate` takes, once the headline is among its claims.
    """
    study = {
        "title": "s",
        "source": "none",
        "classes": {c: [c] for c in names},
        "protocols": {},
        "headline": headline,
        "positive": positive,
        "where": "Table 1",
    }
    return {
        "key": "sim",
        "made_up": True,
        "citation": {"authors": "nobody", "title": "simulated", "venue": "", "year": "2000"},
        "studies": {"s": study},
        "matrices": [],
        "protocol_facts": {},
        "claims": [],
    }


def same_sizes(counts: list[list[int]], rng: np.random.Generator) -> list[list[int]]:
    """Return another network's matrix on the same test set: equal row sums, its own recalls."""
    k = len(counts)
    found = []
    for i, line in enumerate(counts):
        size = sum(line)
        right = int(rng.binomial(size, rng.uniform(0.5, 0.99)))
        rest = rng.multinomial(size - right, np.full(k - 1, 1 / (k - 1)))
        found.append([int(x) for x in [*rest[:i], right, *rest[i:]]])
    return found


def _add_result(
    paper: Raw,
    name: str,
    counts: list[list[int]],
    names: list[str],
    rng: np.random.Generator,
    style: Raw,
    *,
    with_matrix: bool,
    fold: str = "",
) -> list[list[int]]:
    key = {"study": "s", "model": name, "split": "test", "fold": fold, "where": "Table 1"}
    values = definitions(counts, names)
    readings = [f"positive:{names[0]}", f"positive:{names[-1]}"] if len(names) == 2 else []
    reading = str(rng.choice([*readings, "macro", "weighted", "macro", "weighted", "micro"]))
    ident = f"sim.{name}{fold}"

    def add(metric: str, value: float | Fraction, printing: Raw, **more: str) -> None:
        unit = "%" if printing["percent"] else "fraction"
        text = print_score(Fraction(value), rng, **printing)
        paper["claims"].append(
            {"id": f"{ident}.{metric}", **key, "metric": metric, "unit": unit, **more, "value": text}
        )

    add("accuracy", values[Definition("accuracy", "overall")], style)
    for metric in ("precision", "recall", "f1", "specificity", "mcc"):
        averaged = metric != "mcc"
        value = values.get(Definition(metric, reading if averaged else "overall"))
        if value is not None and rng.random() < (0.8 if averaged else 0.3):
            # a paper that says nothing about averaging is the common case
            stated = reading if averaged and rng.random() < 0.2 else ""
            add(metric, value, style if averaged else {**style, "percent": False, "digits": 3}, average=stated)
    if with_matrix:
        _add_matrix(paper, f"m{name}{fold}", ident, counts, names, key)
    return counts


def _add_matrix(paper: Raw, matrix: str, ident: str, counts: list[list[int]], names: list[str], key: Raw) -> None:
    paper["matrices"].append(
        {
            "id": matrix,
            "where": "Figure 1",
            "rows": "actual",
            "classes": names,
            "positive": names[0] if len(names) == 2 else None,
        }
    )
    for i, line in enumerate(counts):
        for j, value in enumerate(line):
            paper["claims"].append(
                {
                    "id": f"{ident}.cell{i}{j}",
                    **key,
                    "metric": "matrix_cell",
                    "matrix": matrix,
                    "row": names[i],
                    "column": names[j],
                    "value": str(value),
                }
            )


def _add_counts(paper: Raw, counts: list[list[int]], names: list[str], rng: np.random.Generator) -> None:
    test = [sum(line) for line in counts]
    factor = int(rng.integers(1, 5))
    train = [factor * t for t in test]
    if rng.random() < 0.3:
        return
    for split, sizes in (("test", test), ("train", train), ("all", [a + b for a, b in zip(test, train, strict=True)])):
        for c, size in [("", sum(sizes)), *zip(names, sizes, strict=True)]:
            if split != "all" or not c:
                paper["claims"].append(
                    {
                        "id": f"sim.n.{split}{c}",
                        "study": "s",
                        "split": split,
                        "class": c,
                        "metric": "n_images",
                        "value": f"{size:,}",
                        "unit": "count",
                        "where": "Section 2",
                    }
                )


def _add_gain(paper: Raw, rng: np.random.Generator, style: Raw) -> None:
    by_id = {c["id"]: c for c in paper["claims"]}
    a, b = (Fraction(by_id[f"sim.{m}.accuracy"]["value"]) * (1 if style["percent"] else 100) for m in ("a", "b"))
    digits = style["digits"] if style["percent"] else max(0, style["digits"] - 2)
    paper["claims"].append(
        {
            "id": "sim.gain",
            "study": "s",
            "metric": "improvement",
            "unit": "%",
            "condition": "accuracy of a over b",
            "value": f"{float(a - b):.{digits}f}",
            "derived_from": ["sim.a.accuracy", "sim.b.accuracy"],
            "where": "Section 4",
        }
    )


def _add_folds(paper: Raw, rng: np.random.Generator, style: Raw, names: list[str]) -> None:
    k = int(rng.integers(2, 6))
    size = int(rng.integers(30, 300))
    key = {"study": "s", "model": "f", "split": "test"}
    accuracies = []
    for fold in map(str, range(1, k + 1)):
        counts = random_matrix(rng, len(names), size)
        _add_result(paper, "f", counts, names, rng, style, with_matrix=False, fold=fold)
        n = sum(map(sum, counts))
        accuracies.append(Fraction(sum(counts[i][i] for i in range(len(names))), n))
        stated = {"metric": "n_images", "value": str(n), "unit": "count", "where": "Section 2"}
        paper["claims"].append({"id": f"sim.nf{fold}", **key, "fold": fold, **stated})
    paper["claims"].append(
        {
            "id": "sim.f.mean",
            **key,
            "metric": "accuracy",
            "aggregation": "mean",
            "unit": "%" if style["percent"] else "fraction",
            "value": print_score(sum(accuracies, Fraction(0)) / k, rng, **style),
            "derived_from": [f"sim.f{f + 1}.accuracy" for f in range(k)],
            "where": "Table 2",
        }
    )


def _add_layers(paper: Raw, rng: np.random.Generator) -> None:
    side, channels, total, frozen = 64, 3, 0, 0
    common = {"model": "net", "where": "Table 3"}
    paper["claims"].append(
        {"id": "sim.l.input", **common, "metric": "image_size", "condition": "network input", "value": "64"}
    )
    layers: list[tuple[str, tuple[int, ...], int]] = []
    for _ in range(int(rng.integers(1, 4))):
        kernel, width = int(rng.choice([3, 5])), int(rng.choice([8, 16, 32]))
        params = (kernel**2 * channels + 1) * width
        side, channels = side - kernel + 1, width
        layers.append(("Conv2D", (side, side, channels), params))
        side //= 2
        layers.append(("MaxPooling2D", (side, side, channels), 0))
        layers.append(("BatchNormalization", (side, side, channels), 4 * channels))
        total, frozen = total + params + 4 * channels, frozen + 2 * channels
    flat, outputs = side * side * channels, len(paper["studies"]["s"]["classes"])
    layers += [("Flatten", (flat,), 0), ("Dense", (outputs,), (flat + 1) * outputs)]
    total += (flat + 1) * outputs
    for i, (name, shape, params) in enumerate(layers, start=1):
        sides = ", ".join(map(str, shape))
        for metric, value in (("params_layer", str(params)), ("output_shape", f"(None, {sides})")):
            paper["claims"].append(
                {"id": f"sim.l{i}.{metric}", **common, "metric": metric, "condition": f"{i:02d} {name}", "value": value}
            )
    sums = {"params_total": total, "params_trainable": total - frozen, "params_nontrainable": frozen}
    for metric, n in sums.items():
        paper["claims"].append({"id": f"sim.l.{metric}", **common, "metric": metric, "value": f"{n:,}"})
