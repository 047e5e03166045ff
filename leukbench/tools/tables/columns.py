"""Which column of a user's table plays which part: by its name, in any case and under the usual synonyms, or by
``--map``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leukbench.errors import InputError, unknown_name
from leukbench.tools.tables.rows import Table

ROLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "image_id": (
        (
            "image_id",
            "image",
            "img",
            "img_id",
            "image_name",
            "img_name",
            "filename",
            "file_name",
            "filepath",
            "file_path",
            "image_path",
            "img_path",
            "image_file",
            "image_filename",
            "fname",
            "file_id",
            "isic_id",
            "relative_path",
        ),
        ("id", "uid", "path", "file", "name", "sample", "sample_id", "images", "image_key", "key"),
    ),
    "label": (
        (
            "label",
            "y_true",
            "ytrue",
            "true_label",
            "true_class",
            "label_true",
            "ground_truth",
            "groundtruth",
            "gt",
            "gt_label",
            "gt_class",
            "ground_truth_label",
            "ground_truth_class",
            "actual",
            "actual_label",
            "actual_class",
            "true_class_name",
            "target",
            "truth",
        ),
        (
            "true",
            "class",
            "class_name",
            "labels",
            "targets",
            "category",
            "diagnosis",
            "dx",
            "y",
            "class_label",
            "label_name",
            "cell_type",
            "real",
        ),
    ),
    "patient": (
        (
            "patient",
            "patient_id",
            "patientid",
            "patient_no",
            "subject",
            "subject_id",
            "subjectid",
            "case_id",
            "participant",
            "participant_id",
        ),
        ("case", "pid", "subj", "person", "person_id", "patient_name", "mrn", "donor"),
    ),
    "group": (
        ("group", "group_id"),
        ("groups", "slide", "slide_id", "smear", "smear_id", "wsi", "cluster", "lesion_id"),
    ),
    "predicted": (
        (
            "predicted",
            "prediction",
            "pred",
            "y_pred",
            "ypred",
            "y_hat",
            "yhat",
            "predicted_label",
            "predicted_class",
            "pred_label",
            "pred_class",
            "label_pred",
            "prediction_label",
            "pred_class_name",
            "predicted_class_name",
        ),
        (
            "predictions",
            "preds",
            "output",
            "hat",
            "class_pred",
            "model_prediction",
            "predicted_labels",
            "prediction_class",
            "oof_pred",
            "oof_prediction",
            "y_pred_oof",
        ),
    ),
    "score": (
        (
            "score",
            "prob",
            "proba",
            "probability",
            "y_score",
            "y_prob",
            "y_proba",
            "pred_prob",
            "pred_proba",
            "positive_probability",
            "prob_positive",
            "predicted_probability",
            "predicted_prob",
            "prediction_probability",
        ),
        (
            "p",
            "y_pred_prob",
            "y_pred_proba",
            "y_probs",
            "probs",
            "probabilities",
            "scores",
            "logit",
            "sigmoid",
            "likelihood",
            "oof_prob",
            "oof_proba",
            "oof_probability",
        ),
    ),
    "fold": (("fold", "cv_fold", "kfold", "fold_id"), ("folds", "cv")),
    "seed": (("seed",), ("repeat", "random_state")),
    "origin": (
        ("origin", "original", "original_id", "original_image", "source_image", "parent_id"),
        ("parent", "original_name"),
    ),
    "split": (
        ("split", "subset", "partition", "data_split", "dataset_split", "train_test", "split_name", "role"),
        ("set", "dataset", "phase", "usage", "fold", "stage", "part"),
    ),
    "device": (
        ("device", "scanner", "microscope", "camera", "scanner_id", "device_id"),
        ("machine", "instrument", "manufacturer"),
    ),
    "site": (
        ("site", "site_id", "centre", "center", "hospital", "institution"),
        ("clinic", "location", "lab", "centre_id", "center_id"),
    ),
}
"""Part -> the names that are certain, and those that are taken where none of the certain ones is there."""
IS = {role: frozenset(certain) for role, (certain, _) in ROLES.items()}
"""Part -> the names that are certain."""
MAY_BE = {role: frozenset(others) for role, (_, others) in ROLES.items()}
"""Part -> the names that are not certain."""
_NOBODY = frozenset({
    "", "nan", "none", "null", "na", "n/a", "n.a.", "<na>", "nat", "unknown", "unk", "missing", "not available",
    "-", "--", "–", "—", "?", ".", "-1", "-1.0",
})  # fmt: skip
NO_CLASS = frozenset({"", "nan", "<na>"})
"""Cells that name no class, in any case: None is a class of its own, as some have one of that name."""
ONE_PART = (
    frozenset({"train", "training"}), frozenset({"val", "valid", "validation"}), frozenset({"test", "testing"}),
)  # fmt: skip
"""Names of parts of a split that mean the same."""
PARTS = frozenset({"dev", "holdout", "external"}).union(*ONE_PART)
"""What parts of a split are called, in lower case."""


@dataclass(frozen=True)
class ColumnMapping:
    """What ``--map`` says: part -> column, name of a class in the file -> class, and the positive class."""

    columns: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    positive: str = ""


def read_mapping(texts: Sequence[str], roles: Sequence[str]) -> ColumnMapping:
    """Return ``--map`` options as wishes.

    Parameters
    ----------
    texts
        Such as ``label=truth``, ``class:1=ALL``, ``positive=ALL``.
    roles
        The parts that a column can be named for.

    Returns
    -------
    The wishes, which nothing has been held against yet.

    Raises
    ------
    InputError
        For an option that is none of these.

    Examples
    --------
    >>> read_mapping(["label=truth", "class:1=ALL", "positive=ALL"], ["label"])
    ColumnMapping(columns={'label': 'truth'}, classes={'1': 'ALL'}, positive='ALL')
    """
    columns: dict[str, str] = {}
    classes: dict[str, str] = {}
    positive = ""
    for text in (unicodedata.normalize("NFC", text) for text in texts):
        left, equals, right = (part.strip() for part in text.partition("="))
        if not equals or not left or not right:
            raise InputError(
                "--map says nothing",
                where="--map",
                expected="PART=COLUMN, class:NAME=CLASS or positive=CLASS",
                found=repr(text),
                do="as in --map image_id=filename",
            )
        if left.startswith("class:"):
            classes[left.removeprefix("class:")] = right
        elif left == "positive":
            positive = right
        elif left in roles:
            columns[left] = right
        else:
            raise unknown_name("part", left, [*roles, "positive", "class:<name>"], where="--map")
    return ColumnMapping(columns, classes, positive)


def plain_name(name: str) -> str:
    """Return a column's name as words in lower case joined by ``_``.

    >>> plain_name("PatientID"), plain_name(" Y-True "), plain_name("Image Name")
    ('patient_id', 'y_true', 'image_name')
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def spelled_alike(name: str) -> str:
    """Return what two names share that differ only in case, blanks, dashes of any kind, leading zeros or the form of
    their letters in Unicode.

    >>> spelled_alike("P 007") == spelled_alike("p7"), spelled_alike("P70") == spelled_alike("P7")
    (True, False)
    >>> spelled_alike("1-11") == spelled_alike("11_1")  # between figures they keep two numbers apart
    False
    >>> spelled_alike("M\u00fcller\u20131") == spelled_alike("Mu\u0308ller-1")
    True
    """
    plain = unicodedata.normalize("NFC", name.casefold())
    between = re.sub(rf"(?<=\d){BLANKS}(?=\d)", "/", plain)
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(BLANKS, "", between))


