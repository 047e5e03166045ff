"""Functions that each plant one error in a simulated experiment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from leukbench.audit.power.simulated import Raw, print_score

Plant = Callable[[Raw, np.random.Generator], str]


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


def _n_classes(paper: Raw) -> int:
    return len(paper["studies"]["s"]["classes"])


def shift_score(metric: str, *, binary: bool, with_matrix: bool = False) -> Plant:
    def corrupt(paper: Raw, rng: np.random.Generator) -> str:
        found = _claims(paper, metric, model="a")
        printed = any(m["id"] == "ma" for m in paper["matrices"])
        if not found or (_n_classes(paper) == 2) is not binary or (with_matrix and not printed):
            return ""
        found[0]["value"] = _shifted(found[0]["value"], rng, (3, 12), found[0]["unit"] == "%")
        return str(found[0]["id"])

    return corrupt


def change_count(metric: str, **keys: str) -> Plant:
    def corrupt(paper: Raw, rng: np.random.Generator) -> str:
        found = [c for c in _claims(paper, metric, **keys) if c["value"].replace(",", "").isdigit()]
        if not found:
            return ""
        chosen = found[int(rng.integers(len(found)))]
        old = int(chosen["value"].replace(",", ""))
        chosen["value"] = str(old + int(rng.integers(1, 30)) * (1 if old < 40 or rng.random() < 0.5 else -1))
        return str(chosen["id"])

    return corrupt


def swap_cells(paper: Raw, rng: np.random.Generator) -> str:
    cells = _claims(paper, "matrix_cell", matrix="ma")
    if len(cells) != 4:
        return ""
    cells[1]["value"], cells[2]["value"] = cells[2]["value"], cells[1]["value"]
    return f"{cells[1]['id']} {cells[2]['id']}" if cells[1]["value"] != cells[2]["value"] else ""


def training_as_test(paper: Raw, rng: np.random.Generator) -> str:
    accuracy = _claims(paper, "accuracy", model="a")[0]
    value = print_score(0.9931, rng, digits=2, percent=True, truncate=False)
    paper["claims"].append(
        {**accuracy, "id": "sim.a.train", "split": "train", "value": value, "unit": "%", "where": "Figure 4"}
    )
    paper["claims"].append(
        {**accuracy, "id": "sim.a.quoted", "split": "unstated", "value": value, "unit": "%", "where": "Table 9"}
    )
    return "sim.a.quoted"


def shift_mean(paper: Raw, rng: np.random.Generator) -> str:
    found = _claims(paper, "accuracy", aggregation="mean")
    if not found:
        return ""
    found[0]["value"] = _shifted(found[0]["value"], rng, (1, 6), found[0]["unit"] == "%")
    return "sim.f.mean"


def shift_gain(paper: Raw, rng: np.random.Generator) -> str:
    gain = _claims(paper, "improvement")[0]
    gain["value"] = f"{float(gain['value']) + float(rng.choice([-1, 1])) * float(rng.uniform(2.2, 9)):.2f}"
    return "sim.gain"


def shuffled_labels(paper: Raw, rng: np.random.Generator) -> str:
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


def shift_value(metric: str, points: tuple[float, float] = (3, 12), **keys: str) -> Plant:
    """Move a random score with these keys; with key ``spare`` the figures of that metric are left alone."""

    def corrupt(paper: Raw, rng: np.random.Generator) -> str:
        found = _claims(paper, metric, **keys)
        if not found:
            return ""
        chosen = found[int(rng.integers(len(found)))]
        chosen["value"] = _shifted(chosen["value"], rng, points, chosen.get("unit") == "%")
        return str(chosen["id"])

    return corrupt


def set_value(ident: str, value: str) -> Plant:
    def corrupt(paper: Raw, rng: np.random.Generator) -> str:
        found = [c for c in paper["claims"] if c["id"] == ident]
        if not found or found[0]["value"] == value:
            return ""
        found[0]["value"] = value
        return ident

    return corrupt


def set_beyond(paper: Raw, rng: np.random.Generator) -> str:
    accuracy = _claims(paper, "accuracy", model="b")[0]
    _print(accuracy, float(rng.uniform(1.01, 1.3)))
    return str(accuracy["id"])


def exchange_in_text(paper: Raw, rng: np.random.Generator) -> str:
    found = {c["metric"]: c for c in paper["claims"] if c["id"].startswith("sim.prose.")}
    if len(found) != 4 or found["fp"]["value"] == found["fn"]["value"]:
        return ""
    found["fp"]["value"], found["fn"]["value"] = found["fn"]["value"], found["fp"]["value"]
    return "sim.prose.fp sim.prose.fn"


def shift_equal_recall(paper: Raw, rng: np.random.Generator) -> str:
    sizes = {c["value"] for c in paper["claims"] if c["id"].startswith("sim.n.testc")}
    found = _claims(paper, "recall", model="a")
    if _n_classes(paper) < 3 or len(sizes) != 1 or not found:
        return ""
    found[0]["average"] = "macro"
    found[0]["value"] = _shifted(found[0]["value"], rng, (3, 12), found[0]["unit"] == "%")
    return str(found[0]["id"])


def _fraction(claim: Raw) -> float:
    return float(claim["value"]) / (100 if claim["unit"] == "%" else 1)


def _print(claim: Raw, value: float) -> None:
    claim["value"] = f"{value * (100 if claim['unit'] == '%' else 1):.{2 if claim['unit'] == '%' else 4}f}"


def _table(paper: Raw) -> list[dict[str, Raw]]:
    return [{c["metric"]: c for c in _claims(paper, *TABLE, model=f"t{i}")} for i in range(5)]


def pool_classes(paper: Raw, rng: np.random.Generator) -> str:
    """Print accuracy, sensitivity, specificity of two pooled classes, each row on a test set of its own."""
    lines = [t for t in _table(paper) if {"accuracy", "sensitivity", "specificity"} <= set(t)]
    if _n_classes(paper) < 3 or len(lines) < 4:
        return ""
    for line in lines:
        share, r, s = float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.93, 0.99)), float(rng.uniform(0.7, 0.85))
        for metric, value in (("sensitivity", r), ("specificity", s), ("accuracy", share * r + (1 - share) * s)):
            _print(line[metric], value)
    return "table"


def harmonic_of_recalls(paper: Raw, rng: np.random.Generator) -> str:
    """Compute the F1 column from sensitivity and specificity instead of precision."""
    lines = [t for t in _table(paper) if {"f1", "sensitivity", "specificity"} <= set(t)]
    if len(lines) < 5:
        return ""
    for line in lines:
        for metric in ("sensitivity", "specificity"):
            _print(line[metric], _fraction(line[metric]))
        r, s = _fraction(line["sensitivity"]), _fraction(line["specificity"])
        _print(line["f1"], 2 * r * s / (r + s))
    return "table"


def other_class_shares(paper: Raw, rng: np.random.Generator) -> str:
    """Print one binary row of a test part with 97 % of one class beside a dataset that has nothing of the kind."""
    line = _table(paper)[0]
    whole = [int(c["value"].replace(",", "")) for c in paper["claims"] if c["id"].startswith("sim.n.trainc")]
    if _n_classes(paper) != 2 or not set(TABLE[:5]) <= set(line) or len(whole) != 2 or min(whole) < 0.25 * sum(whole):
        return ""
    r, s, share = 0.95, 0.72, 0.97
    tp, fp = share * r, (1 - share) * (1 - s)
    values = {"sensitivity": r, "specificity": s, "accuracy": tp + (1 - share) * s, "precision": tp / (tp + fp)}
    for metric, value in (values | {"f1": 2 * tp / (tp + fp + share)}).items():
        _print(line[metric], value)
    return "table"


def no_whole_number(paper: Raw, rng: np.random.Generator) -> str:
    """Print, with its n, an accuracy half way between two numbers of right images."""
    accuracy = _claims(paper, "accuracy", model="p")
    if not accuracy:
        return ""
    n = int(rng.integers(40, 300))
    accuracy[0] |= {"n": str(n), "aggregation": "single", "unit": "%", "value": f"{100 * (int(0.9 * n) + 0.5) / n:.3f}"}
    return str(accuracy[0]["id"])


def _add(paper: Raw, like: Raw, ident: str, **changed: object) -> str:
    paper["claims"].append({**like, "id": f"sim.{ident}", **changed})
    return f"sim.{ident}"


def wrong_fold_total(paper: Raw, rng: np.random.Generator) -> str:
    parts = [c for c in paper["claims"] if c["id"].startswith("sim.nf")]
    total = sum(int(c["value"]) for c in parts) + int(rng.integers(1, 30))
    return _add(paper, parts[0], "nf.total", fold="", value=str(total)) if parts else ""


def same_in_validation(paper: Raw, rng: np.random.Generator) -> str:
    accuracy = _claims(paper, "accuracy", model="a")[0]
    if len(accuracy["value"].replace(".", "").strip("0")) < 3:
        return ""
    return _add(paper, accuracy, "a.validation", split="validation", where="Figure 4")


def same_on_other_data(paper: Raw, rng: np.random.Generator) -> str:
    accuracy = _claims(paper, "accuracy", model="a")[0]
    if len(accuracy["value"].replace(".", "").strip("0")) < 4:
        return ""
    paper["studies"]["s2"] = {**paper["studies"]["s"], "title": "s2"}
    return _add(paper, accuracy, "s2.accuracy", study="s2", where="Table 7")


def below_majority(paper: Raw, rng: np.random.Generator) -> str:
    sizes = [int(c["value"].replace(",", "")) for c in paper["claims"] if c["id"].startswith("sim.n.testc")]
    accuracy = _claims(paper, "accuracy", model="b")[0]
    if not sizes or max(sizes) < 0.5 * sum(sizes):
        return ""
    _print(accuracy, max(sizes) / sum(sizes) - 0.08)
    return str(accuracy["id"])


def recalls_of_no_look(paper: Raw, rng: np.random.Generator) -> str:
    found = [c for c in _claims(paper, "recall", model="p") if c.get("class")]
    if _n_classes(paper) != 2 or len(found) != 2:
        return ""
    _print(found[1], max(0.0, 1 - _fraction(found[0]) - 0.01))
    return str(found[1]["id"])


def smooth_curve(paper: Raw, rng: np.random.Generator) -> str:
    found = [c for c in _claims(paper, "accuracy", model="c") if c.get("condition")]
    for i, c in enumerate(found):
        _print(c, 0.90 + 0.004 * i)
    if found:
        paper["claims"].append(
            {
                **found[0],
                "id": "sim.n.validation",
                "metric": "n_images",
                "condition": "",
                "unit": "count",
                "value": "200",
            }
        )
    return "curve" if found else ""


def better_validation(paper: Raw, rng: np.random.Generator) -> str:
    accuracy = _claims(paper, "accuracy", model="p")
    if not accuracy or _fraction(accuracy[0]) > 0.85 or not any(c["id"] == "sim.n.test" for c in paper["claims"]):
        return ""
    return _add(paper, accuracy[0], "p.validation", split="validation", unit="%", value="99.31")


def wider_spread(paper: Raw, rng: np.random.Generator) -> str:
    found = _claims(paper, "accuracy", model="r")
    if not found or float(found[0]["spread"]) == 0:
        return ""
    widest = max(float(c["spread"]) for c in _claims(paper, "sensitivity", "specificity", model="r"))
    found[0]["spread"] = f"{widest * 1.5 + 0.02:.3f}"
    return str(found[0]["id"])


def misquote(paper: Raw, rng: np.random.Generator) -> str:
    for metric, value in (("accuracy", "97.3"), ("sensitivity", "95.1"), ("specificity", "96.2")):
        paper["claims"].append(
            {
                "id": f"sim.cited.{metric}",
                "kind": "cited",
                "model": "N. N. [7]",
                "metric": metric,
                "value": value,
                "unit": "%",
                "where": "Table 5",
            }
        )
    return "cited"


def auc_too_low(paper: Raw, rng: np.random.Generator) -> str:
    """An AUC below sensitivity + specificity − 1, which no ROC curve through that point has."""
    rows = [r for r in _table(paper) if {"auc", "sensitivity", "specificity"} <= set(r)]
    rows = [r for r in rows if abs(_fraction(r["sensitivity"]) - _fraction(r["specificity"])) > 0.02]
    least = [_fraction(r["sensitivity"]) + _fraction(r["specificity"]) - 1 for r in rows]
    if _n_classes(paper) != 2 or max(least, default=0) < 0.3:
        return ""
    row = rows[least.index(max(least))]
    _print(row["auc"], max(least) - float(rng.uniform(0.02, 0.2)))
    return str(row["auc"]["id"])


def wrong_formula(paper: Raw, rng: np.random.Generator) -> str:
    if "formula.precision" not in paper["protocol_facts"]:
        return ""
    paper["protocol_facts"]["formula.precision"] = "TP/(TP+FN)"
    return "formula"


def _by_id(paper: Raw, ident: str) -> Raw | None:
    return next((c for c in paper["claims"] if c["id"] == ident), None)


def odd_fold(paper: Raw, rng: np.random.Generator) -> str:
    """One fold of four 18 to 30 points below the others: another process."""
    claim = _by_id(paper, "sim.l2")
    if claim is None:
        return ""
    _print(claim, _fraction(claim) - float(rng.uniform(0.18, 0.3)))
    return "sim.l2"


def spread_of_nothing(paper: Raw, rng: np.random.Generator) -> str:
    """A ± that is no spread of the figures that the mean comes from."""
    claim = _by_id(paper, "sim.l.mean")
    if claim is None:
        return ""
    percent = claim["unit"] == "%"
    claim["spread"] = f"{(4 * float(claim['spread']) + (1.5 if percent else 0.015)):.{2 if percent else 4}f}"
    return "sim.l.mean"


def far_called_close(paper: Raw, rng: np.random.Generator) -> str:
    claim, mean = _by_id(paper, "sim.l.near"), _by_id(paper, "sim.l.mean")
    if claim is None or mean is None:
        return ""
    _print(claim, _fraction(mean) - float(rng.uniform(0.05, 0.15)))
    return "sim.l.near"


def too_many_copies(paper: Raw, rng: np.random.Generator) -> str:
    """More copies an original than the stated operation makes."""
    if "augmentation_operations" not in paper["protocol_facts"]:
        return ""
    after, before = _by_id(paper, "sim.n.augmented"), _by_id(paper, "sim.n.train")
    if after is None or before is None or int(after["value"]) <= 2 * int(before["value"].replace(",", "")):
        return ""
    paper["protocol_facts"]["augmentation_operations"] = "flip_horizontal"
    return "sim.n.augmented"


def rate_too_large(paper: Raw, rng: np.random.Generator) -> str:
    claim = _by_id(paper, "sim.rate")
    if claim is not None:
        claim["value"] = str(rng.choice(["100", "50", "1e-9"]))
    return "" if claim is None else "sim.rate"


def other_networks_count(paper: Raw, rng: np.random.Generator) -> str:
    claim = _by_id(paper, "sim.millions")
    if claim is not None:
        claim["value"] = str(rng.choice(["138.4", "190", "14.7"]))
    return "" if claim is None else "sim.millions"


def misquoted_from_the_suite(paper: Raw, rng: np.random.Generator) -> str:
    claim = _by_id(paper, "sim.quoted")
    if claim is not None:
        claim["value"] = "95.55"
    return "" if claim is None else "sim.quoted"


def wrong_unit(paper: Raw, rng: np.random.Generator) -> str:
    """A fraction noted with a per cent sign."""
    claim = _claims(paper, "accuracy", model="b")[0]
    claim["value"], claim["unit"] = f"{_fraction(claim):.4f}", "%"
    return str(claim["id"])


def doubled_specificity(paper: Raw, rng: np.random.Generator) -> str:
    """One row's sensitivity printed under the name of its specificity."""
    lines = [t for t in _table(paper) if {"sensitivity", "specificity"} <= set(t)]
    if len(lines) < 5 or abs(_fraction(lines[0]["sensitivity"]) - _fraction(lines[0]["specificity"])) < 0.02:
        return ""
    lines[0]["sensitivity"]["metric"] = "specificity"
    return f"{lines[0]['sensitivity']['id']} {lines[0]['specificity']['id']}"


