"""A drafted paper file: every figure that was understood, with its place, and in comments what a person must add."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from leukbench.audit.readings.printed_matrices import UNNAMED
from leukbench.errors import InputError
from leukbench.papers.slips import NAMED_CELLS
from leukbench.papers.vocabulary import SCORES
from leukbench.tools.draft.figures import Fields, Figures, read_figures, sentence_figures, unread_scores
from leukbench.tools.draft.headers import class_named
from leukbench.tools.draft.matrices import without_totals
from leukbench.tools.draft.means import with_folds
from leukbench.tools.draft.sizes import apart_from_sizes, without_percentages
from leukbench.tools.draft.tables import Printed, Sentence, read_tables

if TYPE_CHECKING:
    from leukbench.papers.schema import Paper

STUDY = "main"
_UNNAMED = "(none)"  # the authors and the year of a table


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """The text of a paper file, how many figures it holds and lists as not understood, and how tables were read."""

    key: str
    text: str
    n_claims: int
    n_left: int
    remarks: tuple[str, ...] = ()

    def paper(self) -> Paper:
        """Return the draft as a paper, as the audit takes it."""
        from leukbench.papers.schema import Paper

        plain = yaml.safe_load(self.text)
        plain["citation"] = {"authors": _UNNAMED, "title": self.key, "venue": "", "year": _UNNAMED}
        for study in plain["studies"].values():
            study |= {"title": f"the data of {self.key}", "where": ""}
        return Paper.model_validate(plain)


def draft_file(file: Path, key: str, *, classes: Mapping[str, int] | None = None) -> Drafted:
    """Return a file's tables as a drafted paper file.

    ``classes``: class -> tested images (0 where unknown). Raises InputError for a key that is none, for a file that
    cannot be read, and where no figure of any table is understood.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
        raise InputError("this is no key of a paper", where="--key", expected="small letters, figures and _", found=key)
    tables, sentences = read_tables(file)
    return draft_tables(tables, key, sentences=sentences, classes=classes or {}, name=file.name)


def draft_tables(
    tables: Sequence[Printed], key: str, *, sentences: Sequence[Sentence] = (), classes: Mapping[str, int], name: str
) -> Drafted:
    """Return printed tables as a drafted paper file.

    Parameters
    ----------
    tables
        As they were read, with caption and header.
    key
        Of the paper, which every claim's id starts with.
    sentences
        Of the text that hold figures; they become notes.
    classes
        Class -> images tested; 0 where that is not known.
    name
        What the error calls the file.

    Returns
    -------
    The text, how many figures it holds and leaves out, and remarks on what was understood.

    Raises
    ------
    InputError
        Where no figure of any table is understood.
    """
    figures = read_figures(tables, key, list(classes))
    without_percentages(figures, classes)
    apart_from_sizes(figures, classes)
    figures.remarks += unread_scores(sentences)
    if not figures.claims:
        raise InputError(
            "no figure of any table is understood",
            where=name,
            expected="headers such as Accuracy, Recall, F1, AUC, parameters, TP, or a confusion matrix",
            found="; ".join([*figures.left[:5], *figures.remarks[:5]]) or f"{len(tables)} tables",
            do="name the columns by their metrics (counts as Train images, Images after augmentation), rows and "
            "columns of a matrix by the classes; or give --matrix",
        )
    support = _support(figures, classes)
    names = list(classes) or next((list(m["classes"]) for m in figures.matrices), list(support))
    names = names or (list(UNNAMED) if _counts_of_two(figures.claims) else [])
    rows = [*figures.claims, *_class_sizes(key, classes)]
    rows = [_in_study(_of_a_part(row), names) for row in rows]
    if support:
        rows = [_counted(row) for row in rows]
    if any(classes.values()) or support:
        rows = [_tested(row) for row in rows]
    figures.remarks += _of_other_data(rows) if any(classes.values()) else []
    rows = [{k: v for k, v in row.items() if k not in {"other_data", "mean_of", "apart"}} for row in with_folds(rows)]
    text = "\n".join(
        [*_head(key, name, names, rows), *_matrices(figures), *_claims(rows, tables), *_notes(figures, sentences)]
    )
    return Drafted(
        key=key, text=text + "\n", n_claims=len(rows), n_left=len(figures.left), remarks=tuple(figures.remarks)
    )


