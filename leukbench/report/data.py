"""What the pages are made from: the records that the stages wrote, with nothing computed but what a reader sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leukbench.artefacts import Certificate, Receipt, SplitPlan
from leukbench.evaluation.evaluated import ArmEvaluation, Evaluation
from leukbench.evaluation.views import ExperimentView
from leukbench.papers.schema import Claim, Paper
from leukbench.records import Experiment, Finding
from leukbench.verdicts.comparison import Comparison, RungGap
from leukbench.verdicts.rule import Verdict


@dataclass(frozen=True, kw_only=True)
class ExperimentResult:
    """One experiment as the stages left it. ``stand_in``: its images are made, none is a publication's."""

    experiment: Experiment
    plan: SplitPlan
    certificate: Certificate
    receipt: Receipt
    evaluation: Evaluation
    stand_in: bool


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured of one run; it differs between machines and is kept apart, in ``measured.json``."""

    train_s: tuple[float, ...]
    scoring_s: tuple[float, ...]
    wall_s: float
    peak_memory_mib: float
    n_train_rows: int
    hardware: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """One profile's results with the papers that they are held against and what the audit says of these."""

    profile: str
    papers: Mapping[str, Paper]
    results: Mapping[str, ExperimentResult]
    comparison: Comparison
    findings: tuple[Finding, ...] = ()
    parameters: tuple[Mapping[str, Any], ...] = ()  # rows of ``leukbench params``
    measured: Mapping[str, Measured] = field(default_factory=dict)  # by run key
    views: Mapping[str, ExperimentView] = field(default_factory=dict)  # what figures are drawn from
    predictions: tuple[Path, ...] = ()
    by_image: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """(experiment, model) -> share right of every tested image, where copies of an original were tested."""

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The plan's experiments by name, in the order of params.yaml."""
        return {name: result.experiment for name, result in self.results.items()}

    def studies(self) -> list[tuple[str, str]]:
        """Return (paper, study) in the order of the experiments."""
        return list(dict.fromkeys((e.paper, e.study) for e in self.experiments.values()))

    def experiments_of(self, paper: str, study: str) -> list[str]:
        """Return the names of a study's experiments, in order."""
        return [name for name, e in self.experiments.items() if (e.paper, e.study) == (paper, study)]

    def networks_of(self, paper: str, study: str) -> list[tuple[str, str]]:
        """Return (experiment, arm) of every network of a study."""
        return [(name, arm) for name in self.experiments_of(paper, study) for arm in self.experiments[name].arms]

    def arm(self, experiment: str, arm: str) -> ArmEvaluation:
        """Return a model's estimates in an experiment."""
        return self.results[experiment].evaluation.arms[arm]

    def headline(self, paper: str, study: str) -> Claim:
        """Return the claim that a study's verdict is about."""
        return self.papers[paper].claim(self.papers[paper].studies[study].headline)

    def verdict(self, claim: str) -> Verdict | None:
        """Return the verdict on a claim, or None where it was not compared."""
        return next((v for v in self.comparison.verdicts if v.claim == claim), None)

    def gap(self, experiment: str, arm: str, metric: str) -> RungGap | None:
        """Return by how much an experiment's split exceeds the one by patient, or None where that was not compared."""
        wanted = (experiment, arm, metric)
        return next((g for g in self.comparison.gaps if (g.rung, g.arm, g.metric) == wanted), None)

    def unit(self, experiment: str) -> str:
        """Return what an experiment's groups are: "patient" where each is one, else "group".

        A group is no patient where no ids are published, or where patients are joined whose images are identical.
        """
        if self.results[experiment].certificate.evidence == "absent" or self.joined(experiment):
            return "group"
        return "patient"

    def joined(self, experiment: str) -> tuple[int, int] | None:
        """Return how many tested patients make up how many groups, or None where each makes up one."""
        view = self.views.get(experiment)
        groups = max(arm.n_groups for arm in self.results[experiment].evaluation.arms.values())
        return (view.n_patients, groups) if view and view.unit == "patient" and view.n_patients > groups else None

    def joined_pairs(self, experiments: Iterable[str]) -> list[tuple[bool, int, int]]:
        """Return, of experiments in which patients are joined: is it split by patient, patients, groups."""
        return [(self.experiments[n].protocol == "patient", *pair) for n in experiments if (pair := self.joined(n))]
