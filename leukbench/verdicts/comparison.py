"""What the claims of a profile come to, and the differences behind it, as records.

The stage ``compare`` writes them, and pages and figures read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leukbench.artefacts import ArmReceipt, Certificate, Sizes, TransferPlan
from leukbench.evaluation.contrasts import Contrast
from leukbench.evaluation.controls import Shortcut
from leukbench.evaluation.transfer import Gap
from leukbench.records import Estimate
from leukbench.verdicts.differences import Question
from leukbench.verdicts.rule import Verdict


@dataclass(frozen=True, kw_only=True)
class RungGap(Contrast):
    """Rung - patient of one arm and metric.

    ``paired`` by test origin, but for a challenge, which tests other patients. ``equal_size``: both trained on equally
    many rows; only then is the difference the inflation of the rung. ``same_as_image``: no group of the ``patient``
    split holds two images, so that both are cuts by image.
    """

    rung: str
    patient: str
    arm: str
    protocol: str
    equal_size: bool
    same_as_image: bool
    paired: bool


@dataclass(frozen=True, kw_only=True)
class ArmContrast(Contrast):
    """The first arm of an experiment minus another model tested on the same images.

    The p-value is corrected over ``family_size``: ``network``, differences in accuracy between networks, by Holm; all
    else is ``descriptive``, corrected by Benjamini and Hochberg.
    """

    experiment: str
    first_arm: str
    second_arm: str
    family: Literal["network", "descriptive"]
    p_corrected: float = float("nan")
    family_size: int = 0


@dataclass(frozen=True, kw_only=True)
class ArmShortcut(Shortcut):
    """How a network stands to a model without one."""

    experiment: str
    arm: str
    model: str


@dataclass(frozen=True, kw_only=True)
class TransferMetric:
    """A metric on the other source and within its own, classes merged alike; None where nothing was tested within."""

    transferred: Estimate
    within: Estimate | None = None
    gap: Gap | None = None


@dataclass(frozen=True, kw_only=True)
class Prevalence:
    """The share of each class in common among the tested images."""

    transferred: tuple[float, ...]
    within: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class TransferResult:
    """One arm of a transfer; ``within``: the experiment that tests it by patient within its source, "" if none does."""

    transfer: str
    paper: str
    study: str
    arm: str
    within: str
    plan: TransferPlan
    sizes: Sizes
    receipt: ArmReceipt
    n_train_rows: tuple[int, ...]
    certificate: Certificate
    classes: tuple[str, ...]
    metrics: dict[str, TransferMetric]
    majority_accuracy: float
    histogram: Estimate
    prevalence: Prevalence
    accuracy_at_source_prevalence: float | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """``verdicts.json``: what the claims of a profile come to, and the differences behind it. ``made_from`` is the
    digest of the stages' outputs that it was made from; "" in one from before it was kept.
    """

    margin: float
    alpha: float
    questions: dict[str, Question]
    verdicts: tuple[Verdict, ...]
    gaps: tuple[RungGap, ...]
    contrasts: tuple[ArmContrast, ...]
    shortcuts: tuple[ArmShortcut, ...]
    transfers: tuple[TransferResult, ...]
    made_from: str = ""