def share_of_a_pool(paper: Raw, rng: np.random.Generator) -> str:
    """A test part that is 20 % of C-NMC's public training pool, to the image, where 30 % is stated."""
    test, share = _by_id(paper, "sim.n.test"), _by_id(paper, "sim.share.test")
    if test is None or share is None:
        return ""
    paper["studies"]["s"]["source"] = "cnmc_2019"
    test["value"], share["value"] = "2,132", "30"
    return "sim.n.test sim.share.test sim.n.all sim.n.labelled sim.n.train sim.share.train sim.n.testc0 sim.n.testc1"


def slight_lead(paper: Raw, rng: np.random.Generator) -> str:
    """The best other network a tenth of a point behind."""
    ours, other = _claims(paper, "accuracy", model="a")[0], _claims(paper, "accuracy", model="b")[0]
    if "sim.n.test" not in {c["id"] for c in paper["claims"]} or _fraction(ours) < 0.5:
        return ""
    other["value"] = ours["value"]
    _print(other, _fraction(ours) - 0.001)
    return str(other["id"])


def kappa_above_accuracy(paper: Raw, rng: np.random.Generator) -> str:
    accuracy, kappa = _by_id(paper, "sim.k.accuracy"), _by_id(paper, "sim.k.kappa")
    if accuracy is None or kappa is None or _fraction(accuracy) > 0.95:
        return ""
    _print(kappa, _fraction(accuracy) + float(rng.uniform(0.02, 0.04)))
    return "sim.k.kappa"


TABLE = ("accuracy", "sensitivity", "specificity", "precision", "f1", "auc")
