"""What the pages are made from: plain data, read by the command line, computed by nobody here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leukbench.papers.schema import Paper
from leukbench.records import Cell


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """One profile's results. Keys of the dicts are cell names (``measured``: run keys)."""

    profile: str
    papers: dict[str, Paper]
    cells: dict[str, Cell]
    splits: dict[str, dict[str, Any]]  # certificate, reading, sizes
    estimates: dict[str, dict[str, Any]]
    receipts: dict[str, dict[str, Any]]
    verdicts: dict[str, Any]  # margin, alpha, verdicts, questions, gaps, contrasts
    findings: tuple[dict[str, Any], ...]
    parameters: list[dict[str, Any]]
    measured: dict[str, dict[str, Any]]
    times: dict[str, dict[str, dict[str, Any]]]  # cell -> arm -> measured times
    predictions: list[Path]  # files, three a cell: of the test images, of the validation images, of the patient probe

    def studies(self) -> list[tuple[str, str]]:
        """Return (paper, study) in the order of the cells."""
        return list(dict.fromkeys((cell.paper, cell.study) for cell in self.cells.values()))

    def cells_of(self, paper: str, study: str) -> list[str]:
        """Return the names of a study's cells, in order."""
        return [name for name, cell in self.cells.items() if (cell.paper, cell.study) == (paper, study)]

    def arm(self, cell: str, arm: str) -> dict[str, Any]:
        """Return an arm's evaluated selections in a cell."""
        entry: dict[str, Any] = self.estimates[cell]["arms"][arm]
        return entry
