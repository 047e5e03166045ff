"""The scores of a user's predictions as a page for people: what was tested, how well, how sure, and where it failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from leukbench.records import Grade
from leukbench.report.format import FRACTIONS, interval, number, on_one_line, percent, points, table
from leukbench.report.format import score as shown

Plain = dict[str, Any]

_MEANING = {
    "accuracy": "images called right",
    "balanced_accuracy": "mean over classes of the images of the class called right",
    "macro_f1": "mean over classes of F1",
    "macro_precision": "mean over classes of precision",
    "macro_specificity": "mean over classes of specificity",
    "mcc": "correlation of truth and call: 1 perfect, 0 chance",
    "kappa": "agreement beyond chance: 1 perfect, 0 chance",
    "auc": "chance that an image of the class scores above one that is not of it",
    "brier": "squared error of the scores: 0 perfect; lower is better",
    "log_loss": "surprise at the truth, in nats; lower is better",
    "ece": "gap between stated confidence and accuracy; lower is better",
    "patient_accuracy": "patients called right by the mean of their images' scores, else by the vote of calls",
}
_CLASSWISE = ("recall", "specificity", "precision", "f1", "auc")


def page(result: Plain, file: str) -> str:
    """Return the Markdown page of what :func:`leukbench.tools.score.score.score` found."""
    result, file = on_one_line(result), on_one_line(file)
    unit = result["grouped_by"]
    parts = [
        f"# Scores of {file}",
        _tested(result),
        "\n".join(f"- {text}" for text in result["remarks"]),
        _which_interval(unit),
        table(_overall(result, unit)),
        "## By class",
        table(_by_class(result["metrics"], result["classes"])),
        _matrix(result["confusion_matrix"], "images"),
        *_worst(result),
        *_patients_by_class(result),
        *_folds(result),
        *_verdicts(result),
        *_notes(result),
    ]
    return "\n\n".join(part for part in parts if part)


def _tested(result: Plain) -> str:
    sizes = "; ".join(f"{name}: {c['n_images']} of {c['n_groups']}" for name, c in result["classes"].items())
    unit = result["grouped_by"]
    seeds = f", {result['n_seeds']} seeds" if result["n_seeds"] > 1 else ""
    copies = "; copies of one origin are averaged" if result["n_rows"] > result["n_images"] * result["n_seeds"] else ""
    text = (
        f"{result['n_images']} images of {result['n_groups']} {unit}{'s' if result['n_groups'] != 1 else ''}{seeds} "
        f"(images of {unit}s by class: "
        f"{sizes}){copies}."
    )
    if unit == "image":
        sizes = "; ".join(f"{name}: {c['n_images']}" for name, c in result["classes"].items())
        text = f"{result['n_images']} images{seeds} (by class: {sizes}){copies}."
    text += f" Always naming the most frequent class would be right on {percent(result['majority_accuracy'])} %."
    if result["unread_columns"]:
        text += f" Columns not read: {', '.join(result['unread_columns'])}."
    return text


def _which_interval(unit: str) -> str:
    if unit == "image":
        return "The intervals take every image for an independent case, as the file names no patients."
    return (
        f"The interval to read is the one **by {unit}**: it says how the result could differ on other {unit}s "
        "of the same kind. "
        "The one by image takes every image for an independent case, which images of one patient are not; it "
        "is printed because "
        "it is what most papers print."
    )


def _matrix(matrix: Plain, what: str) -> str:
    """Return a confusion matrix as a table, with what its rows and columns are."""
    cells = [[f"{n:.1f}".removesuffix(".0") for n in row] for row in matrix["rows"]]
    named = zip(matrix["classes"], cells, strict=True)
    rows = [
        {"actual": name, **{f"called {c}": n for c, n in zip(matrix["classes"], row, strict=True)}}
        for name, row in named
    ]
    return f"Confusion matrix, {what}:\n\n{table(rows)}"


def _patients_by_class(result: Plain) -> list[str]:
    """Return sensitivity and specificity of patients as they are called, and their confusion matrix."""
    found = result["by_patient"]
    if not found:
        return []
    rows = _by_class(found["metrics"], result["classes"])
    for row in rows:
        row["sensitivity"] = row.pop("recall")
    return ["By the call of each patient:", table(rows), _matrix(found["confusion_matrix"], "patients")]


def _shown(name: str, value: float | None) -> str:
    metric = _base(name)
    return shown(value, metric) + (" %" if metric in FRACTIONS and value is not None else "")


def _base(name: str) -> str:
    """Return the metric of a key, so that shares are printed in percent.

    >>> _base("macro_f1"), _base("recall:ALL"), _base("balanced_accuracy"), _base("patient_accuracy")
    ('f1', 'recall', 'balanced_accuracy', 'accuracy')
    """
    name = name.split(":")[0]
    for prefix in ("macro_", "weighted_", "patient_"):
        name = name.removeprefix(prefix)
    return name


def _limits(name: str, limits: list[float | None]) -> str:
    return interval(limits[0], limits[1], _base(name))


def _overall(result: Plain, unit: str) -> list[dict[str, str]]:
    return [
        {
            "metric": name.replace("_", " "),
            "value": _shown(name, m["value"]),
            f"95 % by {unit}": _limits(name, m["ci95"]),
            **({} if unit == "image" else {"95 % by image": _limits(name, m["ci95_images"])}),
            "meaning": _MEANING[name],
            "note": m["note"],
        }
        for name, m in result["metrics"].items()
        if name in _MEANING
    ]


def _by_class(metrics: Plain, classes: Iterable[str]) -> list[dict[str, str]]:
    rows = []
    for name in classes:
        row = {"class": name}
        for metric in _CLASSWISE:
            m = metrics.get(f"{metric}:{name}")
            if m is not None:
                row[metric] = f"{_shown(metric, m['value'])} [{_limits(metric, m['ci95'])}]"
        rows.append(row)
    return rows


def _worst(result: Plain) -> list[str]:
    patients = result["patients"]
    rows = [
        {
            "patient or group": w["patient"],
            "class": w["label"],
            "images": str(w["n_images"]),
            "called right": f"{percent(w['images_right'])} %",
        }
        for w in patients["worst"]
    ]
    limits = _limits("accuracy", patients["ci95"])
    sentence = (
        f"{number(patients['n_right'], digits=1).removesuffix('.0')} of {patients['n_patients']} are called "
        f"right by the {patients['by']} over their images: {percent(patients['accuracy'])} % [{limits}]."
    )
    note = f" ({patients['note']})" if patients["note"] else ""
    return ["## By patient", sentence + note, "Fewest images right:", table(rows)] if rows else []


def _folds(result: Plain) -> list[str]:
    rows = [
        {
            "fold": fold,
            **{n.replace("_", " "): _shown(n, found[n]["value"]) for n in ("accuracy", "balanced_accuracy", "mcc")},
        }
        for fold, found in result["folds"].items()
    ]
    return ["## By fold", table(rows)] if rows else []


def _verdicts(result: Plain) -> list[str]:
    verdicts = result.get("verdicts")
    if verdicts is None:
        return []
    how = "made by patient" if verdicts["protocol"] == "patient" else "made under the paper's own protocol"
    title = f"## Beside the claims of {verdicts['paper']} ({verdicts['study']}, {verdicts['arm']})"
    if not verdicts["claims"]:
        return [title, "The paper prints no score of this network that predictions could be held against."]
    rows = [
        {
            "claim": f"{c['metric']}{' of ' + c['class'] if c['class'] else ''} "
            f"({c['where']}){' *' if c['headline'] else ''}",
            "printed": c["printed"],
            "yours": (f"{percent(c['yours'])}%" if c["unit"] == "%" else number(c["yours"]))
            + (f" ({c['meant']})" if c["meant"] else ""),
            "difference, points": _gap(c["difference"]),
            "verdict": c["verdict"],
            "why": c["reason"],
            "smallest margin": "none within the scale"
            if c["difference"] and c["smallest_margin"] is None
            else points(c["smallest_margin"]).lstrip("+"),
        }
        for c in verdicts["claims"]
    ]
    words = (
        f"Your predictions are taken as {how}. A claim holds where the difference is shown to be smaller than "
        f"{points(verdicts['margin']).lstrip('+')} points, both errors counted; the last column is the smallest "
        "margin that this many "
        "images and groups could have resolved. * marks the study's headline claim."
    )
    if any(c["meant"] for c in verdicts["claims"]):
        words += (
            " Where a claim does not say which average it is, it must hold under each; beside yours stands the one "
            "that decides, and of an open claim the nearest."
        )
    return [title, words, table(rows)]


def _gap(d: Plain | None) -> str:
    return "–" if d is None else f"{points(d['value'])} [{points(d['low'])} to {points(d['high'])}]"


_GRADES = {
    Grade.WIDE: "*Wide*: the interval covers more than its 95 %.",
    Grade.OPTIMISTIC: "*Optimistic*: the interval covers less than its 95 %, by about as much as the note says.",
    Grade.UNKNOWN: "*Unknown*: nobody has measured what such an interval covers, or nothing says how groups differ.",
}


def _notes(result: Plain) -> list[str]:
    grades = {m["grade"] for m in result["metrics"].values()}
    words = [text for grade, text in _GRADES.items() if grade in grades]
    if result["n_seeds"] == 1:
        words.append(
            "One seed: the intervals speak of this training, and say nothing of another one with the same recipe."
        )
    return [" ".join(words)] if words else []
