"""The audit of what a reviewer has: tables, articles, notebooks and matrices, without a paper file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from leukbench.errors import InputError
from leukbench.tools.draft.figures import AVERAGES, report_labels
from leukbench.tools.draft.headers import average_of, read_header
from leukbench.tools.draft.matrices import without_totals
from leukbench.tools.draft.tables import Printed, read_tables
from leukbench.tools.draft.write import Drafted, draft_tables, read_classes, read_matrix


def audit_drafts(
    files: Sequence[Path], papers: Sequence[str], format: str, *, matrix: str | None, classes: str
) -> tuple[str, bool]:
    """Return the audit of paper files, drafts of other files and a matrix, and whether anything is inconsistent."""
    from leukbench.audit.findings import audit_papers
    from leukbench.audit.render import render_markdown, to_json
    from leukbench.papers.files import is_file_name
    from leukbench.papers.loader import load_paper

    names = read_classes(classes)
    drafts = [draft_of(file, classes) for file in files if not is_file_name(str(file))]
    loaded = [load_paper(name) for name in [*papers, *(str(file) for file in files if is_file_name(str(file)))]]
    head = [_heading(draft) for draft in drafts]
    if matrix is not None:
        table, remark = without_totals(read_matrix(matrix, list(names)))
        drafts.append(draft_tables([table], "matrix", classes=names, name="--matrix"))
        counts = np.array([[int(cell) for cell in row[1:]] for row in table.rows[1:]])
        head += [*filter(None, [remark]), scores_of(counts, list(table.rows[0][1:]))]
    loaded += [draft.paper() for draft in drafts]
    findings = audit_papers(loaded)
    inconsistent = any(f.status == "inconsistent" for f in findings)
    if format == "json":
        return to_json(findings), inconsistent
    return "\n\n".join([*head, render_markdown(findings, loaded)]), inconsistent


def draft_of(file: Path, classes: str = "") -> Drafted:
    """Return the draft of a file that is no paper file, under a key made from its name."""
    tables, sentences = read_tables(file)
    _check_reports(tables, file)
    return draft_tables(tables, _key(file), sentences=sentences, classes=read_classes(classes), name=file.name)


def _check_reports(tables: Sequence[Printed], file: Path) -> None:
    """Refuse what would be held together and need not: several classification reports, or one of some labels alone."""
    reports = [labels for table in tables if (labels := report_labels(table))]
    if len(reports) > 1:
        raise InputError(
            "several classification reports in one file, which may be of other models or images",
            where=str(file), expected="one", found=str(len(reports)),
            do="audit each as a file of its own",
        )  # fmt: skip
    summary = {"accuracy", "samples avg", *AVERAGES}
    named = [label for labels in reports for label in labels[1:] if label not in summary]
    if odd := [label for label in named if read_header(label).metric or average_of(label) or label == "std"]:
        raise InputError(
            "a class is called as a line of a classification report is", where=str(file),
            expected="names of classes", found=odd[0], do="give the class another name",
        )  # fmt: skip
    part = next((label for labels in reports for label in labels if label in {"micro avg", "samples avg"}), "")
    if part:
        raise InputError(
            "a classification report of some of the classes, or of several labels an image",
            where=str(file), expected="a line accuracy, which scikit-learn prints for all classes of one label",
            found=part, do="print the report of all classes",
        )  # fmt: skip


def _key(file: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", file.stem.lower()).strip("_")
    return name if re.match(r"[a-z]", name) else f"file_{name}"


def _heading(draft: Drafted) -> str:
    left = f"; {draft.n_left} figures were not understood" if draft.n_left else ""
    read = f"{draft.key}: {draft.n_claims} figures read from tables{left} (leukbench draft FILE --key KEY lists both)."
    return "\n".join([read, *draft.remarks])


def scores_of(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Return what a confusion matrix (rows actual) comes to, as Markdown."""
    from leukbench.evaluation import metrics
    from leukbench.evaluation.metrics import Margins
    from leukbench.report.format import number, percent, table

    margins = Margins(
        np.diag(counts).astype(np.float64), counts.sum(axis=1).astype(np.float64), counts.sum(axis=0).astype(np.float64)
    )
    of_class = {name: getattr(metrics, name)(margins) for name in ("recall", "specificity", "precision", "f1")}
    rows = [
        {
            "class": c,
            "images": int(counts[i].sum()),
            **{name: f"{percent(float(values[i]))} %" for name, values in of_class.items()},
        }
        for i, c in enumerate(classes)
    ]
    whole = ", ".join(
        f"{name.replace('_', ' ')} {number(float(getattr(metrics, name)(margins)))}"
        for name in ("accuracy", "balanced_accuracy", "mcc", "kappa")
    )
    return f"The matrix, rows taken as actual: {int(counts.sum())} images; {whole}.\n\n{table(rows)}"
