"""The readers' tools behind the command line; each imports what it needs when it is called."""

from __future__ import annotations

from leukbench.cli.claims import claims_text

__all__ = ["claims_text"]
