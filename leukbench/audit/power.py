"""How often the audit cries wolf, and how often it sees a planted error: simulated honest and corrupted experiments."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from leukbench.audit.findings import audit_paper
from leukbench.audit.matrices import Definition, definitions
from leukbench.papers.schema import Paper
from leukbench.records import Finding
from leukbench.seeds import generator_for

Raw = dict[str, Any]
ALARMS = ("inconsistent",)


@dataclass(frozen=True)
class PowerRow:
    """One line of the power table: a corruption ("honest" for none), how many experiments, in how many it was seen."""

    corruption: str
    experiments: int
    found: int  # with an inconsistent finding (or, for protocol corruptions, a finding of the expected check)
    checks: tuple[str, ...]  # that found it
    wrongly_accused: int = 0  # experiments in which a figure that was not touched is accused

    @property
    def rate(self) -> float:
        """Share of experiments in which it was found; NaN without experiments."""
        return self.found / self.experiments if self.experiments else float("nan")


# ------------------------------------------------------------------------------------------------------ printing


def print_score(
    value: float | Fraction, rng: np.random.Generator, *, digits: int, percent: bool, truncate: bool
) -> str:
    """Return a score as a paper would print it: percent or fraction, rounded half up or truncated to ``digits`` decimals."""
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


# ------------------------------------------------------------------------------------------- an honest, made-up paper


def honest_experiment(rng: np.random.Generator) -> Raw:
    """Return a made-up paper (as read from YAML) whose every figure follows from one simulated experiment.

    Binary or of several classes, one test set or folds, with or without its matrix and class sizes, percent or fraction,
    rounded or truncated, one class positive, macro or weighted, with sums, gains, a mean over folds and a layer table.
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
    paper: Raw = {
        "key": "sim",
        "made_up": True,
        "citation": {"authors": "nobody", "title": "simulated", "venue": "", "year": "2000"},
        "studies": {
            "s": {
                "title": "s",
                "source": "none",
                "classes": {c: [c] for c in names},
                "protocols": {},
                "headline": "sim.a.accuracy",
                "positive": names[0] if classes == 2 else None,
                "where": "Table 1",
            }
        },
        "matrices": [],
        "protocol_facts": {},
        "claims": [],
    }
    n = int(rng.integers(40, 900))
    best = _add_result(paper, "a", random_matrix(rng, classes, n), names, rng, style, with_matrix=rng.random() < 0.5)
    other = _add_result(paper, "b", _same_sizes(best, rng), names, rng, style, with_matrix=rng.random() < 0.3)
    _add_counts(paper, best, names, rng)
    _add_gain(paper, rng, style)
    if rng.random() < 0.5:
        _add_folds(paper, rng, style, names)
    if rng.random() < 0.5:
        _add_layers(paper, rng)
    assert other
    return paper


def _same_sizes(counts: list[list[int]], rng: np.random.Generator) -> list[list[int]]:
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
    reading = str(rng.choice([*readings, "macro", "weighted"]))
    unit = "%" if style["percent"] else "fraction"
    ident = f"sim.{name}{fold}"
    paper["claims"].append(
        {
            "id": f"{ident}.accuracy",
            **key,
            "metric": "accuracy",
            "unit": unit,
            "value": print_score(Fraction(values[Definition("accuracy", "overall")]), rng, **style),
        }
    )
    for metric in ("precision", "recall", "f1", "specificity", "mcc"):
        value = values.get(Definition(metric, "overall" if metric == "mcc" else reading))
        if value is not None and rng.random() < (0.8 if metric != "mcc" else 0.3):
            # a paper that says nothing about averaging is the common case
            stated = reading if metric != "mcc" and rng.random() < 0.2 else ""
            paper["claims"].append(
                {
                    "id": f"{ident}.{metric}",
                    **key,
                    "metric": metric,
                    "unit": unit if metric != "mcc" else "fraction",
                    "average": stated,
                    "value": print_score(
                        value, rng, **(style if metric != "mcc" else {**style, "percent": False, "digits": 3})
                    ),
                }
            )
    if with_matrix:
        paper["matrices"].append(
            {
                "id": f"m{name}{fold}",
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
                        "matrix": f"m{name}{fold}",
                        "row": names[i],
                        "column": names[j],
                        "value": str(value),
                    }
                )
    return counts


