"""What ``import leukbench`` offers: predictions scored, a split checked, a paper audited, as from the command line.

Nothing leaves the machine; torch is never loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukbench.errors import InputError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

    from leukbench.records import Finding
    from leukbench.tools.splits.check import SplitCheck
    from leukbench.tools.tables.rows import Table


def score(predictions: pd.DataFrame | str | Path, claims: str | Path | None = None, **options: Any) -> dict[str, Any]:
    """Return the scores of predictions with their intervals by patient, as ``leukbench score --format json`` does.

    Parameters
    ----------
    predictions
        A data frame or file with a row an image: the image, its true class, its patient or group, and a score of every
        class or the predicted one, under their usual names.
    claims
        A paper, by key or paper.yaml, whose claims to hold the scores against.
    **options
        ``mapping``, ``logits``, ``where``, ``arm``, ``selection``, ``study``, ``protocol``, ``margin``, as on the
        command line.

    Raises
    ------
    InputError
        For what cannot be scored, with its place and what to do.

    Examples
    --------
    >>> import leukbench, pandas as pd
    >>> calls = pd.DataFrame({"image": range(8), "patient": [1, 1, 2, 2, 3, 3, 4, 4]})
    >>> calls["y_true"], calls["y_pred"] = list("AABBAABB"), list("AABBABBB")
    >>> found = leukbench.score(calls)
    >>> found["metrics"]["accuracy"]["value"], found["grouped_by"], found["by_patient"]["confusion_matrix"]["rows"]
    (0.875, 'patient', [[2, 0], [0, 2]])
    """
    from leukbench.tools.score.score import results

    table = _table("score", predictions)
    if claims is not None:
        _path("score", "claims", claims)
    return results(table, claims, **_options(options))


def check_split(
    table: pd.DataFrame | str | Path, images: str | Path | None = None, *, mapping: str | Sequence[str] = ()
) -> SplitCheck:
    """Return what crosses the parts of a split: patients, origins, equal and near-equal images, by name.

    Parameters
    ----------
    table
        A data frame or file with a row an image (its path, its part of the split and, where known, patient, label,
        origin, device, site), a MONAI datalist, or a folder ``part/class/image``.
    images
        The folder of the images; of a file by default the one it lies in.
    mapping
        ``PART=COLUMN`` for columns that have other names.

    Raises
    ------
    InputError
        For what cannot be checked, with its place and what to do.

    Returns
    -------
    SplitCheck
        ``crosses``, ``facts`` (JSON data), ``tables`` (data frames of what crosses), ``text("md" | "html" | "json")``.

    Examples
    --------
    >>> import cv2, leukbench, numpy as np, pandas as pd, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> for i in range(4):  # the last is the first again
    ...     image = np.random.default_rng(i % 3).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    ...     _ = cv2.imwrite(f"{folder}/{i}.png", image)
    >>> rows = pd.DataFrame({"file": [f"{i}.png" for i in range(4)], "split": ["train", "train", "test", "test"]})
    >>> found = leukbench.check_split(rows, folder)
    >>> found.crosses, found.tables["pairs_across"][["image_id_a", "image_id_b", "kind"]].to_numpy().tolist()
    (True, [['0.png', '3.png', 'identical_file']])
    """
    from leukbench.tools.splits.check import check_collection
    from leukbench.tools.splits.check import check_split as checked
    from leukbench.tools.splits.collection import of_table

    rows, folder = _table("check_split", table), None if images is None else _path("check_split", "images", images)
    texts = _texts("check_split", "mapping", mapping)
    if isinstance(rows, Path):
        return checked(rows, folder, mapping=texts)
    if folder is None:
        raise InputError(
            "a data frame does not say where its images lie", expected="check_split(frame, folder)", found="no folder"
        )
    return check_collection(of_table(rows, folder, texts))


def audit(path: str | Path, *, classes: str = "") -> tuple[Finding, ...]:
    """Return the findings on what a file prints: could its figures be true together?

    Parameters
    ----------
    path
        A paper.yaml, or tables as CSV, Markdown, text, LaTeX, JSON, JATS XML, HTML or a notebook.
    classes
        Of tables: tested images a class, as ``"HEM=648,ALL=1219"``.

    Examples
    --------
    >>> import leukbench, pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "table.csv")
    >>> _ = file.write_text("Model,Accuracy (%),Recall (%),Specificity (%)\\nNet,95,80,90\\n")
    >>> {finding.status for finding in leukbench.audit(file, classes="A=50,B=50")} >= {"inconsistent"}
    True
    """
    from leukbench.audit.findings import audit_papers
    from leukbench.papers.files import is_file_name
    from leukbench.papers.loader import load_paper
    from leukbench.tools.draft.audit import drafts_of

    file, given = _path("audit", "path", path), _text("audit", "classes", classes)
    if not is_file_name(str(path)):
        return audit_papers([draft.paper() for draft in drafts_of(file, given)])
    if given:
        raise InputError(
            "what would be passed over", where="leukbench.audit, classes", expected="it goes with tables",
            found=f"{path}, a paper file", do="leave it out; a paper file has class sizes as claims",
        )  # fmt: skip
    return audit_papers([load_paper(path)])


# ------------------------------------------------------------------------------------------------------ what is taken


def _wrong(call: str, name: str, expected: str, value: object) -> InputError:
    """Return the error about an argument of another type."""
    text = " ".join(str(value).split())
    return InputError(
        f"{name} is of a type that leukbench.{call} does not take", where=f"leukbench.{call}, {name}",
        expected=expected, found=f"{type(value).__name__}: {text[:60]}{'…' if len(text) > 60 else ''}",
        do=f"give {expected}; help(leukbench.{call}) has an example",
    )  # fmt: skip


def _table(call: str, given: object) -> Path | Table:
    """Return a file's path, or a data frame as rows of text."""
    from leukbench.tools.tables.rows import of_frame

    if isinstance(given, str | Path):
        return Path(given)
    if not (hasattr(given, "columns") and hasattr(given, "iloc")):
        raise _wrong(call, "the table", "a pandas data frame, or a file's path as str or Path", given)
    return of_frame(given)


