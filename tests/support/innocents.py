"""Made-up papers of which every figure is true, printed in the ways that other generators leave out.

Mixed averages in one row, several classes taken together, folds rounded before they are averaged, counts with either
class as positive, areas under the curve of one and of both outputs, layer tables of every usual kind, parts cut in
every usual order. None of them may be called inconsistent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from leukbench.audit.power.conventions import drawn_matrix, printed
from leukbench.papers.schema import Paper
from tests.support.printed_papers import Row, images, paper

Rng = np.random.Generator


def _print(value: float, rng: Rng, style: dict[str, Any]) -> Row:
    return {"value": printed(value, **style), "unit": "%" if style["percent"] else "fraction"}


def _style(rng: Rng) -> dict[str, Any]:
    percent = bool(rng.random() < 0.6)
    return {
        "digits": int(rng.integers(1 if percent else 3, 5)),
        "percent": percent,
        "truncate": bool(rng.random() < 0.3),
    }


def _full_matrix(rng: Rng, k: int) -> np.ndarray[Any, Any]:
    """Return a matrix in which every class occurs."""
    while True:
        counts, _ = drawn_matrix(rng, k)
        if counts.sum(1).min() > 0:
            return counts.astype(int)


def _class_values(m: np.ndarray[Any, Any], metric: str) -> np.ndarray[Any, Any]:
    hit, row, column, n = np.diag(m), m.sum(1), m.sum(0), m.sum()
    top, bottom = {
        "recall": (hit, row),
        "precision": (hit, column),
        "f1": (2 * hit, row + column),
        "specificity": (n - row - column + hit, n - row),
    }[metric]
    return np.where(bottom == 0, 0.0, top / np.where(bottom == 0, 1, bottom))


def _averaged(m: np.ndarray[Any, Any], metric: str, how: str) -> float:
    values = _class_values(m, metric)
    if how == "weighted":
        return float(values @ m.sum(1) / m.sum())
    return float(values.mean()) if how == "macro" else float(values[int(how)])


def mixed_row(rng: Rng) -> Paper:
    """Precision, recall, F1 of one report beside a specificity averaged otherwise, and an accuracy over classes."""
    k = int(rng.choice([2, 2, 3]))
    m, style = _full_matrix(rng, k), _style(rng)
    names = tuple(f"c{i}" for i in range(k))
    common = {"model": "m", "split": "test"}
    ways = ["macro", "weighted", "0", str(k - 1)] if k == 2 else ["macro", "weighted"]
    accuracy = float(np.trace(m) / m.sum())
    if rng.random() < 0.2:  # torchmetrics' mean over classes
        accuracy = _averaged(m, "recall", "macro")
    rows: list[Row] = [{**common, "metric": "accuracy", **_print(accuracy, rng, style)}]
    report = str(rng.choice(ways))
    for metric in ("precision", "recall", "f1", "specificity"):
        if rng.random() < 0.8:
            value = _averaged(m, metric, report if metric != "specificity" else str(rng.choice(ways)))
            if metric == "f1" and report == "macro" and rng.random() < 0.4:
                p, r = (_averaged(m, x, "macro") for x in ("precision", "recall"))
                value = 2 * p * r / (p + r) if p + r else 0.0
            rows.append({**common, "metric": metric, **_print(value, rng, style)})
    if rng.random() < 0.5:
        rows += [images(str(int(n)), split="test", **{"class": c}) for c, n in zip(names, m.sum(1), strict=True)]
    declared: list[Row] = []
    if rng.random() < 0.3:
        declared, cells = _cells(m, names, common)
        rows += cells
    return paper(*rows, classes=names, matrices=declared)


def _cells(m: np.ndarray[Any, Any], names: tuple[str, ...], common: Row) -> tuple[list[Row], list[Row]]:
    cells = [
        {**common, "metric": "matrix_cell", "matrix": "cm", "row": a, "column": b, "value": str(int(m[i, j]))}
        for i, a in enumerate(names)
        for j, b in enumerate(names)
    ]
    return [{"id": "cm", "where": "Figure 1", "rows": "actual", "classes": list(names)}], cells


def pooled_row(rng: Rng) -> Paper:
    """Several classes, all but one taken together for sensitivity, specificity, precision and F1; top-1 accuracy."""
    k, style = int(rng.choice([3, 4])), _style(rng)
    m = _full_matrix(rng, k)
    if rng.random() < 0.4:  # equally large classes
        n = int(rng.integers(40, 400))
        m = np.stack([rng.multinomial(n, line / line.sum()) for line in m])
    names = tuple(f"c{i}" for i in range(k))
    i = int(rng.integers(k))
    two = np.array(
        [[m.sum() - m[i].sum() - m[:, i].sum() + m[i, i], m[:, i].sum() - m[i, i]], [m[i].sum() - m[i, i], m[i, i]]]
    )
    common = {"model": "m", "split": "test"}
    overall = np.trace(m) / m.sum() if rng.random() < 0.7 else np.trace(two) / two.sum()
    rows: list[Row] = [{**common, "metric": "accuracy", **_print(float(overall), rng, style)}]
    rows += [
        {**common, "metric": metric, **_print(_averaged(two, metric, "0"), rng, style)}
        for metric in ("sensitivity", "specificity", "precision", "f1")
        if rng.random() < 0.8 and metric != "sensitivity"
    ]
    if rng.random() < 0.8:
        rows.append({**common, "metric": "sensitivity", **_print(_averaged(two, "recall", "0"), rng, style)})
    if rng.random() < 0.4:
        declared, cells = _cells(m, names, common)
        return paper(*rows, *cells, classes=names, matrices=declared)
    if overall == np.trace(m) / m.sum():
        rows += [images(str(int(n)), split="test", **{"class": c}) for c, n in zip(names, m.sum(1), strict=True)]
    return paper(*rows, classes=names)


def named_counts(rng: Rng) -> Paper:
    """Four counts with either class as positive, said or not, with the scores of one of them and an AUC."""
    m, style = _full_matrix(rng, 2), _style(rng)
    positive = int(rng.integers(2))
    other = 1 - positive
    names = ("c0", "c1")
    common = {"model": "m", "split": "test"}
    declared: Row = {"id": "cm", "where": "Figure 1", "rows": "actual", "classes": list(rng.permutation(names))}
    said = str(rng.choice(["matrix", "study", "nowhere"]))
    if said == "matrix":
        declared["positive"] = names[positive]
    values = {"tp": m[positive, positive], "fn": m[positive, other], "fp": m[other, positive], "tn": m[other, other]}
    rows: list[Row] = [{**common, "metric": "accuracy", **_print(float(np.trace(m) / m.sum()), rng, style)}]
    rows += [{**common, "metric": metric, "matrix": "cm", "value": str(int(v))} for metric, v in values.items()]
    for metric in ("precision", "sensitivity", "f1", "specificity"):
        value = _averaged(m, {"sensitivity": "recall"}.get(metric, metric), str(positive))
        rows.append({**common, "metric": metric, **_print(value, rng, style)})
    rows.append({**common, "metric": "auc", **_print(_area(m, rng), rng, style)})
    if rng.random() < 0.5:
        rows += [images(str(int(n)), split="test", **{"class": c}) for c, n in zip(names, m.sum(1), strict=True)]
    made = paper(*rows, classes=names, matrices=[declared])
    study = made.studies["s"].model_copy(update={"positive": names[positive] if said == "study" else None})
    return made.model_copy(update={"studies": {"s": study}})


def _area(m: np.ndarray[Any, Any], rng: Rng) -> float:
    """The AUC of drawn scores with this matrix at a half: of one output, or of both at once (Keras' of a softmax)."""
    a = np.concatenate([rng.uniform(0.5, 1, m[0, 0]), rng.uniform(0, 0.5, m[0, 1])])
    b = np.concatenate([rng.uniform(0.5, 1, m[1, 0]), rng.uniform(0, 0.5, m[1, 1])])
    if rng.random() < 0.5:
        a, b = np.concatenate([a, 1 - b]), np.concatenate([b, 1 - a])
    order = np.sort(b)
    return float((np.searchsorted(order, a, "left") + np.searchsorted(order, a, "right")).mean() / (2 * len(b)))


def cross_validation(rng: Rng) -> Paper:
    """Folds of unlike sizes and class shares, each figure rounded, their mean (with ± or not), the pooled matrix."""
    style = _style(rng)
    folds = [_full_matrix(rng, 2) for _ in range(int(rng.integers(3, 7)))]
    names = ("c0", "c1")
    how = str(rng.choice(["macro", "weighted", "0", "1"]))
    rows: list[Row] = []
    rounded_before, by_size = bool(rng.random() < 0.5), bool(rng.random() < 0.3)
    for metric in ("accuracy", "precision", "recall", "f1", "specificity"):
        each = [float(np.trace(m) / m.sum()) if metric == "accuracy" else _averaged(m, metric, how) for m in folds]
        shown = [_print(v, rng, style) for v in each]
        parts = []
        for f, text in enumerate(shown):
            parts.append(f"p.{metric}{f}")
            rows.append({"id": parts[-1], "model": "m", "split": "test", "fold": str(f + 1), "metric": metric, **text})
        before = [float(t["value"]) / (100 if style["percent"] else 1) for t in shown]
        used = before if rounded_before else each
        weights = [int(m.sum()) for m in folds] if by_size else None
        mean = _print(float(np.average(used, weights=weights)), rng, style)
        keys: Row = {"model": "m", "split": "test", "metric": metric, "aggregation": "mean", "derived_from": parts}
        if rng.random() < 0.6:
            spread = float(np.std(used, ddof=int(rng.integers(2))))
            keys["spread"] = printed(spread, **style)
        rows.append({"id": f"p.{metric}", **keys, **mean})
    if rng.random() < 0.5:
        for f, m in enumerate(folds):
            rows += [
                images(str(int(n)), split="test", fold=str(f + 1), **{"class": c})
                for c, n in zip(names, m.sum(1), strict=True)
            ]
    declared: list[Row] = []
    if rng.random() < 0.4:
        total = np.sum(folds, axis=0)
        declared, cells = _cells(total, names, {"model": "m", "split": "test", "aggregation": "pooled"})
        rows += [*cells, images(str(int(total.sum())), split="all")]
    return paper(*rows, classes=names, matrices=declared)


def parts(rng: Rng) -> Paper:
    """A dataset cut in one of the usual ways: a validation part from the training part, the test part as validation,
    by a share rounded up or down, by patient, some images left out of what the release has."""
    n = int(rng.integers(60, 4000))
    share = int(rng.choice([10, 15, 20, 25, 30]))
    test = int(np.ceil(n * share / 100)) if rng.random() < 0.5 else n * share // 100
    train = n - test
    validation = int(np.ceil(train * 0.1))
    way = str(rng.choice(["from training", "within training", "is test", "of all", "not printed"]))
    rows: list[Row] = [{"metric": "accuracy", "value": "91.2", "unit": "%", "split": "test", "model": "m"}]
    rows.append(images(f"{n:,}", split="all"))
    shares = {"test": share, "train": 100 - share}
    if way == "from training":
        train -= validation
        shares["validation"] = 10
    elif way == "within training":
        shares["validation"] = 10
    elif way == "is test":
        validation = test
        shares["validation"] = share
    elif way == "of all":
        validation = n * 10 // 100
        train, shares = n - test - validation, {"test": share, "validation": 10, "train": 90 - share}
    else:
        train -= validation
        shares = {"test": share}
    counts = {"train": train, "test": test} | ({} if way == "not printed" else {"validation": validation})
    rows += [images(f"{v:,}", split=s) for s, v in counts.items()]
    rows += [
        {"metric": "share", "value": str(v), "unit": "%", "split": s} for s, v in shares.items() if rng.random() < 0.7
    ]
    return paper(*rows)


def layer_table(rng: Rng) -> Paper:
    """A network's layer table, in Keras' or PyTorch's way of counting, whole or in part, plain or with branches."""
    keras, whole = bool(rng.random() < 0.5), bool(rng.random() < 0.6)
    side, channels = int(rng.choice([32, 64, 75, 100, 224])), 3
    rows: list[Row] = [{"metric": "image_size", "model": "net", "condition": "network input", "value": str(side)}]
    lines: list[tuple[str, tuple[int, ...], int, int]] = []  # name, shape, all values, those that are trained
    branch = channels
    for _ in range(int(rng.integers(2, 6))):
        kernel, stride, dilation = int(rng.choice([1, 3, 5, 7])), int(rng.choice([1, 1, 2])), int(rng.choice([1, 1, 2]))
        reach = dilation * (kernel - 1)
        padding = 0 if rng.random() < 0.5 else reach // 2
        after = (side + 2 * padding - reach - 1) // stride + 1
        if after < 3:
            break
        width, bias = int(rng.choice([8, 12, 16, 24, 32])), int(rng.random() < 0.7)
        kind = str(rng.choice(["Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Conv2D (groups)"]))
        source = branch if rng.random() < 0.2 else channels
        if kind == "DepthwiseConv2D":
            width, count = source, (kernel**2 + bias) * source
        elif kind == "SeparableConv2D":
            count = kernel**2 * source + (source + bias) * width
        elif kind == "Conv2D (groups)" and source % 4 == 0:
            count = (kernel**2 * source // 4 + bias) * width
        else:
            kind, count = "Conv2D", (kernel**2 * source + bias) * width
        branch, side, channels = channels, after, width
        lines.append((kind, (side, side, channels), count, count))
        if rng.random() < 0.6:
            lines.append(("BatchNormalization", (side, side, channels), (4 if keras else 2) * channels, 2 * channels))
        if rng.random() < 0.5:
            side = side // 2
            lines.append(("MaxPooling2D", (side, side, channels), 0, 0))
        if rng.random() < 0.3:
            lines.append(("Conv block + dropout", (side, side, channels), 1231, 1231))
    flat = side * side * channels
    lines += [("Flatten", (flat,), 0, 0), ("Dense", (64,), (flat + 1) * 64, (flat + 1) * 64)]
    lines += [("Dropout", (64,), 0, 0), ("Dense softmax", (2,), 130, 130)]
    total, trained = sum(x[2] for x in lines), sum(x[3] for x in lines)
    if rng.random() < 0.3:  # the first layers are frozen
        trained -= sum(x[3] for x in lines[: int(rng.integers(1, len(lines)))])
    optimiser = int(rng.choice([0, 0, 2 * trained + 2, trained + 2])) if keras else 0
    for i, (name, shape, count, _) in enumerate(lines):
        if not whole and (count == 0 or rng.random() < 0.3):
            continue
        common = {"model": "net", "condition": f"{i + 1:02d} {name}"}
        rows.append({**common, "metric": "output_shape", "value": str(("None", *shape)).replace("'", "")})
        rows.append({**common, "metric": "params_layer", "value": f"{count:,}"})
    for metric, value in (
        ("params_total", total + optimiser),
        ("params_trainable", trained),
        ("params_nontrainable", total - trained),
    ):
        if rng.random() < 0.8:
            rows.append({"model": "net", "metric": metric, "value": f"{value:,}"})
    accuracy: Row = {"metric": "accuracy", "value": "91.2", "unit": "%", "split": "test", "model": "net"}
    return paper(accuracy, *rows)


def gains(rng: Rng) -> Paper:
    """Two accuracies and their gain in any of the usual ways, of exact or of printed figures."""
    style = _style(rng)
    a, b = sorted((float(x) for x in rng.uniform(0.6, 0.99, 2)), reverse=True)
    rows: list[Row] = [
        {"id": f"p.{name}", "model": name, "metric": "accuracy", "split": "test", **_print(v, rng, style)}
        for name, v in (("ours", a), ("other", b))
    ]
    way = str(rng.choice(["points", "of the other", "of ours", "errors"]))
    value = {"points": a - b, "of the other": a / b - 1, "of ours": 1 - b / a, "errors": (a - b) / (1 - b)}[way]
    gain: Row = {"metric": "improvement", "derived_from": ["p.ours", "p.other"], "unit": "%"}
    digits = max(0, style["digits"] - (0 if style["percent"] else 2))
    return paper(*rows, {**gain, "value": printed(value, digits=digits, percent=True, truncate=False)})


def unsaid_runs(rng: Rng) -> Paper:
    """Means over several trainings, tested on the same images, of which the table says nothing."""
    k, style = int(rng.choice([2, 2, 3])), _style(rng)
    sizes, rates = rng.integers(20, 300, k), rng.uniform(0.6, 0.98, k)
    runs = [_run(rng, sizes, rates) for _ in range(int(rng.integers(2, 11)))]
    how = str(rng.choice(["macro", "0"] if k == 2 else ["macro", "weighted"]))
    common = {"model": "m", "split": "test"}
    accuracy = float(np.mean([np.trace(m) / m.sum() for m in runs]))
    rows: list[Row] = [{**common, "metric": "accuracy", **_print(accuracy, rng, style)}]
    for metric in ("precision", "recall", "f1"):
        value = float(np.mean([_averaged(m, metric, how) for m in runs]))
        rows.append({**common, "metric": metric, **_print(value, rng, style)})
    names = tuple(f"c{i}" for i in range(k))
    stated = [images(str(n), split="test", **{"class": name}) for name, n in zip(names, sizes, strict=True)]
    return paper(*rows, *stated, classes=names)


def _run(rng: Rng, sizes: np.ndarray[Any, Any], rates: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the matrix of one training, whose recalls differ from those of others."""
    k = len(sizes)
    right = rng.binomial(sizes, np.clip(rates + rng.normal(0, 0.03, k), 0, 1))
    m = np.diag(right)
    for c in range(k):
        others = [o for o in range(k) if o != c]
        m[c, others] = rng.multinomial(sizes[c] - right[c], np.full(k - 1, 1 / (k - 1)))
    return m


KINDS: tuple[Callable[[Rng], Paper], ...] = (
    mixed_row,
    pooled_row,
    named_counts,
    cross_validation,
    parts,
    layer_table,
    gains,
    unsaid_runs,
)