def _add_counts(paper: Raw, counts: list[list[int]], names: list[str], rng: np.random.Generator) -> None:
    test = [sum(line) for line in counts]
    train = [int(rng.integers(1, 5)) * t for t in test]
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
    accuracies = []
    for f in range(k):
        counts = random_matrix(rng, len(names), size)
        _add_result(paper, "f", counts, names, rng, style, with_matrix=False, fold=str(f + 1))
        accuracies.append(Fraction(sum(counts[i][i] for i in range(len(names))), sum(map(sum, counts))))
        paper["claims"].append(
            {
                "id": f"sim.nf{f + 1}",
                "study": "s",
                "model": "f",
                "split": "test",
                "fold": str(f + 1),
                "metric": "n_images",
                "value": str(sum(map(sum, counts))),
                "unit": "count",
                "where": "Section 2",
            }
        )
    paper["claims"].append(
        {
            "id": "sim.f.mean",
            "study": "s",
            "model": "f",
            "split": "test",
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

    def add(i: int, name: str, shape: str, params: int) -> None:
        for metric, value in (("params_layer", str(params)), ("output_shape", shape)):
            paper["claims"].append(
                {"id": f"sim.l{i}.{metric}", **common, "metric": metric, "condition": f"{i:02d} {name}", "value": value}
            )

    i = 0
    for _ in range(int(rng.integers(1, 4))):
        kernel, width = int(rng.choice([3, 5])), int(rng.choice([8, 16, 32]))
        params = (kernel**2 * channels + 1) * width
        side, channels = side - kernel + 1, width
        add(i := i + 1, "Conv2D", f"(None, {side}, {side}, {channels})", params)
        side //= 2
        add(i := i + 1, "MaxPooling2D", f"(None, {side}, {side}, {channels})", 0)
        add(i := i + 1, "BatchNormalization", f"(None, {side}, {side}, {channels})", 4 * channels)
        total, frozen = total + params + 4 * channels, frozen + 2 * channels
    flat, outputs = side * side * channels, len(paper["studies"]["s"]["classes"])
    add(i := i + 1, "Flatten", f"(None, {flat})", 0)
    add(i := i + 1, "Dense", f"(None, {outputs})", (flat + 1) * outputs)
    total += (flat + 1) * outputs
    for metric, value in (
        ("params_total", total),
        ("params_trainable", total - frozen),
        ("params_nontrainable", frozen),
    ):
        paper["claims"].append({"id": f"sim.l.{metric}", **common, "metric": metric, "value": f"{value:,}"})


# ------------------------------------------------------------------------------------------------------ corruptions


def _claims(paper: Raw, *metrics: str, **keys: str) -> list[Raw]:
    return [c for c in paper["claims"] if c["metric"] in metrics and all(c.get(k, "") == v for k, v in keys.items())]


def _shifted(value: str, rng: np.random.Generator, points: tuple[float, float], percent: bool) -> str:
    digits = len(value.split(".")[1]) if "." in value else 0
    top = 100.0 if percent else 1.0
    step = float(rng.uniform(*points)) * (1 if percent else 0.01)
    new = (
        float(value) + step
        if (float(value) + step <= top and rng.random() < 0.5) or float(value) - step < 0
        else float(value) - step
    )
    return f"{new:.{digits}f}"


def _shift_score(metric: str) -> Callable[[Raw, np.random.Generator], str]:
    def corrupt(paper: Raw, rng: np.random.Generator) -> str:
        found = _claims(paper, metric, model="a")
        if not found:
            return ""
        found[0]["value"] = _shifted(found[0]["value"], rng, (3, 12), found[0]["unit"] == "%")
        return str(found[0]["id"])

    return corrupt


def _change_count(metric: str, **keys: str) -> Callable[[Raw, np.random.Generator], str]:
    def corrupt(paper: Raw, rng: np.random.Generator) -> str:
        found = _claims(paper, metric, **keys)
        if not found:
            return ""
        chosen = found[int(rng.integers(len(found)))]
        old = int(chosen["value"].replace(",", ""))
        chosen["value"] = str(old + int(rng.integers(1, 30)) * (1 if old < 40 or rng.random() < 0.5 else -1))
        return str(chosen["id"])

    return corrupt


def _swap_cells(paper: Raw, rng: np.random.Generator) -> str:
    cells = _claims(paper, "matrix_cell", matrix="ma")
    if len(cells) != 4:
        return ""
    cells[1]["value"], cells[2]["value"] = cells[2]["value"], cells[1]["value"]
    return f"{cells[1]['id']} {cells[2]['id']}" if cells[1]["value"] != cells[2]["value"] else ""


def _training_as_test(paper: Raw, rng: np.random.Generator) -> str:
    accuracy = _claims(paper, "accuracy", model="a")[0]
    value = print_score(0.9931, rng, digits=2, percent=True, truncate=False)
    paper["claims"].append(
        {**accuracy, "id": "sim.a.train", "split": "train", "value": value, "unit": "%", "where": "Figure 4"}
    )
    paper["claims"].append(
        {**accuracy, "id": "sim.a.quoted", "split": "unstated", "value": value, "unit": "%", "where": "Table 9"}
    )
    return "sim.a.quoted"


def _shift_mean(paper: Raw, rng: np.random.Generator) -> str:
    found = _claims(paper, "accuracy", aggregation="mean")
    if not found:
        return ""
    found[0]["value"] = _shifted(found[0]["value"], rng, (1, 6), found[0]["unit"] == "%")
    return "sim.f.mean"


def _shift_gain(paper: Raw, rng: np.random.Generator) -> str:
    gain = _claims(paper, "improvement")[0]
    gain["value"] = f"{float(gain['value']) + float(rng.choice([-1, 1])) * float(rng.uniform(2.2, 9)):.2f}"
    return "sim.gain"


def _shuffled_labels(paper: Raw, rng: np.random.Generator) -> str:
    """Replace the matrix by one at independence: predictions compared with labels in another order."""
    cells = _claims(paper, "matrix_cell", matrix="ma")
    if len(cells) != 4:
        return ""
    counts = np.array([int(c["value"]) for c in cells]).reshape(2, 2)
    labels = np.repeat([0, 0, 1, 1], counts.ravel())
    called = rng.permutation(np.repeat([0, 1, 0, 1], counts.ravel()))
    new = [[int(((labels == i) & (called == j)).sum()) for j in (0, 1)] for i in (0, 1)]
    if min(map(min, new)) == 0:
        return ""
    for c, value in zip(cells, np.array(new).ravel(), strict=True):
        c["value"] = str(int(value))
    paper["claims"] = [
        c
        for c in paper["claims"]
        if c.get("model") != "a" or c["metric"] == "matrix_cell" or c["id"] == "sim.a.accuracy"
    ]
    return "chance"


CORRUPTIONS: dict[str, tuple[Callable[[Raw, np.random.Generator], str], tuple[str, ...]]] = {
    # name: (corruption, the checks that count when they do not say inconsistent)
    "accuracy off by 3 to 12 points": (_shift_score("accuracy"), ()),
    "precision off by 3 to 12 points": (_shift_score("precision"), ()),
    "recall off by 3 to 12 points": (_shift_score("recall"), ()),
    "F1 off by 3 to 12 points": (_shift_score("f1"), ()),
    "a matrix cell off by 1 to 29": (_change_count("matrix_cell", matrix="ma"), ()),
    "the two error cells exchanged": (_swap_cells, ()),
    "a test class count off by 1 to 29": (_change_count("n_images", split="test"), ()),
    "the whole dataset off by 1 to 29": (_change_count("n_images", split="all"), ()),
    "a mean over folds off by 1 to 6 points": (_shift_mean, ()),
    "a stated gain off by 2.2 to 9 points": (_shift_gain, ()),
    "a layer's parameters off by 1 to 29": (_change_count("params_layer"), ()),
    "the total of parameters off by 1 to 29": (_change_count("params_total"), ()),
    "training accuracy quoted": (_training_as_test, ("training_as_headline",)),
    "predictions and labels in different orders": (_shuffled_labels, ("independence",)),
}
"""What is planted, one at a time, into an honest experiment."""


def audit_raw(raw: Raw) -> tuple[Finding, ...]:
    """Return the findings of a made-up paper given as plain data."""
    blocks = [{"where": c["where"], "rows": [c]} for c in raw["claims"]]
    return audit_paper(Paper.model_validate({**raw, "claims": blocks}))


def honest_row(n: int, seed: int) -> PowerRow:
    """Return the false alarms (inconsistent findings) of n honest experiments."""
    alarms, checks = 0, set()
    for i in range(n):
        bad = [f for f in audit_raw(honest_experiment(generator_for(seed, "audit.honest", i))) if f.status in ALARMS]
        alarms += bool(bad)
        checks |= {f.check for f in bad}
    return PowerRow("honest", n, alarms, tuple(sorted(checks)))


def corrupted_row(name: str, n: int, seed: int) -> PowerRow:
    """Return how often one planted corruption is found among n experiments in which it can be planted."""
    corrupt, also = CORRUPTIONS[name]
    done = found = wrong = attempt = 0
    checks: set[str] = set()
    while done < n and attempt < 20 * n:
        rng = generator_for(seed, "audit.corrupted", name, attempt)
        attempt += 1
        raw = honest_experiment(rng)
        touched = corrupt(raw, rng)
        if not touched:
            continue
        done += 1
        hits = [f for f in audit_raw(raw) if f.status in ALARMS or (f.check in also and f.status == "implausible")]
        found += bool(hits)
        checks |= {f.check for f in hits}
        wrong += any(set(f.accused) - set(touched.split()) for f in hits)
    return PowerRow(name, done, found, tuple(sorted(checks)), wrong)


def power_table(n: int = 200, seed: int = 0) -> tuple[PowerRow, ...]:
    """Return the false alarms of n honest experiments and the detection rate of each planted corruption, n each.

    ``n`` experiments a row (about 10 ms each); the same n and seed give the same table.
    """
    return (honest_row(n, seed), *(corrupted_row(name, n, seed) for name in CORRUPTIONS))
