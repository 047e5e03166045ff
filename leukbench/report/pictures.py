"""What a paper says that its pictures of activations show, beside where a run's network is measured to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leukbench.papers.facts import Fact, FactSheet, places
from leukbench.papers.schema import Paper
from leukbench.report.format import page_table

FOLDER = "heat"
"""Where below a profile's folder of reports/ the shares lie that a page prints; no image is there."""
_LEAD = (
    "A network that looks nowhere in particular has in each place the share of heat that stands in brackets, that of "
    "the place's area."
)
_NONE = (
    "Shown by a run: nothing yet. `leukbench gradcam RUN EXPERIMENT --publish` puts the shares of heat here; on the "
    "machine where it runs it draws the images with them."
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Where a network looks, in shares of heat as text: of all images, and of those that it calls each class."""

    paper: str
    study: str
    arm: str
    experiment: str
    run: str
    fold: int
    epochs: int  # after which the weights were taken
    epochs_of: int
    n_images: int
    shares: dict[str, str]
    by_class: tuple[dict[str, str], ...]


def pictures_text(paper: Paper, sheet: FactSheet, shown: Sequence[Shown]) -> str:
    """Return, as Markdown, each claim on a paper's pictures with its place, then what runs show; "" without a claim."""
    claims = [fact for _, fact in sheet.facts() if fact.pictures]
    if not claims:
        return ""
    lines = [_claimed(fact, paper) for fact in claims]
    return "\n".join(lines) + "\n\n" + shown_text(shown)


def shown_text(shown: Sequence[Shown]) -> str:
    """Return, as Markdown, where the networks of runs look."""
    return "\n\n".join([*map(_shown, shown), _LEAD]) if shown else _NONE


def _claimed(fact: Fact, paper: Paper) -> str:
    why = f" ({fact.reason})" if fact.reason else ""
    return f"- *Claimed* ({'; '.join(places(fact, paper))}): {fact.fact}{why}."


def _shown(shown: Shown) -> str:
    state = f"after all {shown.epochs} epochs" if shown.epochs == shown.epochs_of else _unfinished(shown)
    head = (
        f"*Shown by a run* ({shown.arm.replace('_', ' ')}, `{shown.experiment}`, fold {shown.fold}, weights {state}, "
        f"{shown.n_images} test images, run `{shown.run[:12]}`):"
    )
    rows = [{"called": "any class", "images": str(shown.n_images), **shown.shares}]
    rows += [{name: value for name, value in row.items() if name != "right"} for row in shown.by_class]
    return f"{head}\n\n{page_table(rows)}"


def _unfinished(shown: Shown) -> str:
    return f"after {shown.epochs} of {shown.epochs_of} epochs, before the run was finished"


def shown_files(reports: Path) -> list[Path]:
    """Return the files with shares of heat below a folder of reports, of all profiles."""
    return sorted(reports.glob(f"*/{FOLDER}/*.json"))
