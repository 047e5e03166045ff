"""How often verdicts err with a known truth: trainings that differ, patients that differ, both sides of a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from scipy.special import ndtr, ndtri

from leukbench.evaluation.intervals import korn_graubard, pooled_variance
from leukbench.evaluation.likeness import ASSUMED
from leukbench.records import Estimate, FloatArray
from leukbench.verdicts.differences import Overlap, Question, Reproduced, conclude, difference
from simulations.patients import CNMC, CORRELATION, density

SEED = 20261129
ALPHA = 0.05


Pairing = Literal["two samples", "the same images", "likeness known"]
"""What a verdict knows of images that both sides tested: nothing; how alike patients fare, as the arms show it; exactly
how alike they do, which nobody can know."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A claim of accuracy counted on its own run, and ours of S seeds and ``arms`` networks, which share s².

    ``claimed`` is the population accuracy of the paper's training, ``off`` what ours has more; ``noise`` the standard
    deviation between trainings, in accuracy at ``claimed``. ``sizes`` are images a patient, drawn about 40 unless
    given. ``shared`` says what the paper tested; its patients' effects then correlate ``likeness`` with ours, as
    those of our arms do.
    """

    groups: int = 0
    claimed: float = 0.9
    off: float = 0.0
    noise: float = 0.01
    seeds: int = 3
    arms: int = 1
    sizes: tuple[int, ...] = ()
    shared: Overlap = Overlap.NONE
    likeness: float = 0.8
    pairing: Pairing = "the same images"


def _rates(p: float, effect: FloatArray, noise: float, at: float, rng: np.random.Generator) -> FloatArray:
    """Return each patient's chance of a right image in one training: a shift of the latent score common to all."""
    slope = density(ndtri(at))
    shift = rng.normal(0, noise / slope) if noise else 0.0
    latent = ndtri(min(max(p, 1e-6), 1 - 1e-6)) + shift
    return np.asarray(ndtr((latent + np.sqrt(CORRELATION) * effect) / np.sqrt(1 - CORRELATION)))