def _counts_of_two(rows: Iterable[Fields]) -> bool:
    """Whether some result has all four counts of a problem of two classes, and no figure names a class."""
    found: dict[tuple[Any, ...], set[str]] = {}
    for row in rows:
        if row.get("class"):
            return False
        if row["metric"] in NAMED_CELLS:
            place = tuple(row.get(key, "") for key in ("where", "model", "fold", "condition"))
            found.setdefault(place, set()).add(row["metric"])
    return any(metrics == set(NAMED_CELLS) for metrics in found.values())


def _support(figures: Figures, classes: Mapping[str, int]) -> Mapping[str, int]:
    """Return class -> images of the one classification report that all scores stand in, {} where there is none.

    Its column ``support`` counts what its scores were counted on; of scores elsewhere it says nothing. What the user
    gives, and a matrix, come before.
    """
    if any(classes.values()) or figures.matrices or len(figures.supports) != 1:
        return {}
    ((where, support),) = figures.supports.items()
    if any(row["where"] != where for row in figures.claims if row["metric"] in SCORES):
        return {}
    same = {name.casefold() for name in classes} in (set(), {name.casefold() for name in support})
    return support if same else {}


def _of_a_part(row: Fields) -> Fields:
    """Return a count of true or false answers as one of the part that the scores beside it are of."""
    return {**row, "split": "unstated"} if row["metric"] in NAMED_CELLS and not row.get("split") else row


def _counted(row: Fields) -> Fields:
    """Return the number of images of a report as one of its tested images, which it is one pass over."""
    of_report = row["metric"] == "n_images" and not row.get("split")
    return {**row, "split": "test", "aggregation": "single"} if of_report else row


def _in_study(row: Fields, names: Sequence[str]) -> Fields:
    """Return a figure as one of the study of these classes, if any, whose name is put as the study has it.

    What a header says beside a score need be no class: without names it is the condition of the score.
    """
    guessed = row.get("guessed", "") if row["metric"] in SCORES else ""
    row = {k: v for k, v in row.items() if k != "guessed"}
    if not names and guessed:
        row["condition"] = " ".join(filter(None, (row.get("condition"), row.pop("class"))))
    if row.get("apart"):
        return row
    if not names or not row.get("class"):
        return {**row, "study": STUDY} if names else row
    named = class_named(row["class"], names, counted=row["metric"] not in SCORES) or row["class"]
    return {**row, "class": f"{named} (group)" if guessed == "group" else named, "study": STUDY}


def _tested(row: Fields) -> Fields:
    """Return a figure that names no part, no fold and no mean as one of the tested images, whose number is given."""
    other = row.get("kind") == "cited" or any(row.get(key) for key in ("fold", "aggregation", "other_data", "apart"))
    return {**row, "split": "test"} if row.get("split") == "unstated" and not other else row


def _of_other_data(rows: Sequence[Fields]) -> list[str]:
    """Return the remark on scores that class sizes are not held against; [] where there are none."""
    columns = {(row["where"], row["other_data"]): None for row in rows if row.get("other_data")}
    return [
        f"{where}: the column {column} has several values, so the images given for the classes are held against none "
        "of its rows; give the rows of one in a file of their own."
        for where, column in columns
    ]


def _class_sizes(key: str, classes: Mapping[str, int]) -> list[Fields]:
    return [
        {
            "id": f"{key}.n_{re.sub(r'[^A-Za-z0-9_]', '_', name)}",
            "metric": "n_images",
            "class": name,
            "split": "test",
            "value": str(n),
            "unit": "count",
            "where": "given as an option",
        }
        for name, n in classes.items()
        if n
    ]


def _head(key: str, name: str, classes: Sequence[str], rows: Sequence[Fields]) -> list[str]:
    scores = [row for row in rows if row["metric"] in SCORES and row.get("kind") != "cited"] or list(rows)
    headline = next((row for row in scores if row["metric"] == "accuracy"), scores[0])["id"]
    lines = [
        f"# Drafted from {name}. Every figure below stands in it, at the place named; hold each against the text.",
        "# leukbench/papers/README.md explains the keys. What is marked TODO is not in the tables.",
        f"key: {key}",
        "citation: {authors: TODO, title: TODO, venue: TODO, year: TODO}",
    ]
    if not classes:
        return [
            *lines,
            "studies: {}  # TODO the classes of the study: without them the checks that count images say little",
        ]
    return [
        *lines, "studies:", f"  {STUDY}:", "    title: TODO", '    source: ""  # TODO the dataset',
        f"    classes: {_flow({str(c): [str(c)] for c in classes})}", "    protocols: {}  # TODO how it was split",
        f"    headline: {headline}  # TODO the figure of the abstract", "    where: TODO",
    ]  # fmt: skip


