"""Further honest figures for a simulated experiment, each block drawn or left out: folds, runs, curves, counts,
repetitions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from leukbench.audit.engine.definitions import Definition, definitions
from leukbench.audit.power.simulated import Raw, plain_experiment, print_score, same_sizes

Counts = list[list[int]]


def honest_experiment(rng: np.random.Generator) -> Raw:
    """Return a made-up paper whose every figure is true, printed in one style."""
    paper, counts, style = plain_experiment(rng)
    add_blocks(paper, counts, list(paper["studies"]["s"]["classes"]), rng, style)
    return paper


def add_blocks(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """Add each block with a chance of its own to a paper whose network ``a`` has the test matrix ``counts``."""
    blocks = (
        (_prose_counts, 0.4),
        (_repetition, 0.4),
        (_counts_of_data, 0.5),
        (_schedule, 0.4),
        (_curve, 0.3),
        (_runs, 0.3),
        (_fold_scores, 0.3),
        (_class_scores, 0.4),
        (_table, 0.3),
        (_sayings, 0.4),
        (_area, 0.5),
        (_like_folds, 0.3),
        (_recipe, 0.4),
        (_others_work, 0.3),
        (_corrected_for_chance, 0.3),
    )
    for block, chance in blocks:
        if rng.random() < chance:
            block(paper, counts, names, rng, style)


def _claim(paper: Raw, ident: str, metric: str, value: str, **keys: object) -> None:
    paper["claims"].append(
        {"id": f"sim.{ident}", "study": "s", "where": "Section 5", "metric": metric, "value": value, **keys}
    )


def _unit(style: Raw) -> str:
    return "%" if style["percent"] else "fraction"


def _prose_counts(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """The four counts of a printed binary matrix, said again in the text."""
    if len(names) == 2 and paper["matrices"] and paper["matrices"][0]["id"] == "ma":
        cells = {"tp": counts[0][0], "fn": counts[0][1], "fp": counts[1][0], "tn": counts[1][1]}
        for metric, value in cells.items():
            _claim(paper, f"prose.{metric}", metric, str(value), model="a", split="test")


def _repetition(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """The accuracy of the first network again in the abstract, perhaps with fewer decimals; the part not always
    named."""
    exact = Fraction(definitions(counts, names)[Definition("accuracy", "overall")])
    coarser = {**style, "digits": max(1 if style["percent"] else 2, style["digits"] - int(rng.integers(0, 2)))}
    keys = {"model": "a", "split": str(rng.choice(["test", "unstated"])), "unit": _unit(style), "where": "Abstract"}
    _claim(paper, "abstract.accuracy", "accuracy", print_score(exact, rng, **coarser), **keys)


def _counts_of_data(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """Shares of the parts, a total said to be made of them, a training part multiplied by augmentation."""
    by_id = {c["id"]: c for c in paper["claims"]}
    if "sim.n.train" not in by_id:
        return
    sizes = {s: int(by_id[f"sim.n.{s}"]["value"].replace(",", "")) for s in ("train", "test")}
    total = sum(sizes.values())
    for split, n in sizes.items():
        value = print_score(Fraction(n, total), rng, digits=int(rng.integers(1, 3)), percent=True, truncate=False)
        _claim(paper, f"share.{split}", "share", value, unit="%", split=split)
    parts = ["sim.n.train", "sim.n.test"]
    _claim(
        paper, "n.labelled", "n_images", str(total), unit="count", split="all", condition="labelled", derived_from=parts
    )
    copies = int(rng.integers(2, 9))
    eight = "flip_horizontal, quarter_turns"
    paper["protocol_facts"]["augmentation_operations"] = "flip_horizontal, flip_vertical" if copies < 5 else eight
    keys = {"unit": "count", "split": "train", "condition": "after augmentation"}
    _claim(paper, "n.augmented", "n_images", str(copies * sizes["train"]), **keys)


def _schedule(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """Epochs, batch size and iterations of the first network, the epochs said twice."""
    train = next((c for c in paper["claims"] if c["id"] == "sim.n.train"), None)
    epochs, batch = int(rng.integers(5, 80)), int(rng.choice([16, 32, 64]))
    n = int(train["value"].replace(",", "")) if train else 1000
    for i in (1, 2):
        _claim(paper, f"epochs{i}", "epochs", str(epochs), unit="count", model="a")
    _claim(paper, "batch", "batch_size", str(batch), unit="count", model="a")
    _claim(paper, "iterations", "iterations", str(epochs * -(-n // batch)), unit="count", model="a")


def _curve(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """Validation accuracy after each of ten epochs, evaluated anew on 200 images, and the last as the final figure."""
    keys = {"model": "c", "split": "validation", "unit": _unit(style)}
    value = ""
    for epoch in range(1, 11):
        right = int(rng.binomial(200, 0.6 + 0.35 * (1 - np.exp(-epoch / 3))))
        value = print_score(Fraction(right, 200), rng, **style)
        _claim(paper, f"curve{epoch}", "accuracy", value, condition=f"epoch {epoch}", **keys)
    _claim(paper, "curve.final", "accuracy", value, **keys)


def _runs(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """Mean ± standard deviation of accuracy, sensitivity and specificity over five runs on one binary test set."""
    if len(names) != 2:
        return
    readings = {"accuracy": "overall", "sensitivity": f"positive:{names[0]}", "specificity": f"positive:{names[0]}"}
    runs = [definitions(same_sizes(counts, rng), names) for _ in range(5)]
    ddof = int(rng.integers(0, 2))
    for metric, reading in readings.items():
        key = Definition({"sensitivity": "recall"}.get(metric, metric), reading)
        values = [Fraction(r[key]) for r in runs]
        centre = sum(values, Fraction(0)) / 5
        spread = float(np.std([float(v) for v in values], ddof=ddof))
        value, width = (print_score(v, rng, **style) for v in (centre, spread))
        _claim(
            paper,
            f"runs.{metric}",
            metric,
            value,
            model="r",
            split="test",
            aggregation="mean",
            spread=width,
            unit=_unit(style),
        )


def _fold_scores(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """A binary cross-validation with stated class sizes a fold; scores as mean over folds, or of all counts
    together."""
    if len(names) != 2:
        return
    folds = []
    for f in range(int(rng.integers(2, 5))):
        sizes = [int(rng.integers(8, 60)) for _ in names]
        right = [int(rng.binomial(n, rng.uniform(0.6, 0.98))) for n in sizes]
        folds.append([[right[0], sizes[0] - right[0]], [sizes[1] - right[1], right[1]]])
        for c, n in zip(names, sizes, strict=True):
            keys = {"unit": "count", "split": "test", "fold": str(f + 1), "class": c, "model": "g"}
            _claim(paper, f"ng{f + 1}{c}", "n_images", str(n), **keys)
    reading = str(rng.choice([f"positive:{names[0]}", f"positive:{names[1]}", "macro", "weighted"]))
    each = [definitions(f, names) for f in folds]
    pooled = rng.random() < 0.4
    total = definitions(np.sum(folds, axis=0).tolist(), names)
    for metric in ("accuracy", "precision", "recall", "f1"):
        key = Definition(metric, "overall" if metric == "accuracy" else reading)
        if all(key in d for d in each):
            value = total[key] if pooled else sum((Fraction(d[key]) for d in each), Fraction(0)) / len(each)
            keys = {"model": "g", "split": "test", "unit": _unit(style), "aggregation": "pooled" if pooled else "mean"}
            _claim(paper, f"g.{metric}", metric, print_score(value, rng, **style), **keys)


def _class_scores(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """Precision, recall and F1 of every class of another network on the same test set, with its accuracy and, now and
    then, their averages."""
    values = definitions(same_sizes(counts, rng), names)
    keys = {"model": "p", "split": "test", "unit": _unit(style)}
    _claim(
        paper, "p.accuracy", "accuracy", print_score(values[Definition("accuracy", "overall")], rng, **style), **keys
    )
    averages = ("macro", "weighted") if rng.random() < 0.5 else ()
    for metric in ("precision", "recall", "f1"):
        for c in names:
            if (value := values.get(Definition(metric, f"positive:{c}"))) is not None:
                _claim(paper, f"p.{metric}.{c}", metric, print_score(value, rng, **style), **keys, **{"class": c})
        for how in averages:
            if (value := values.get(Definition(metric, how))) is not None:
                _claim(paper, f"p.{metric}.{how}", metric, print_score(value, rng, **style), **keys, average=how)


def _table(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """Five networks, scores of a part that is not named, AUC somewhere between balanced accuracy and 1."""
    reading = f"positive:{names[0]}" if len(names) == 2 else "macro"
    for i in range(5):
        values = definitions(same_sizes(counts, rng), names)
        keys = {"model": f"t{i}", "split": "unstated", "unit": _unit(style)}
        for metric in ("accuracy", "sensitivity", "specificity", "precision", "f1"):
            name = {"sensitivity": "recall"}.get(metric, metric)
            value = values.get(Definition(name, "overall" if metric == "accuracy" else reading))
            if value is not None:
                _claim(paper, f"t{i}.{metric}", metric, print_score(value, rng, **style), **keys)
        recalls = [float(values[Definition("recall", f"positive:{c}")]) for c in names]
        balanced = float(values[Definition("recall", "macro")])
        auc = balanced + (1 - balanced) * float(rng.uniform(0.2, 0.9))
        if len(names) == 2:  # no curve through the operating point has more under it
            auc = min(auc, 1 - (1 - recalls[0]) * (1 - recalls[1]))
        _claim(paper, f"t{i}.auc", "auc", print_score(auc, rng, **style), **keys)


def _area(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """The AUC of the first network on two classes: drawn scores, above a half exactly where an image is called the
    first class."""
    if len(names) != 2:
        return
    a, b = (np.concatenate([rng.uniform(0.5, 1, size=line[0]), rng.uniform(0, 0.5, size=line[1])]) for line in counts)
    auc = float((a[:, None] > b[None, :]).mean())
    _claim(paper, "a.auc", "auc", print_score(auc, rng, **style), model="a", split="test", unit=_unit(style))


def _sayings(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """The formulas of two scores, as they are."""
    paper["protocol_facts"] |= {"formula.accuracy": "(TP+TN)/(TP+TN+FP+FN)", "formula.precision": "TP/(TP+FP)"}


def _like_folds(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """Four folds of one process, their mean with its spread, and a second network that the text calls close to it."""
    k, n, p = 4, int(rng.integers(80, 400)), float(rng.uniform(0.8, 0.95))
    right = rng.binomial(n, p, k)
    keys = {"model": "l", "split": "test", "unit": _unit(style)}
    for f, r in enumerate(right, start=1):
        _claim(paper, f"l{f}", "accuracy", print_score(Fraction(int(r), n), rng, **style), fold=str(f), **keys)
        _claim(paper, f"nl{f}", "n_images", str(n), unit="count", split="test", fold=str(f), model="l")
    mean, spread = float(right.mean()) / n, float(np.std(right / n, ddof=int(rng.integers(0, 2))))
    value, width = (print_score(v, rng, **style) for v in (mean, spread))
    parts = [f"sim.l{f}" for f in range(1, k + 1)]
    _claim(paper, "l.mean", "accuracy", value, aggregation="mean", spread=width, derived_from=parts, **keys)
    near = print_score(mean - float(rng.uniform(0, 0.015)), rng, **style)
    _claim(paper, "l.near", "accuracy", near, condition="without dropout", **keys)
    paper["protocol_facts"]["stated_close.dropout"] = "sim.l.mean ~ sim.l.near (Section 5)"


def _recipe(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """A learning rate, and the parameters of a known network in millions."""
    _claim(paper, "rate", "learning_rate", str(rng.choice(["0.01", "0.001", "0.0001", "1e-5"])), model="a")
    millions = str(rng.choice(["143.7", "143.67", "20.02"]))
    _claim(paper, "millions", "params_total", millions, unit="million", model="VGG19")


def _others_work(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """A figure quoted rightly from a paper of the suite."""
    keys = {"kind": "cited", "model": "DDRNet (Jawahar et al. 2024)", "unit": "%", "study": ""}
    _claim(paper, "quoted", "accuracy", "91.98", **keys)


def _corrected_for_chance(paper: Raw, counts: Counts, names: list[str], rng: np.random.Generator, style: Raw) -> None:
    """Accuracy, error rate, both recalls of two classes, balanced accuracy, MCC and kappa of one more network, the
    positive class named.
    """
    if len(names) != 2:
        return
    values = definitions(same_sizes(counts, rng), names)
    positive = f"positive:{names[0]}"
    right = Fraction(values[Definition("accuracy", "overall")])
    scores = {
        "accuracy": right,
        "error_rate": 1 - right,
        "recall": values[Definition("recall", positive)],
        "specificity": values[Definition("specificity", positive)],
        **{m: values[Definition(m, "overall")] for m in ("balanced_accuracy", "mcc", "kappa")},
    }
    for metric, value in scores.items():
        keys = {"model": "k", "split": "test", "unit": _unit(style)}
        stated = {"average": positive} if metric in {"recall", "specificity"} else {}
        _claim(paper, f"k.{metric}", metric, print_score(Fraction(value), rng, **style), **keys, **stated)
