"""Coverage by simulation with a known truth, in the domain that STATISTICS.md promises."""

from __future__ import annotations

from functools import partial

import pytest

from leukbench.evaluation.intervals import wilson
from tests.support import patient_simulation as simulation
from tests.support.patient_simulation import Domain, covered


def test_accuracy_is_covered_by_groups_and_not_by_images() -> None:
    domain = Domain(28, 0.85, 0.1)

    def by_image(rng):  # type: ignore[no-untyped-def]
        n = simulation.sizes(domain, rng)
        return wilson(rng.binomial(n, simulation.rates(domain, 28, rng)).sum(), n.sum())

    share, _ = covered(partial(simulation.accuracy_interval, domain), 0.85, replicates=800, seed=7)
    assert 0.93 <= share <= 0.97
    assert covered(by_image, 0.85, replicates=300, seed=7)[0] < 0.75


@pytest.mark.slow
@pytest.mark.parametrize("name", list(simulation.ROUTINES))
def test_coverage_is_93_to_97_percent_in_the_promised_domain(name: str) -> None:
    """Each cell within 93 to 97 % give or take three Monte-Carlo errors, the mean of all cells within it outright."""
    replicates = 1500
    error = 3 * (0.95 * 0.05 / replicates) ** 0.5
    shares = {domain: simulation.coverage(name, domain, replicates=replicates) for domain in simulation.cells(name)}
    assert all(0.93 - error <= share <= 0.97 + error for share in shares.values()), shares
    assert 0.935 <= sum(shares.values()) / len(shares) <= 0.965


@pytest.mark.slow
@pytest.mark.parametrize("metric", list(simulation.CONTRASTS))
def test_coverage_of_a_paired_difference_between_arms(metric: str) -> None:
    maker = partial(simulation.contrast_interval, metric, 1)
    share, _ = covered(maker, simulation.CONTRASTS[metric], replicates=600, seed=simulation.SEED)
    assert 0.93 - 0.018 <= share <= 0.97 + 0.018  # two Monte-Carlo errors
