"""``leukbench defects``: what is wrong in the published files, recounted, and what it is worth in somebody's
predictions.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukbench.errors import InputError, unknown_name

if TYPE_CHECKING:
    from leukbench.cohort.defects import Defect, Evidence, Known
    from leukbench.evaluation.influence import Influence


def defects(source: str, predictions: Path | None, listed: str) -> str:
    """Return the defects of a source (empty: of all), each recounted; with predictions, what leaving them out changes.

    ``listed``: the id of one defect, whose images are named instead (or the only one that predictions are scored for).
    Raises DataError for evidence that does not hold, InputError for an unknown source or defect.
    """
    from leukbench.cohort.defects import read_registry

    version, entries = read_registry()
    sources = sorted({entry.source for entry in entries})
    if source and source not in sources:
        raise unknown_name("source with registered defects", source, sources)
    if listed and listed not in {entry.id for entry in entries}:
        raise unknown_name("defect", listed, [entry.id for entry in entries])
    wanted = [e for e in entries if (not source or e.source == source) and (not listed or e.id == listed)]
    found = counted(wanted)
    if predictions is not None:
        return effects(found, predictions)
    if listed:
        return "\n".join(image for _, evidence in found for image in evidence.images)
    head = f"Registry version {version}; the evidence of all {len(found)} entries was counted again just now and holds."
    return "\n\n".join([head, *(_section(name, found) for name in sources if not source or name == source)])


def counted(entries: list[Defect]) -> list[tuple[Defect, Evidence]]:
    """Return entries with their evidence, counted now. Raises DataError where one does not hold."""
    from leukbench.cohort.defects import recount

    known = {name: known_of(name) for name in sorted({entry.source for entry in entries})}
    return [(entry, recount(entry, known[entry.source])) for entry in entries]


def known_of(source: str) -> Known:
    """Return what ships with the package about a source: its published images, fields, label cells, printed counts."""
    import pandas as pd

    from leukbench.cohort.defects import Known
    from leukbench.cohort.fields import shipped_fields
    from leukbench.sources import base, blood_cells, load_source

    published = load_source(source).published
    assert published is not None
    images = pd.DataFrame(published())
    sizes = {fact["path"]: int(fact["size_bytes"]) for fact in base.read_facts(source)}
    images = images.assign(size_bytes=images["path"].map(sizes).fillna(0).astype(int), pixel_sha256="")
    blood = source == blood_cells.CARD.name
    return Known(
        images=images,
        fields=shipped_fields(source),
        categories=blood_cells.published_categories() if blood else {},
        elsewhere={f["name"]: f["git_blob"] for f in base.read_facts("blood_cells_bccd")} if blood else {},
        printed=_printed(),
    )


@cache
def _printed() -> dict[str, int]:
    """Return every printed number of images by claim id."""
    from leukbench.papers.files import paper_keys
    from leukbench.papers.loader import load_paper

    claims = (claim for key in paper_keys() for claim in load_paper(key).claims)
    return {
        c.id: int(c.value.replace(",", ""))
        for c in claims
        if c.metric == "n_images" and c.value.replace(",", "").isdigit()
    }


def _section(source: str, found: list[tuple[Defect, Evidence]]) -> str:
    from leukbench.report.format import table

    rows = [
        {
            "defect": entry.id,
            "what": entry.what,
            "counted": ", ".join(f"{evidence.counts[key]:,} {key}" for key in entry.finds),
            "images concerned": f"{len(evidence.images):,}" if evidence.images else "–",
            "so": entry.consequence,
        }
        for entry, evidence in found
        if entry.source == source
    ]
    return f"### {source}\n\n{table(rows)}"


def effects(found: list[tuple[Defect, Evidence]], file: Path) -> str:
    """Return a table of the metrics of a predictions file with and without the images of each defect.

    A defect that concerns none or all of the tested images is left out and counted.

    Parameters
    ----------
    found
        Defects with their evidence, the images concerned among it.
    file
        Predictions, one row a tested image.

    Returns
    -------
    Markdown; fractions with their 95 % intervals, groups as the sampling unit.

    Raises
    ------
    InputError
        Where no defect concerns any tested image, so that the ids are probably of another source.
    """
    from leukbench.evaluation.influence import concerned_rows, influence_of
    from leukbench.report.format import table
    from leukbench.tools.score.predictions import load_predictions

    predictions = load_predictions(file).predictions
    rows: list[dict[str, Any]] = []
    n_all = n_none = 0
    for entry, evidence in found:
        concerned = concerned_rows(predictions, evidence.images)
        n_none += not concerned.any()
        n_all += bool(concerned.all())
        if concerned.all() or not concerned.any():
            continue
        for one in influence_of(predictions, evidence.images):
            rows.append({"defect": entry.id, **_row(one)})
    if not rows and n_none == len(found):
        raise InputError(
            "no tested image is among those that a defect concerns", where=str(file),
            expected="image ids of the source's manifest", found=str(predictions.image_id[0]),
        )  # fmt: skip
    head = (
        "The models stay as they are; only the test part is scored again. Brackets: 95 % intervals with the "
        "group as sampling unit. "
        f"{n_none} entries concern no tested image, {n_all} all of them."
    )
    return f"{head}\n\n{table(rows)}" if rows else head


def _row(one: Influence) -> dict[str, str]:
    from leukbench.report.format import with_interval

    return {
        "tested images left out": f"{one.n_left_out:,} of {one.n_images:,}",
        "metric": one.metric,
        "with all": with_interval(one.with_all),
        "without them": with_interval(one.without),
        "difference": f"{one.difference:+.4f}" if math.isfinite(one.difference) else "–",
    }
