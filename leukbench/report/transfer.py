"""The page's part on transfers: trained on one source, tested on another. No claim is held against it."""

from __future__ import annotations

from typing import Any

from leukbench.report.data import ReportData
from leukbench.report.format import count, interval, number, percent, points, score, table, with_interval

_NAMES = {
    "accuracy": "accuracy %",
    "balanced_accuracy": "balanced accuracy %",
    "mcc": "MCC",
    "auc": "AUC",
    "ece": "calibration error (ECE)",
}
_MAJORITY = "does not beat the majority class"  # in the note of an estimated accuracy
_SHARES = frozenset({"accuracy", "balanced_accuracy"})


def transfer_sections(data: ReportData) -> list[dict[str, Any]]:
    """Return title, facts and tables of each transfer and arm, in the order of params.yaml."""
    return [_section(row) for row in data.verdicts.get("transfers", [])]


def _section(row: dict[str, Any]) -> dict[str, Any]:
    plan, receipt = row["plan"], row["receipt"]
    return {
        "title": f"{row['paper']} {row['arm']}: {plan['source']} → {plan['target']}",
        "facts": [
            _classes(plan),
            _run(row),
            f"{row['certificate']['sentence']}; "
            f"{row['certificate']['declares'] or 'nothing is shared between training side and test'}"
            f"{_left_out(plan)}; certificate {row['certificate']['self_sha256'][:12]}.",
            "Deviations: " + (", ".join(d.replace("_", " ") for d in receipt["deviations"]) or "none") + ".",
        ],
        "results": table(_result_rows(row)),
        "prevalence": table(_prevalence_rows(row)),
        "remarks": _remarks(row),
    }


def _classes(plan: dict[str, Any]) -> str:
    sides = []
    for common in dict.fromkeys(plan["common_of"].values()):
        ours = [name for name, c in plan["common_of"].items() if c == common]
        theirs = [label for label, as_ in plan["tested_as"].items() if plan["common_of"][as_] == common]
        sides.append(f"{common} ({', '.join(ours)} → {', '.join(theirs) or 'not tested'})")
    return "Classes mapped: " + "; ".join(sides) + "."


def _run(row: dict[str, Any]) -> str:
    sizes, receipt = row["sizes"], row["receipt"]
    trained = " to ".join(count(n) for n in dict.fromkeys((row["n_train_rows"][0], row["n_train_rows"][-1])))
    tested = row["metrics"]["accuracy"]["transferred"]
    return (
        f"Trained on {trained} rows from {count(sizes['n_images'])} of {count(sizes['n_images_published'])} images, "
        f"{receipt['epochs']} of {receipt['epochs_published']} epochs; tested on {count(tested['n_images'])} images in "
        f"{count(tested['n_groups'])} groups."
    )


def _left_out(plan: dict[str, Any]) -> str:
    n = plan["n_left_out"]
    return f"; {count(n)} training images left out that share a file or pixels with a tested one" if n else ""


def _result_rows(row: dict[str, Any]) -> list[dict[str, str]]:
    rows = []
    for metric, name in _NAMES.items():
        found = row["metrics"][metric]
        rows.append(
            {
                "metric": name,
                "within the source, by patient": with_interval(found["within"]) if found["within"] else "not run",
                "on the other source": with_interval(found["transferred"]),
                "gap": _gap(metric, found),
            }
        )
    return rows


def _gap(metric: str, found: dict[str, Any]) -> str:
    """Return the gap with its limits; none between accuracies of which one is not above its majority class."""
    gap = found["gap"]
    if gap is None or gap["difference"] is None:
        return "–"
    below = [side for side in ("within", "transferred") if _MAJORITY in found[side]["note"]]
    if metric == "accuracy" and below:
        where = {"within": "within the source", "transferred": "on the other source"}
        return "not shown: not above the majority class " + " and ".join(where[side] for side in below)
    if metric in _SHARES:
        limits = f"{points(gap['low'])} to {points(gap['high'])}" if gap["low"] is not None else gap["note"]
        return f"{points(gap['difference'])} points [{limits}]"
    return f"{number(gap['difference'])} [{interval(gap['low'], gap['high'], metric)}]"


def _prevalence_rows(row: dict[str, Any]) -> list[dict[str, str]]:
    within = row["prevalence"]["within"]
    return [
        {
            "class": name,
            "% of the source's tested images": percent(within[i]) if within else "not run",
            "% of the other source's": percent(row["prevalence"]["transferred"][i]),
            "shift": points(row["prevalence"]["transferred"][i] - within[i]) if within else "–",
        }
        for i, name in enumerate(row["classes"])
    ]


def _remarks(row: dict[str, Any]) -> list[str]:
    accuracy = row["metrics"]["accuracy"]["transferred"]
    remarks = [
        f"On the other source the majority class alone is right on {percent(row['majority_accuracy'])} %, a colour histogram "
        f"trained on the source on {with_interval(row['histogram'])} %."
    ]
    if row["accuracy_at_source_prevalence"] is not None:
        remarks.append(
            f"At the source's prevalence the same recalls would give {score(row['accuracy_at_source_prevalence'], 'accuracy')} % "
            f"accuracy instead of {score(accuracy['value'], 'accuracy')} %."
        )
    if row["within"]:
        remarks.append(
            f"Within the source: experiment `{row['within']}`, its classes merged as above; the gap's interval takes the two "
            "sources' test groups as independent (MOVER)."
        )
    return remarks
