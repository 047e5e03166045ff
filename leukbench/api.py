"""What ``import leukbench`` offers: predictions scored, a split checked, a paper audited, as from the command line.

Nothing leaves the machine; torch is never loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from leukbench.records import Finding
    from leukbench.tools.splits.check import SplitCheck


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
    from leukbench.tools.tables.rows import of_frame

    return results(
        Path(predictions) if isinstance(predictions, str | Path) else of_frame(predictions), claims, **options
    )


def check_split(
    table: pd.DataFrame | str | Path, images: str | Path | None = None, *, mapping: Sequence[str] = ()
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
    from leukbench.errors import InputError
    from leukbench.tools.splits.check import check_collection
    from leukbench.tools.splits.check import check_split as checked
    from leukbench.tools.splits.collection import of_table
    from leukbench.tools.tables.rows import of_frame

    if isinstance(table, str | Path):
        return checked(Path(table), Path(images) if images is not None else None, mapping=mapping)
    if images is None:
        raise InputError(
            "a data frame does not say where its images lie", expected="check_split(frame, folder)", found="no folder"
        )
    return check_collection(of_table(of_frame(table), Path(images), mapping))


def audit(path: str | Path, *, classes: str = "") -> tuple[Finding, ...]:
    """Return the findings on what a file prints: could its figures be true together?

    Parameters
    ----------
    path
        A paper.yaml, or tables as CSV, Markdown, text, JATS XML, HTML or a notebook.
    classes
        Of tables: tested images a class, as ``"HEM=648,ALL=1219"``.

    Examples
    --------
    >>> import leukbench, pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "table.csv")
    >>> _ = file.write_text("Model,Precision (%),Recall (%),F1 (%)\\nNet,90.0,80.0,95.0\\n")
    >>> {finding.status for finding in leukbench.audit(file, classes="A=50,B=50")} >= {"inconsistent"}
    True
    """
    from leukbench.audit.findings import audit_papers
    from leukbench.papers.files import is_file_name
    from leukbench.papers.loader import load_paper
    from leukbench.tools.draft.audit import draft_of

    return audit_papers([load_paper(path) if is_file_name(str(path)) else draft_of(Path(path), classes).paper()])
