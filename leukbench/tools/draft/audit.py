"""The audit of what a reviewer has: tables, articles, notebooks and matrices, without a paper file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from leukbench.errors import InputError
from leukbench.tools.draft.matrices import without_totals
from leukbench.tools.draft.reports import as_report, not_of_all_classes, report_labels
from leukbench.tools.draft.tables import Printed, Sentence, read_tables
from leukbench.tools.draft.write import Drafted, draft_tables, read_classes, read_matrix

_SOME_OR_WRONG = (
    "a classification report with a micro avg is left out: it is of some of the classes alone, or its figures cannot "
    "hold together; print the report of all classes"
)


def audit_drafts(
    files: Sequence[Path], papers: Sequence[str], format: str, *, matrix: str | None, classes: str
) -> tuple[str, bool]:
    """Return the audit of paper files, drafts of other files and a matrix, and whether anything is inconsistent."""
    from leukbench.audit.findings import audit_papers
    from leukbench.audit.render import render_markdown, to_json
    from leukbench.papers.files import is_file_name
    from leukbench.papers.loader import load_paper

    names = read_classes(classes)
    drafts = [draft for file in files if not is_file_name(str(file)) for draft in drafts_of(file, classes)]
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
    """Return the one draft, or the first, of a file that is no paper file."""
    return drafts_of(file, classes)[0]


def drafts_of(file: Path, classes: str = "") -> list[Drafted]:
    """Return the drafts of a file that is no paper file, under keys made from its name: one of its tables, and one of
    each classification report or block of lines where there are several, which need not be of one network or of the
    same images.
    """
    tables, sentences = read_tables(file)
    tables = [replace(table, left_out=table.left_out or _no_report(table)) for table in tables]
    parts, others = _apart(tables)
    return _drafted(parts, others, sentences, _key(file), read_classes(classes), file.name)


def _no_report(table: Printed) -> str:
    """Return why a classification report is left out, "" where it is not: also one whose micro avg is no accuracy by
    its other figures, as a report of some of the classes may have one value of it by chance.
    """
    from leukbench.audit.findings import audit_papers

    if (why := not_of_all_classes(table)) or not as_report(table)[1]:
        return why
    findings = audit_papers([draft_tables([table], "report", classes={}, name=table.where).paper()])
    return _SOME_OR_WRONG if any(f.status == "inconsistent" for f in findings) else ""


def _apart(tables: Sequence[Printed]) -> tuple[list[tuple[list[Printed], str]], list[Printed]]:
    """Return the parts of a file that are results of their own, each with a name, and its other tables.

    A single one is held together with the others where it is a report, or where these hold no figures.
    """
    results: dict[str, list[Printed]] = {}
    for n, table in enumerate(tables):
        if alone := table.alone or (f"report {n}" if report_labels(table) else ""):
            results.setdefault(alone, []).append(table)
    others = [table for table in tables if not any(table in of for of in results.values())]
    block = any(table.alone for of in results.values() for table in of)
    if len(results) > 1 or (block and any(table.rows and not table.left_out for table in others)):
        return list(zip(results.values(), _names([of[0] for of in results.values()]), strict=True)), others
    return [], list(tables)


def _drafted(
    parts: Sequence[tuple[list[Printed], str]],
    others: Sequence[Printed],
    sentences: Sequence[Sentence],
    key: str,
    classes: Mapping[str, int],
    name: str,
) -> list[Drafted]:
    """Return the draft of each part of a file, and of its ``others`` together; what none could be made of is told with
    the first. Raises InputError where no figure of any part is understood.
    """
    found: list[Drafted] = []
    failed: list[InputError] = []
    for tables, title in [*parts, *([(others, "")] if others or not parts else [])]:
        key_of = f"{key}_{_slug(title)}" if title else key
        try:
            found.append(draft_tables(tables, key_of, sentences=sentences, classes=classes, name=title or name))
        except InputError as error:
            failed.append(error)
        else:
            sentences = ()
    if not found:
        raise failed[0]
    told = [error.found for error in failed]
    return [replace(found[0], remarks=(*found[0].remarks, *told)), *found[1:]]


def _names(tables: Sequence[Printed]) -> list[str]:
    """Return a name of each table, by the line above it: each once."""
    names: list[str] = []
    for n, table in enumerate(tables, start=1):
        name = table.above or f"report {n}"
        names.append(f"{name} ({n})" if _slug(name) in map(_slug, names) else name)
    return names


def _key(file: Path) -> str:
    name = _slug(file.stem)
    return name if re.match(r"[a-z]", name) else f"file_{name}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


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
