"""How often the audit cries wolf, and how often it sees a planted error: simulated honest and corrupted experiments."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from leukbench.audit.findings import CHECKS, every_finding
from leukbench.audit.power.corruptions import CORRUPTIONS, Corruption
from leukbench.audit.power.simulated import Raw
from leukbench.audit.power.simulated_blocks import honest_experiment
from leukbench.errors import unknown_name
from leukbench.papers.schema import Paper
from leukbench.records import Finding
from leukbench.seeds import generator_for

ALARMS = ("inconsistent",)


@dataclass(frozen=True)
class PowerRow:
    """One line of the power table: a corruption ("honest" for none), how many experiments, in how many it was seen."""

    corruption: str
    experiments: int
    found: int  # with an inconsistent finding (or, where a check may not say that, a milder one of an aimed check)
    checks: tuple[str, ...]  # that found it
    wrongly_accused: int = 0  # experiments in which a figure that was not touched is accused
    by_check: tuple[tuple[str, int], ...] = ()  # in how many experiments each aimed check found it

    @property
    def rate(self) -> float:
        """Share of experiments in which it was found; NaN without experiments."""
        return self.found / self.experiments if self.experiments else float("nan")

    @property
    def limits(self) -> tuple[float, float]:
        """The rate's 95 % interval of Clopper and Pearson (1934).

        >>> [round(x, 4) for x in PowerRow("honest", 2000, 0, ()).limits]
        [0.0, 0.0018]
        """
        from scipy.stats import beta

        k, n = self.found, self.experiments
        low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
        return low, float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0


@dataclass(frozen=True)
class CheckRate:
    """How often one check saw what was aimed at it, over all corruptions that are; no experiments where nothing is."""

    check: str
    experiments: int
    found: int

    @property
    def rate(self) -> float:
        """Share of experiments; NaN without experiments."""
        return self.found / self.experiments if self.experiments else float("nan")


def corruption(name: str) -> Corruption:
    """Return the corruption of this name; a wrong name raises with the nearest ones."""
    known = {c.name: c for c in CORRUPTIONS}
    if name not in known:
        raise unknown_name("corruption", name, known)
    return known[name]


def audit_raw(raw: Raw) -> tuple[Finding, ...]:
    """Return the findings of a made-up paper given as plain data."""
    blocks = [{"where": c["where"], "rows": [c]} for c in raw["claims"]]
    return every_finding(Paper.model_validate({**raw, "claims": blocks}))


def honest_row(n: int, seed: int) -> PowerRow:
    """Return the false alarms (inconsistent findings) of n honest experiments."""
    alarms, checks = 0, set()
    for i in range(n):
        bad = [f for f in audit_raw(honest_experiment(generator_for(seed, "audit.honest", i))) if f.status in ALARMS]
        alarms += bool(bad)
        checks |= {f.check for f in bad}
    return PowerRow("honest", n, alarms, tuple(sorted(checks)))


def corrupted_row(name: str, n: int, seed: int) -> PowerRow:
    """Return how often one planted corruption is found among n experiments in which it can be planted."""
    planted = corruption(name)
    done = found = wrong = attempt = 0
    checks: Counter[str] = Counter()
    while done < n and attempt < 40 * n:
        rng = generator_for(seed, "audit.corrupted", name, attempt)
        attempt += 1
        raw = honest_experiment(rng)
        touched = planted.plant(raw, rng)
        if not touched:
            continue
        done += 1
        hits = [
            f
            for f in audit_raw(raw)
            if f.status in ALARMS or ((f.check, f.status) in planted.milder and _about(f, touched))
        ]
        found += bool(hits)
        checks.update({f.check for f in hits})
        wrong += any(set(f.accused) - set(touched.split()) for f in hits)
    by_check = tuple((c, checks[c]) for c in planted.aimed)
    return PowerRow(name, done, found, tuple(sorted(checks)), wrong, by_check)


def _about(finding: Finding, touched: str) -> bool:
    """Whether a mild finding speaks of what was touched; corruptions of whole tables return a word instead of ids."""
    ids = [i for i in touched.split() if i.startswith("sim.")]
    return not ids or bool(set(ids) & set(finding.claims))


def check_rates(rows: tuple[PowerRow, ...]) -> tuple[CheckRate, ...]:
    """Return for every check of the audit how often it saw the corruptions that are aimed at it."""
    found: dict[str, list[int]] = {check.__name__.removeprefix("check_"): [0, 0] for check in CHECKS}
    for row in rows:
        for check, hits in row.by_check:
            counts = found.setdefault(check, [0, 0])
            counts[0] += row.experiments
            counts[1] += hits
    return tuple(CheckRate(check, n, hits) for check, (n, hits) in found.items())


def power_table(n: int = 200, seed: int = 0, *, honest: int | None = None) -> tuple[PowerRow, ...]:
    """Return the false alarms of ``honest`` (else n) honest experiments and the detection rate of each corruption,
    n each.

    About a seventh of a second of processor time an experiment; the same numbers and seed give the same table.
    """
    return (honest_row(n if honest is None else honest, seed), *(corrupted_row(c.name, n, seed) for c in CORRUPTIONS))
