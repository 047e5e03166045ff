"""The readers' tools behind the command line; each imports what it needs when it is called."""

from __future__ import annotations

from collections.abc import Sequence

from leukbench.cli.claims import claims_text


def parameters_text(papers: Sequence[str], format: str) -> str:
    """Return claimed parameter counts beside ours, ``md`` or ``json``."""
    from leukbench.cli import counting

    return counting.parameters_text(papers, format)


__all__ = ["claims_text", "parameters_text"]
