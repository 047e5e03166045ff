"""``leukbench check-split``: does a split keep patients, and copies of images, on one side? With everything named that
crosses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukbench.errors import InputError
from leukbench.paths import write_text
from leukbench.records import json_text
from leukbench.tools.splits.collection import Collection, read_collection
from leukbench.tools.splits.crossings import spellings

if TYPE_CHECKING:
    import pandas as pd

    from leukbench.tools.splits.crossings import Crossings
    from leukbench.tools.splits.probes import ProbeScore

Plain = dict[str, Any]
Advance = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class SplitCheck:
    """What was found about a split: ``facts`` as JSON data, ``tables`` (name -> rows) of what crosses, and whether
    anything does.
    """

    facts: Plain
    tables: dict[str, pd.DataFrame]

    @property
    def crosses(self) -> bool:
        """Whether a patient, an origin or a picture is in several parts."""
        return bool(self.facts["crosses"])

    def text(self, format: str) -> str:
        """Return the findings as ``md``, ``html`` or ``json``."""
        from leukbench.tools.splits.page import html_page, markdown_page

        if format == "json":
            return json_text(self.facts).rstrip("\n")
        return html_page(self.facts) if format == "html" else markdown_page(self.facts)

    def write(self, folder: Path) -> list[Path]:
        """Write every table that has rows as CSV and return the files; those of an earlier check go."""
        written = []
        for name, table in self.tables.items():
            (folder / f"{name}.csv").unlink(missing_ok=True)
            if len(table):
                write_text(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
                written.append(folder / f"{name}.csv")
        return written


def check_split(
    table: Path, images: Path | None = None, *, mapping: Sequence[str] = (), advance: Advance | None = None
) -> SplitCheck:
    """Return what crosses the parts of a split of somebody's images; nothing leaves this machine.

    ``table``: see :func:`leukbench.tools.splits.collection.read_collection`. Raises InputError for a table that names
    no parts or images, DataError naming images that are not whole.
    """
    return check_collection(read_collection(table, images, mapping), advance=advance)


def check_collection(collection: Collection, *, advance: Advance | None = None) -> SplitCheck:
    """Return what crosses the parts of a collection.

    Parameters
    ----------
    collection
        Images with part, label and patient, as far as these are known.
    advance
        Called with the images looked at so far, and all of them.

    Returns
    -------
    The facts of the page, and the tables behind them.

    Raises
    ------
    InputError
        Where there are not two parts.
    """
    from leukbench.cohort.duplicates import find_duplicates
    from leukbench.cohort.groups import make_groups
    from leukbench.tools.splits.crossings import find_crossings
    from leukbench.tools.splits.looks import look_at
    from leukbench.tools.splits.probes import probe_collection

    rows = collection.rows
    parts = sorted(set(rows["part"]))
    if len(parts) < 2:
        raise InputError(
            "there is one part only, so nothing can cross",
            where=str(collection.folder),
            expected="two parts at least, as train and test",
            found=parts[0] or "no column that names a split",
            do="say which column names the part: --map split=COLUMN",
        )
    looks = look_at(collection, advance=advance)
    pairs = find_duplicates(looks.manifest, list(rows["image_id"]), looks.greys)
    groups = make_groups(looks.manifest, pairs)
    crossings = find_crossings(rows, pairs)
    probes = probe_collection(rows, looks.features, groups["group"].to_numpy(dtype=str))
    facts = _facts(collection, looks.notes, crossings, probes)
    tables = {
        "pairs_across": crossings.crossing, "shared": crossings.shared, "label_conflicts": crossings.conflicts,
        "pairs_within": crossings.pairs[crossings.pairs["part_a"].eq(crossings.pairs["part_b"])],
        "images_touched": crossings.touched[crossings.touched["any"]],
    }  # fmt: skip
    return SplitCheck(facts=facts, tables=tables)


# ------------------------------------------------------------------------------------------------------------- facts


def _facts(collection: Collection, notes: Sequence[str], crossings: Crossings, probes: Sequence[ProbeScore]) -> Plain:
    rows = collection.rows
    patients = bool(rows["patient"].ne("").any())
    return {
        "crosses": crossings.any,
        "n_images": len(rows),
        "n_patients": int(rows.loc[rows["patient"].ne(""), "patient"].nunique()) if patients else None,
        "n_without_patient": int(rows["patient"].eq("").sum()),
        "missing": list(collection.missing),
        "notes": [*collection.notes, *notes, *_spelled(rows)],
        "parts": _parts(rows),
        "shared": [{str(k): v for k, v in row.items()} for row in crossings.shared.to_dict("records")],
        "pairs": _pair_counts(crossings),
        "examples": [{str(k): v for k, v in row.items()} for row in _closest(crossings.crossing).to_dict("records")],
        "conflicts": [{str(k): v for k, v in row.items()} for row in crossings.conflicts.to_dict("records")],
        "touched": _touched(crossings.touched),
        "probes": [_probe_facts(t) for t in probes],
        "confounded": _confounded(rows),
    }


def _spelled(rows: pd.DataFrame) -> list[str]:
    """Return a sentence on patients that may be one under several spellings, whether they cross or not."""
    several = sorted(set(spellings(rows["patient"]).values()))
    shown = "; ".join(several[:3]) + ("; …" if len(several) > 3 else "")
    return [f"Patients that may be one in several spellings, counted as different: {shown}."] if several else []


def _parts(rows: pd.DataFrame) -> list[Plain]:
    """Return the numbers of each part: images, patients, images a class, device and site."""
    found = []
    for part, inside in rows.groupby("part", sort=True):
        counts = {
            fact: inside.loc[inside[fact].ne(""), fact].value_counts().sort_index()
            for fact in ("label", "device", "site")
        }
        found.append({
            "part": str(part), "n_images": len(inside),
            "n_patients": int(inside.loc[inside["patient"].ne(""), "patient"].nunique()),
            **{fact: {str(k): int(v) for k, v in of.items()} for fact, of in counts.items()},
        })  # fmt: skip
    return found


def _pair_counts(crossings: Crossings) -> list[Plain]:
    found = []
    for kind, of_kind in crossings.pairs.groupby("kind", sort=True):
        across = of_kind[of_kind["part_a"].ne(of_kind["part_b"])]
        named = across["patient_a"].ne("") & across["patient_b"].ne("")
        other = named & across["patient_a"].ne(across["patient_b"])
        found.append({
            "kind": str(kind), "pairs": len(of_kind), "across_parts": len(across), "across_patients": int(other.sum()),
            "across_labels": int(of_kind["label_a"].ne(of_kind["label_b"]).sum()),
        })  # fmt: skip
    return found


def _closest(crossing: pd.DataFrame, n: int = 20) -> pd.DataFrame:
    return crossing.sort_values(["distance", "image_id_a", "image_id_b"]).head(n)


def _touched(touched: pd.DataFrame) -> list[Plain]:
    """Return for each part how many images another part gives away, by reason."""
    reasons = ("patient", "origin", "identical", "near", "any")
    return [
        {"part": str(part), "n_images": len(inside), **{reason: int(inside[reason].sum()) for reason in reasons}}
        for part, inside in touched.groupby("part", sort=True)
    ]


def _probe_facts(score: ProbeScore) -> Plain:
    return {
        "what": score.what, "value": score.value, "ci95": [score.low, score.high], "chance": score.chance,
        "n_images": score.n_images, "n_groups": score.n_groups, "above_chance": score.above_chance, "note": score.note,
    }  # fmt: skip


def _confounded(rows: pd.DataFrame) -> list[Plain]:
    """Return how far device and site go with the class and with the part: Cramér's V (0 not at all, 1 each decides the
    other).
    """
    import pandas as pd

    found = []
    for one in ("device", "site"):
        for other in ("label", "part"):
            known = rows[rows[one].ne("") & rows[other].ne("")]
            table = pd.crosstab(known[one], known[other])
            if min(table.shape) > 1:
                found.append({"one": one, "other": other, "cramers_v": _cramers_v(table)})
    return found


def _cramers_v(table: pd.DataFrame) -> float:
    """Return Cramér's V of a table of counts with two rows and columns at least.

    >>> import pandas as pd
    >>> _cramers_v(pd.DataFrame([[5, 0], [0, 5]])), _cramers_v(pd.DataFrame([[2, 2], [3, 3]]))
    (1.0, 0.0)
    """
    from scipy.stats import chi2_contingency

    chi2 = float(chi2_contingency(table.to_numpy(), correction=False).statistic)
    return round(math.sqrt(max(0.0, chi2) / (float(table.to_numpy().sum()) * (min(table.shape) - 1))), 6)
