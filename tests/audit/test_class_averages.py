"""Averages over classes: what no weights give is told, and nothing that a matrix gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leukbench.audit.checks.scores.class_averages import check_class_averages
from leukbench.audit.engine.definitions import Definition, definitions
from leukbench.audit.findings import audit_papers
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import read
from leukbench.tools.draft.audit import draft_of
from tests.support.printed_papers import Row, paper, score

NAMES = ("benign", "early", "pre", "pro")
METRICS = ("precision", "recall", "specificity", "f1")


def statuses(drafts: list[Draft]) -> list[str]:
    return [draft.status for draft in drafts]


def of_classes(metric: str, values: list[str], **keys: str) -> list[Row]:
    return [score(metric, v, **{"class": c}, **keys) for v, c in zip(values, NAMES, strict=False)]


@pytest.mark.parametrize(
    ("metric", "average", "value", "told"),
    [
        ("precision", "macro", "93.3", []),
        ("precision", "macro", "94.1", ["inconsistent"]),
        ("precision", "weighted", "94.9", []),
        ("precision", "weighted", "95.4", ["inconsistent"]),
        ("precision", "micro", "90.6", ["inconsistent"]),
        ("precision", "", "94.9", []),
        ("precision", "", "97.0", ["implausible"]),  # that of all leukaemic classes together
        ("accuracy", "", "90.2", ["inconsistent"]),
        ("accuracy", "", "97.4", []),  # of each class against the rest, on average
        ("accuracy", "", "97.8", ["implausible"]),
    ],
)  # fmt: skip
def test_an_average_lies_between_its_classes(metric: str, average: str, value: str, told: list[str]) -> None:
    of = "recall" if metric == "accuracy" else metric
    rows = [*of_classes(of, ["91.0", "93.2", "95.0", "94.0"]), score(metric, value, average=average)]
    assert statuses(check_class_averages(read(paper(*rows, classes=NAMES)))) == told
    three = statuses(check_class_averages(read(paper(*rows[1:], classes=NAMES))))
    assert three == []  # of one class nothing is printed


def test_means_over_folds_prove_nothing_and_f1_may_be_that_of_mean_precision_and_recall() -> None:
    rows = [*of_classes("recall", ["91.0", "93.2", "95.0", "94.0"], spread="1.0"), score("recall", "98", spread="0.9")]
    assert statuses(check_class_averages(read(paper(*rows, classes=NAMES)))) == ["implausible"]
    crossed = [
        *of_classes("precision", ["90", "50"]),
        *of_classes("recall", ["50", "90"]),
        *of_classes("f1", ["64.3", "64.3"]),
    ]
    averages = [score(metric, "70.0", average="macro") for metric in ("precision", "recall", "f1")]
    assert check_class_averages(read(paper(*crossed, *averages, classes=NAMES[:2]))) == []
    above = [*averages[:2], score("f1", "71.0", average="macro")]
    assert statuses(check_class_averages(read(paper(*crossed, *above, classes=NAMES[:2])))) == ["inconsistent"]


def test_no_average_of_a_matrix_is_told() -> None:
    """With classes that nobody named, micro averages, and 0/0 as 0 or left out of the mean."""
    rng = np.random.default_rng(21)
    seen = 0
    for _ in range(300):
        k = int(rng.integers(2, 5))
        counts = rng.integers(0, 30, (k, k)) * (rng.random((k, k)) < 0.6) + np.diag(rng.integers(0, 40, k))
        if not counts.any():
            continue
        values = definitions(counts.tolist(), list(NAMES[:k]))
        rows = [
            score(metric, f"{100 * float(values.get(Definition(metric, f'positive:{c}')) or 0):.1f}", **{"class": c})
            for metric in METRICS
            for c in NAMES[:k]
        ]
        for how in ("macro", "weighted", "micro"):
            averages = [
                score(metric, f"{100 * float(value):.1f}", average=stated)
                for stated in (how, "")
                for metric in METRICS
                if (value := values.get(Definition(metric, how))) is not None
            ]
            seen += len(averages)
            accuracy = score("accuracy", f"{100 * float(values[Definition('accuracy', 'overall')]):.1f}")
            found = check_class_averages(read(paper(*rows, *averages, accuracy, classes=NAMES[:k])))
            assert found == [], (counts, found[0].statement)
    assert seen > 3000


@pytest.mark.parametrize(("mean", "told"), [("91.3", []), ("91.6", ["implausible"]), ("95.3", ["inconsistent"])])
def test_a_mean_row_below_folds_is_held_against_them(tmp_path: Path, mean: str, told: list[str]) -> None:
    folds = ["90.1", "91.4", "92.0", "89.9", "93.1"]
    rows = [f"| {i} | {value} |" for i, value in enumerate(folds, start=1)]
    (tmp_path / "t.md").write_text("\n".join(["|Fold|Accuracy (%)|", "|---|---|", *rows, f"| Mean | {mean} |"]))
    assert [f.status for f in audit_papers([draft_of(tmp_path / "t.md").paper()]) if f.check == "means"] == (
        told or ["consistent"]
    )


OF_FOLDS = ("Mean", "Average", "Mean ± SD", "3-fold mean", "Average of the three folds", "CV mean", "Mean accuracy")
OF_OTHERS = ("Ensemble average", "Average (ensemble of 3 folds)", "Average of weights (SWA)", "Average (test)",
             "Overall", "Mean of 10 folds", "10-fold average", "Average of related works", "Mean over 3 seeds",
             "Final")  # fmt: skip


@pytest.mark.parametrize("label", OF_FOLDS + OF_OTHERS)
def test_only_a_row_that_is_called_the_mean_of_these_folds_is_taken_as_such(tmp_path: Path, label: str) -> None:
    rows = ["|Fold|Accuracy|", "|---|---|", "|Fold 1|91.0|", "|Fold 2|92.0|", "|Fold 3|93.0|", f"|{label}|95.5|"]
    assert seen(tmp_path, rows) == (["means"] if label in OF_FOLDS else [])


@pytest.mark.parametrize(
    "rows",
    [
        ["|Metric|Fold 1|Fold 2|Mean|", "|---|---|---|---|", "|Accuracy|91.0|92.0|95.0|"],
        ["Table 1. Accuracy (%) of each fold.\n", "|Model|Fold 1|Fold 2|Mean|", "|---|---|---|---|",
         "|V|91.0|92.0|95.0|", "|R|91.0|92.0|91.5|"],
    ],
)  # fmt: skip
def test_folds_in_columns_and_a_metric_in_the_caption_are_read(tmp_path: Path, rows: list[str]) -> None:
    assert seen(tmp_path, rows) == ["means"]


def seen(folder: Path, lines: list[str], classes: str = "") -> list[str]:
    """Return the checks that find something impossible or in need of an explanation in a text with a table."""
    (folder / "t.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    findings = audit_papers([draft_of(folder / "t.md", classes).paper()])
    return [f.check for f in findings if f.status in {"inconsistent", "implausible"}]


CLASSES = ["|Class|Precision|Recall|", "|---|---|---|", "|ill|0.91|0.90|", "|well|0.95|0.97|"]


@pytest.mark.parametrize(
    "label", ["Average", "Mean", "Avg.", "avg / total", "Overall", "All classes", "Mean (2 classes)"]
)
@pytest.mark.parametrize("classes", ["", "ill,well"])
def test_an_average_row_below_classes_is_held_against_them(tmp_path: Path, label: str, classes: str) -> None:
    assert seen(tmp_path, [*CLASSES, f"|{label}|0.93|0.94|"], classes) == []
    assert seen(tmp_path, [*CLASSES, f"|{label}|0.98|0.94|"], classes) == ["class_averages"]


@pytest.mark.parametrize("label", ["5-fold mean", "Mean of 4 classes", "Test average", "Best"])
def test_another_row_below_classes_need_not_be_an_average_of_them(tmp_path: Path, label: str) -> None:
    assert seen(tmp_path, [*CLASSES, f"|{label}|0.98|0.99|"], "ill,well") == []


def test_no_average_of_f1_lies_below_the_classes_and_of_unknown_precision_it_may_lie_above(tmp_path: Path) -> None:
    rows = ["|Class|F1|", "|---|---|", "|ill|90.1|", "|well|88.3|"]
    assert seen(tmp_path, [*rows, "|Macro avg|70.2|"], "ill,well") == ["class_averages"]
    assert seen(tmp_path, [*rows, "|Macro avg|90.5|"], "ill,well") == []


def test_a_class_may_be_called_average(tmp_path: Path) -> None:
    rows = ["|Class|Precision|Recall|", "|---|---|---|", "|Average|0.91|0.90|", "|Good|0.81|0.82|", "|Poor|0.76|0.70|"]
    assert seen(tmp_path, rows) == []


def test_a_macro_f1_may_be_that_of_macro_precision_and_recall(tmp_path: Path) -> None:
    """Of [[10, 6], [1, 28]]; the mean of the classes' F1 is 0.8148."""
    rows = ["|Model|Macro precision|Macro recall|Macro F1|", "|---|---|---|---|", "|V|0.8663|0.7953|0.8293|"]
    assert seen(tmp_path, rows, "ALL=16,HEM=29") == []
    assert seen(tmp_path, [*rows[:2], "|V|0.8663|0.7953|0.8251|"], "ALL=16,HEM=29") != []


def test_means_that_leave_out_undefined_classes_are_not_accused(tmp_path: Path) -> None:
    """Of [[30, 2, 0], [3, 25, 0], [3, 3, 0]], as R prints them: C is never called."""
    rows = ["|Class|Precision|Recall|F1|", "|---|---|---|---|", "|A|0.8333|0.9375|0.8824|", "|B|0.8333|0.8929|0.8621|",
            "|C|NA|0.0000|NA|", "|Mean|0.8333|0.6101|0.8722|"]  # fmt: skip
    assert seen(tmp_path, rows) == [] and seen(tmp_path, rows, "A,B,C") == []
    assert seen(tmp_path, rows, "A=32,B=28,C=6") == []
