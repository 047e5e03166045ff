"""What the pages are made from: plain data, read by the command line, computed by nobody here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leukbench.evaluation.views import ExperimentView
from leukbench.papers.schema import Paper
from leukbench.records import Experiment


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """One profile's results. Keys of the dicts are experiment names (``measured``: run keys)."""

    profile: str
    papers: dict[str, Paper]
    experiments: dict[str, Experiment]
    splits: dict[str, dict[str, Any]]  # certificate, reading, sizes
    estimates: dict[str, dict[str, Any]]
    receipts: dict[str, dict[str, Any]]
    verdicts: dict[str, Any]  # margin, alpha, verdicts, questions, gaps, contrasts
    findings: tuple[dict[str, Any], ...]
    parameters: list[dict[str, Any]]
    measured: dict[str, dict[str, Any]]
    times: dict[str, dict[str, dict[str, Any]]]  # experiment -> arm -> measured times
    views: dict[str, ExperimentView]  # what figures are drawn from
    predictions: list[
        Path
    ]  # files, three an experiment: of the test images, of the validation images, of the patient probe

    def studies(self) -> list[tuple[str, str]]:
        """Return (paper, study) in the order of the experiments."""
        return list(dict.fromkeys((experiment.paper, experiment.study) for experiment in self.experiments.values()))

    def experiments_of(self, paper: str, study: str) -> list[str]:
        """Return the names of a study's experiments, in order."""
        return [
            name
            for name, experiment in self.experiments.items()
            if (experiment.paper, experiment.study) == (paper, study)
        ]

    def arm(self, experiment: str, arm: str) -> dict[str, Any]:
        """Return an arm's evaluated selections in an experiment."""
        entry: dict[str, Any] = self.estimates[experiment]["arms"][arm]
        return entry
