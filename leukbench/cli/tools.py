"""The readers' tools behind the command line; each imports what it needs when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leukbench.cli.claims import claims_text

if TYPE_CHECKING:
    from leukbench.params import Params


def parameters_text(papers: Sequence[str], format: str) -> str:
    """Return claimed parameter counts beside ours, ``md`` or ``json``."""
    from leukbench.cli import counting

    return counting.parameters_text(papers, format)


def certify(params: Params, cell: str) -> tuple[str, bool]:
    """Return what the certificates of a cell (empty: of all) come to, and whether any is broken."""
    from leukbench.cli import certifying

    return certifying.certify(params, cell)


def score(
    predictions: Path, claims: str | Path | None, format: str, *,
    protocol: str = "patient", study: str = "", arm: str = "", margin: float = 0.02,
) -> str:  # fmt: skip
    """Return the scores of a user's predictions, ``md`` or ``json``."""
    from leukbench.cli import scoring

    return scoring.score(predictions, claims, format, protocol=protocol, study=study, arm=arm, margin=margin)


def sources_table() -> str:
    """Return the sources: size, licence, what is needed, what is here."""
    from leukbench.cli import listing

    return listing.sources_table()


def use_profile(name: str) -> str:
    """Put a profile's params.yaml in place, or list the profiles."""
    from leukbench.cli import listing

    return listing.use_profile(name)


__all__ = ["certify", "claims_text", "parameters_text", "score", "sources_table", "use_profile"]
