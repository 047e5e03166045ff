"""scikit-learn's classification report among printed tables: its lines, its accuracy, and what it has to be of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from leukbench.tools.draft.headers import WHOLE, is_figure, plain_cell, read_header
from leukbench.tools.draft.labels import row_labels
from leukbench.tools.draft.tables import Printed

AVERAGES = frozenset(["macro avg", "macro average", "weighted avg", "weighted average", "micro avg", "avg / total"])
"""Lines of scikit-learn's classification report that are means."""
_SUMMARY = frozenset({"accuracy", "samples avg", *AVERAGES})
_ACCURACY = re.compile(r"(?:(?:overall|total|test) )?accuracy(?: \(?(?:overall|total)\)?)?")
_MICRO = "{}: micro avg is read as the accuracy, which it is where the report is of all classes (scikit-learn 0.20)."
_SAMPLES = "a classification report of several labels an image (samples avg) is left out"
_PART = (
    "a classification report of some of the classes, or of several labels an image, is left out: its micro avg is no "
    "accuracy; print the report of all classes"
)
_ODD = "a classification report is left out, as its class {} is called as one of its lines; give the class another name"


def report_labels(table: Printed) -> list[str]:
    """Return the first column of scikit-learn's classification report, in small letters, the accuracy and averages
    under its names for them; [] of any other table.
    """
    metrics = ["precision", "recall", "f1", "n_images"]
    if not table.rows or [read_header(h).metric for h in table.rows[0][1:]] != metrics:
        return []
    labels = [_plain(row[0]) for row in table.rows]
    return labels if _SUMMARY & {*labels} else []


def _plain(text: str) -> str:
    plain = " ".join(re.split(r"[\s_-]+", plain_cell(text).lower())).rstrip(":. ")
    return "accuracy" if _ACCURACY.fullmatch(plain) else plain


def as_report(table: Printed) -> tuple[Printed, list[str]]:
    """Return scikit-learn's classification report with its accuracy in a column of its own, other tables as they are;
    and a remark where another line is read as that of the accuracy.

    Its line ``accuracy`` has one value, which stands under f1-score, or under every column where it was a data frame.
    """
    labels, remarks = report_labels(table), []
    if not labels:
        return table, []
    if "accuracy" not in labels and _of_all_classes(table, labels):
        labels[labels.index("micro avg")] = "accuracy"
        remarks = [_MICRO.format(table.where)]
    rows = [("class", *table.rows[0][1:], "accuracy")]
    for label, row in zip(labels[1:], table.rows[1:], strict=True):
        overall = ", ".join(dict.fromkeys(filter(is_figure, row[1:4])))
        rows.append(("", "", "", "", "", overall) if label == "accuracy" else (*row, ""))
    return replace(table, rows=tuple(rows)), remarks


def _of_all_classes(table: Printed, labels: Sequence[str]) -> bool:
    """Whether a report has one line micro avg whose scores are one, over the images of all classes together."""
    if labels.count("micro avg") != 1:
        return False
    rows = dict(zip(labels, table.rows, strict=True))
    counts = {label: re.sub(r"\.0+$|,", "", plain_cell(row[4])) for label, row in rows.items() if label != labels[0]}
    if not all(map(WHOLE.fullmatch, counts.values())):
        return False
    total = sum(int(n) for label, n in counts.items() if label not in _SUMMARY)
    return len({*rows["micro avg"][1:4]}) == 1 and total == int(counts["micro avg"])


def _is_class(name: str) -> bool:
    """Whether a row of this name is taken for one of a class, and not for a mean, a total, a spread or a fold."""
    label = row_labels([[name], ["accuracy"]], ["class"], ())[0]  # "all" in a last row may be a total
    return bool(label.class_) and not (label.spread or label.of_all or label.aggregation or label.average)


def not_of_all_classes(table: Printed) -> str:
    """Return why a classification report is none of all classes of one label an image, or does not say which of its
    lines are classes; "" of a report that is, and of any other table.
    """
    labels = report_labels(table)
    rows = zip(labels[1:], table.rows[1:], strict=False)
    named = [label for label, row in rows if label not in _SUMMARY and is_figure(row[4])]
    if table.caption == "statistics":  # of caret, whose last row is of all classes
        named = [row[0] for row in table.rows[1:] if row[0]]
    if odd := [label for label in named if read_header(label).metric or not _is_class(label)]:
        return _ODD.format(odd[0])
    if "samples avg" in labels:
        return _SAMPLES
    return _PART if "micro avg" in labels and not _of_all_classes(table, labels) else ""