def _matrices(figures: Figures) -> list[str]:
    return ["matrices:", *(f"  - {_flow(matrix)}" for matrix in figures.matrices)] if figures.matrices else []


def _claims(rows: Sequence[Fields], tables: Sequence[Printed]) -> list[str]:
    captions = {table.where: table.caption for table in tables}
    lines, where = ["claims:"], None
    for row in rows:
        if row["where"] != where:
            where = row["where"]
            caption = f"  # {captions[where]}" if captions.get(where) else ""
            lines += [f"  - where: {_flow(where)}{caption}", "    rows:"]
        plain: dict[str, Any] = {k: v for k, v in row.items() if k != "where"}
        if plain.get("approximate"):
            plain["approximate"] = True
        lines.append(f"      - {_flow(plain)}")
    return lines


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _notes(figures: Figures, sentences: Sequence[Sentence]) -> list[str]:
    found = [(s, list(sentence_figures(s.text))) for s in sentences]
    lines = [
        f"#   {s.where}: {'; '.join(f'{metric} {value} %' for metric, value in figures_of)}: {s.text[:200]}"
        for s, figures_of in found
        if figures_of
    ]
    parts = (
        ["#", "# To be confirmed: percentages in sentences, beside which a metric is named.", *lines] if lines else []
    )
    if figures.remarks:
        parts += ["#", *(f"# {' '.join(text.split())}" for text in figures.remarks)]
    if figures.left:
        parts += ["#", "# Not understood: figures of tables whose header names no metric, and bounds such as >95."]
        parts += [f"#   {' '.join(text.split())}" for text in figures.left]
    return parts


# -------------------------------------------------------------------------------------------------- from an option


def read_classes(text: str) -> dict[str, int]:
    """Return a line of classes as class -> tested images, 0 where none is given.

    >>> read_classes("HEM=648, ALL=1219"), read_classes("benign, malignant")
    ({'HEM': 648, 'ALL': 1219}, {'benign': 0, 'malignant': 0})
    """
    found: dict[str, int] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, n = (p.strip() for p in part.partition("="))
        if not name or (n and not n.isdigit()):
            raise InputError(
                "this is no line of classes", where="--classes", expected="HEM=648,ALL=1219, or HEM,ALL", found=text
            )
        if name in found or (name.isdigit() and not n and any(found.values())):
            raise InputError(
                f"{name!r} is no further class", where="--classes", expected="HEM=648,ALL=1219, each class once",
                found=text, do="write counts without a comma for thousands",
            )  # fmt: skip
        found[name] = int(n or 0)
    return found


def read_matrix(text: str, names: Sequence[str]) -> Printed:
    """Return a confusion matrix from the command line as a table; rows are the actual classes.

    >>> read_matrix("752 339; 361 148", ["A", "B"]).rows
    (('', 'A', 'B'), ('A', '752', '339'), ('B', '361', '148'))
    """
    lines = re.split(r"[;\n/]|\]\s*,?\s*\[", text)  # the last as Python writes nested lists
    rows = [re.findall(r"\d+", row) for row in lines if row.strip()]
    if len(rows) < 2 or any(len(row) != len(rows) for row in rows) or re.search(r"[^\d\s,;/\[\]]", text):
        raise InputError(
            "this is no confusion matrix",
            where="--matrix",
            expected='rows of whole numbers, as "752 339; 361 148"',
            found=text,
        )
    if not any(int(cell) for row in rows for cell in row):
        raise InputError("a confusion matrix without images", where="--matrix", expected="counts", found=text)
    classes = list(names) or [f"class {i + 1}" for i in range(len(rows))]
    labels = [*classes, *[""] * (len(rows) - len(classes))]
    body = [(name, *row) for name, row in zip(labels, rows, strict=False)]
    table = Printed(where="--matrix", caption="confusion matrix", rows=(("", *labels), *body), rows_are="actual")
    if len(classes) not in {len(rows), len(without_totals(table)[0].rows) - 1}:
        raise InputError(
            "classes and matrix do not fit", where="--classes", expected=f"{len(rows)} names", found=", ".join(names)
        )
    return table