BLANKS = r"[\s_\-\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d\u200b\u2060\ufeff]+"
"""Blanks, dashes (the minus sign and the soft hyphen among them) and characters without width."""


def names_nobody(name: str) -> bool:
    """Say whether a cell stands, in any case, where no patient is named: no person is called so.

    >>> names_nobody("Unknown"), names_nobody("-1"), names_nobody(""), names_nobody("P-1"), names_nobody("1")
    (True, True, True, False, False)
    """
    return name.strip().lower() in _NOBODY


def whole_number(name: str) -> str:
    """Return an id without the zeros that a table of decimals puts behind it.

    >>> whole_number("12.0"), whole_number("007"), whole_number("1.5"), whole_number("P12.0")
    ('12', '007', '1.5', 'P12.0')
    """
    return name.split(".")[0] if re.fullmatch(r"\d+\.0+", name) else name


def plain_id(name: str) -> str:
    """Return an id as it counts: its letters in one form of Unicode, without the zeros of a decimal behind it.

    >>> plain_id("Mu\u0308ller") == plain_id("M\u00fcller"), plain_id("12.0")
    (True, '12')
    """
    return whole_number(unicodedata.normalize("NFC", name))


_SHOWN = 8
_JUDGED = frozenset({"label", "predicted"})
"""Parts of which two columns that differ are two scores, so that no name is better than another certain one."""


def find_columns(table: Table, roles: Sequence[str], mapped: ColumnMapping) -> dict[str, str]:
    """Return part -> column for the parts that the table has a column for.

    The part's own name comes first, then one of its certain synonyms, then one of the others; the own name of labels
    and calls is no better than a certain synonym, as another column is another score. Raises InputError where two
    columns fit equally well, with the option that decides, and where ``--map`` names a column that is not there;
    ``PART=none`` says that no column is it.
    """
    found: dict[str, str] = {}
    for role, column in mapped.columns.items():
        if _is_none(table, column):
            continue
        if column not in (*table.header, *table.index):
            raise unknown_name("column", column, table.header, where=f"--map {role}={column}, {table.file}")
        found[role] = column
    for role in roles:
        if role not in mapped.columns:
            column = _column_of(table, role, free=[c for c in table.header if c not in found.values()])
            if column:
                found[role] = column
    if "patient" in found and "patient" not in mapped.columns:
        _check_patients(table, found)
    _refuse_lost_figures(table, found)
    return found