def _runs(study: Study, effect: FloatArray, n: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return right images ``(seeds, patients)`` of one of our arms."""
    p = study.claimed + study.off
    rates = [_rates(p, effect, study.noise, study.claimed, rng) for _ in range(study.seeds)]
    return rng.binomial(n.astype(int), np.array(rates)).astype(np.float64)


def _alike(effect: FloatArray, correlation: float, rng: np.random.Generator) -> FloatArray:
    own: FloatArray = np.sqrt(1 - correlation**2) * rng.normal(size=len(effect))
    return correlation * effect + own


def question(study: Study, rng: np.random.Generator) -> Question:
    """Return one replicate: the claim as printed, and our estimate as the evaluation makes it."""
    groups = len(study.sizes) or study.groups
    n = np.array(study.sizes, dtype=np.float64)
    if not study.sizes:
        n = np.maximum(np.rint(rng.gamma(1 / 0.3**2, 40 * 0.3**2, groups)), 1)
    effect = rng.normal(size=groups)
    ours = _runs(study, effect, n, rng)
    others = [_runs(study, _alike(effect, study.likeness, rng), n, rng) for _ in range(study.arms - 1)]
    per_seed = [arm.sum(axis=1) / n.sum() for arm in (ours, *others)]
    s2, df = pooled_variance(*per_seed)
    made = korn_graubard(ours.mean(axis=0), n, extra=(s2 / study.seeds, df))
    e = Estimate(
        metric="accuracy", value=float(per_seed[0].mean()), low=made.low, high=made.high, df=made.df,
        df_groups=made.df_groups, standard_error=made.standard_error, n_images=int(n.sum()), n_groups=groups,
        effective_groups=made.effective_groups, n_seeds=study.seeds, seed_variance=s2, seed_df=df,
    )  # fmt: skip
    theirs = rng.normal(size=groups) if study.shared is Overlap.NONE else _alike(effect, study.likeness, rng)
    right = rng.binomial(n.astype(int), _rates(study.claimed, theirs, study.noise, study.claimed, rng))
    reproduced = Reproduced(estimate=e, protocol="as_published")
    if study.shared is not Overlap.NONE and study.pairing != "two samples":
        alike = _correlation([ours, *others], n) if others else ASSUMED
        alike = study.likeness if study.pairing == "likeness known" else alike
        reproduced = replace(reproduced, overlap=study.shared, likeness=alike)
    return Question(
        claim="x", metric="accuracy", value=round(float(right.sum() / n.sum()), 4), half_unit=0.00005, n=int(n.sum()),
        headline=True, faithful=(reproduced,),
    )  # fmt: skip


def _correlation(arms: Sequence[FloatArray], n: FloatArray) -> float:
    """Return what :func:`leukbench.evaluation.likeness.likeness` tells of arms, from counts."""
    shifts = [a.mean(axis=0) - a.mean(axis=0).sum() / n.sum() * n for a in arms]
    r = np.corrcoef(np.array(shifts))
    return float(np.clip(r[np.triu_indices(len(arms), 1)].mean(), 0.0, 0.9))


def shares(
    study: Study, margins: Sequence[float], replicates: int, *, seed: int = SEED
) -> Mapping[float, tuple[float, float]]:
    """Return margin -> shares of replicates called reproduced, and not reproduced."""
    found = {margin: [0, 0] for margin in margins}
    for replicate in range(replicates):
        q = question(study, np.random.default_rng([seed, replicate]))
        d = difference(q, q.faithful[0])
        if d is None:
            continue
        for margin in margins:
            outcome, _ = conclude(d, margin, alpha=ALPHA)
            found[margin][0] += outcome == "within"
            found[margin][1] += outcome in ("lower", "higher")
    return {margin: (a / replicates, b / replicates) for margin, (a, b) in found.items()}


MARGINS = (0.02, 0.05, 0.10)
NOISES = (0.005, 0.015, 0.03)
GROUPS = (20, 60, 200)
OFF = (0.0, -0.02, 0.02, -0.05, 0.05, -0.10)
_TRAINED = ((1, 3), (1, 5), (5, 3))
"""Arms, and seeds of each."""
_SEEDS_FOR_ONE_ARM = (1, 15)
"""What one arm needs for 80 % of the true claims at C-NMC's 73 subjects, 90 % and a margin of five points."""
_POINTS = {0.9: 0.01, 0.97: 0.004}
"""Accuracy of the real designs -> noise between trainings."""


def _cell(found: tuple[float, float]) -> str:
    return f"{100 * found[0]:.1f} / {100 * found[1]:.1f}"


def error_rows(replicates: int) -> list[str]:
    """Return the rows of the table: reproduced / not reproduced in percent, where the claim is true and where it is
    off."""
    head = ["true, 2", "true, 5", "true, 10", *(f"off {100 * off:+.0f}, {abs(100 * off):.0f}" for off in OFF[1:])]
    rows = ["| patients | noise | arms | " + " | ".join(head) + " |", "|---" * (3 + len(head)) + "|"]
    for groups in GROUPS:
        for noise in NOISES:
            for arms in (1, 5):
                study = Study(groups=groups, noise=noise, arms=arms)
                true = shares(study, MARGINS, replicates)
                cells = [_cell(true[m]) for m in MARGINS]
                for off in OFF[1:]:
                    cells.append(_cell(shares(replace(study, off=off), [abs(off)], replicates)[abs(off)]))
                rows.append(f"| {groups} | {100 * noise:g} | {arms} | " + " | ".join(cells) + " |")
    return rows


def power_rows(replicates: int) -> list[str]:
    """Return the rows of the table: C-NMC's designs at a margin of five points, by what is known of the same images."""
    columns = [f"{pairing}: {what}" for pairing in get_args(Pairing) for what in ("true", "off -5", "off -10")]
    rows = ["| subjects | accuracy | arms | seeds | " + " | ".join(columns) + " |", "|---" * (4 + len(columns)) + "|"]
    for subjects, (first, second) in CNMC.items():
        for claimed, noise in _POINTS.items():
            for arms, seeds in (*_TRAINED, *((_SEEDS_FOR_ONE_ARM,) if subjects == "73" else ())):
                cells = []
                for pairing in get_args(Pairing):
                    study = Study(
                        sizes=first + second, claimed=claimed, noise=noise, arms=arms, seeds=seeds,
                        shared=Overlap.IMAGES, pairing=pairing,
                    )  # fmt: skip
                    cells += [
                        _cell(shares(replace(study, off=off), [0.05], replicates)[0.05]) for off in (0.0, -0.05, -0.1)
                    ]
                rows.append(f"| {subjects} | {claimed:g} | {arms} | {seeds} | " + " | ".join(cells) + " |")
    return rows