def _path(call: str, name: str, given: object) -> Path:
    if not isinstance(given, str | Path):
        raise _wrong(call, name, "a path as str or Path", given)
    return Path(given)


def _text(call: str, name: str, given: object) -> str:
    if not isinstance(given, str):
        raise _wrong(call, name, "a text", given)
    return given


def _texts(call: str, name: str, given: object) -> tuple[str, ...]:
    """Return texts; one alone need not stand in a list."""
    texts = (given,) if isinstance(given, str) else given
    expected = "a text or a list of texts, as " + ("'label=truth'" if name == "mapping" else "'split=test'")
    if not isinstance(texts, Iterable) or isinstance(texts, Mapping | bytes):
        raise _wrong(call, name, expected, given)
    found = tuple(texts)
    if not all(isinstance(text, str) for text in found):
        raise _wrong(call, name, expected, given)
    return found


def _number(call: str, name: str, given: object) -> float:
    if not isinstance(given, Real) or isinstance(given, bool):
        raise _wrong(call, name, "a number in (0, 1)", given)
    return float(given)


def _flag(call: str, name: str, given: object) -> bool:
    if isinstance(given, str) or str(given) not in {"True", "False", "1", "0"}:  # NumPy's own too
        raise _wrong(call, name, "True or False", given)
    return bool(given)


_OPTIONS: dict[str, Callable[[str, str, object], Any]] = {
    "mapping": _texts, "logits": _flag, "where": _texts, "arm": _text, "selection": _text, "study": _text,
    "protocol": _text, "margin": _number,
}  # fmt: skip


def _options(given: Mapping[str, object]) -> dict[str, Any]:
    """Return the options of :func:`score`, each of its type; None is none."""
    unknown = next((name for name in given if name not in _OPTIONS), None)
    if unknown is not None:
        raise unknown_name("option", unknown, _OPTIONS, where="leukbench.score")
    return {name: _OPTIONS[name]("score", name, value) for name, value in given.items() if value is not None}