def _refuse_lost_figures(table: Table, columns: Mapping[str, str]) -> None:
    """Raise InputError for ids that a spreadsheet has turned into powers of ten: several may have become one."""
    for role in (role for role in ("image_id", "patient", "group", "origin") if role in columns):
        column = columns[role]
        lost = {name for name in set(table.values(column)) if re.fullmatch(r"\d([.,]\d+)?E\+\d+", name, re.IGNORECASE)}
        if lost:
            line = next(line for line in table.lines if line.cells[column] in lost)
            raise line.wrong(
                "a spreadsheet has cut an id off", column, expected="all figures of it, as several ids may look so",
                do="format the column as text before the ids are put in, and export it again",
            )  # fmt: skip


def _is_none(table: Table, column: str) -> bool:
    return column == "none" and column not in (*table.header, *table.index)


def unread_patients(table: Table, columns: Mapping[str, str]) -> list[str]:
    """Return the columns that are called as those of patients are, and are not read as anything."""
    certain, others = ROLES["patient"]
    return [c for c in table.header if c not in columns.values() and plain_name(c) in {"patient", *certain, *others}]


def _check_patients(table: Table, columns: Mapping[str, str]) -> None:
    """Raise InputError where each patient has one image, and another column names fewer: the first may be the image."""
    read = table.values(columns["patient"])
    images = table.values(columns["image_id"]) if "image_id" in columns else read
    n = len(set(read))
    fewer = [c for c in unread_patients(table, columns) if 1 < len(set(table.values(c)) - {""}) < n]
    if not fewer or n < len(set(zip(images, read, strict=True))):
        return
    counted = ", ".join(f"{c} ({len(set(table.values(c)))} names)" for c in fewer)
    raise InputError(
        "the column read as patient has one image for each name, and another one names fewer",
        where=f"{table.file}, column {columns['patient']}", expected="the column that names the person",
        found=f"{columns['patient']} ({n} names), {counted}",
        do="say which: " + option({"patient": fewer[0]}) + f"   (or {columns['patient']})",
    )  # fmt: skip


def _column_of(table: Table, role: str, *, free: Sequence[str]) -> str:
    certain, others = ROLES[role]
    if role in free and role not in _JUDGED:
        return role
    for names in ((role, *certain), others) if role in _JUDGED else ((role,), certain, others):
        fitting = sorted((c for c in free if plain_name(c) in names), key=lambda c: c != role)
        if len(fitting) > 1 and not _say_the_same(table, fitting, judged=role in _JUDGED):
            raise InputError(
                f"several columns may be {role!r}",
                where=f"{table.file}, line 1",
                expected="one",
                found=", ".join(fitting),
                do="say which: " + option({role: fitting[0]}) + f"   (or {', '.join(fitting[1:])})",
            )
        if fitting:
            return fitting[0]
    return ""


def _say_the_same(table: Table, columns: Sequence[str], *, judged: bool) -> bool:
    """Say whether columns tell the same rows apart, as a name and a path of one image do.

    Labels and calls (``judged``) under the same names must agree in every row: turned round, they are the contrary.
    """
    first, *others = ([whole_number(name) for name in table.values(c)] for c in columns)
    return all(
        len(set(first)) == len(set(other)) == len(set(zip(first, other, strict=True)))
        and not (judged and first != other and set(first) & set(other))
        for other in others
    )


def option(mapped: Mapping[str, str]) -> str:
    """Return wishes as an option ready to paste.

    >>> option({"image_id": "file name", "label": "truth"})
    "--map 'image_id=file name' --map label=truth"
    """
    import shlex

    return " ".join(f"--map {shlex.quote(f'{left}={right}')}" for left, right in mapped.items())


def how_read(columns: Mapping[str, str]) -> str:
    """Return a sentence about the columns that are read under another name, "" where there is none."""
    renamed = [f"{role} from column {column!r}" for role, column in columns.items() if role != column]
    return f"Read: {', '.join(renamed)}." if renamed else ""


def not_read(table: Table, columns: Mapping[str, str]) -> str:
    """Return a sentence about the columns that no part was read from, "" where there is none: one that names the person
    under a name of its own would be passed over.
    """
    known = {*columns.values(), *(unread_patients(table, columns) if "patient" in columns else ())}
    free = [repr(c) for c in table.header if c not in known and plain_name(c) not in {*IS["image_id"], "path"}]
    if not free:
        return ""
    shown = ", ".join(free[:_SHOWN]) + (f" and {len(free) - _SHOWN} more" if len(free) > _SHOWN else "")
    return f"Columns not read: {shown}" + (
        "." if "patient" in columns else "; if one of them names the person: --map patient=COLUMN."
    )
