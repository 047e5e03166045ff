"""Estimates + claims + findings -> verdicts: does the printed figure hold, under which protocol, and how sure are we.

The path of one claim: every run that it is held against gives a difference, reproduced minus claimed, and p-values of
three exclusive conclusions (:mod:`leukbench.verdicts.differences`); those of all definitions and readings become one
p-value a conclusion; the claims are corrected together; then the five outcomes of docs/statistics.md are gone through
in order. ``leukbench/verdicts/README.md`` explains the choices and tabulates the measured error rates. Pure: no disk,
no clock.

Holm 1979; Benjamini & Hochberg 1995; Benjamini & Bogomolov 2014, JRSS B 76:297 (comparisons within selected claims).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from leukbench.errors import InputError
from leukbench.evaluation.corrections import benjamini_hochberg, holm
from leukbench.records import COPIES_AVERAGED
from leukbench.verdicts.differences import (
    Difference,
    Outcome,
    Overlap,
    Question,
    Reproduced,
    conclude,
    conclusion,
    difference,
    not_lower_p,
    three_sided_p,
)

Ps = Mapping[Outcome, float]
MARGIN_CURVE = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.10, 0.15, 0.20)
"""Margins, as fractions, for which each verdict is also given."""
DEVIATIONS = {
    "surrogate_data": "surrogate data",
    "weights_absent": "pretrained weights absent",
    "frozen_layers_trained": "layers trained that the recipe freezes",
    "limited": "limited run",
}
_UNSURE = {
    "inferred": "; patient ids are inferred: the errors may be larger",
    "absent": "; without patient ids the errors may be larger",
}
ONE_SEED = "one seed is not a training: how much another would differ is not known (another seed or arm is needed)"
_PAIRED = {
    Overlap.IMAGES: "; the paper tested these images, so the patients' part of the error is counted once",
    Overlap.PATIENTS: "; the paper tested these patients, so what they share is counted once",
}
_PER_ORIGINAL = "; ours counts originals, the copies of each averaged, the claim images"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a claim comes to. ``p`` and ``honest_p`` are corrected; ``curve`` gives the verdict at other margins.

    ``level`` is the p-value that the correction left to each comparison of this claim.
    """

    claim: str
    verdict: str
    reason: str
    headline: bool
    margin: float
    p: float = float("nan")
    correction: str = ""
    level: float = float("nan")
    faithful: Difference | None = None
    faithful_by: str = ""
    honest: Difference | None = None
    honest_p: float = float("nan")
    smallest_margin: float = float("nan")
    overlap: Overlap = Overlap.NONE
    overlap_reason: str = ""
    curve: tuple[tuple[float, str], ...] = field(default=())


# ---------------------------------------------------------------------------------------------- one claim, many runs


@dataclass(frozen=True)
class _Run:
    r: Reproduced
    d: Difference


@dataclass(frozen=True)
class _Case:
    """A question with its usable runs: ``faithful`` by reading, then definition; ``honest`` by definition."""

    q: Question
    untestable: str
    definitions: tuple[str, ...]
    faithful: Mapping[str, Mapping[str, tuple[_Run, ...]]]
    untested: tuple[str, ...]  # readings without a usable run
    honest: Mapping[str, tuple[_Run, ...]]
    honest_missing: str  # why the honest side cannot be tested, or ""


@dataclass(frozen=True)
class _Test:
    """The p-values of a case at one margin, not yet corrected."""

    faithful: Ps
    by_definition: Mapping[str, Ps]
    by_reading: Mapping[str, Ps]
    honest: Ps | None  # of "within" (or above) and "lower"; None where it cannot be tested

    @property
    def p(self) -> float:
        return min(self.faithful.values())

    @property
    def chain(self) -> float:
        """The p-value at which nothing is left to test:
        that of the honest side counts once the faithful one is within."""
        within = self.honest is not None and self.faithful["within"] == self.p
        return max(self.p, min(self.honest.values())) if within and self.honest else self.p


def _case(q: Question) -> _Case:
    """Return a question's usable runs: no deviations, more than one training, an interval, and by patient known
    patients."""
    runs = [_Run(r, d) for r in q.faithful if not r.deviations and not r.trained_once and (d := difference(q, r))]
    definitions = tuple(dict.fromkeys(r.definition for r in q.faithful))
    faithful: dict[str, dict[str, tuple[_Run, ...]]] = {}
    for run in runs:
        of_reading = faithful.setdefault(_reading(run.r), dict.fromkeys(definitions, ()))
        of_reading[run.r.definition] += (run,)
    named = [_reading(r) for r in q.faithful]
    untested = tuple(dict.fromkeys(name for name in (*named, *q.not_run) if name not in faithful))
    usable = [r for r in q.honest if not r.deviations and not r.trained_once and r.evidence != "absent"]
    honest = {
        name: tuple(_Run(r, d) for r in usable if r.definition == name and (d := difference(q, r)))
        for name in definitions
    }
    missing = "" if any(honest.values()) else _why_no_honest(q)
    return _Case(q, _untestable(q, runs), definitions, faithful, untested, honest, missing)


def _untestable(q: Question, runs: Sequence[_Run]) -> str:
    """Return why a claim cannot be tested, or ""."""
    if q.untestable:
        return q.untestable
    if not q.faithful:
        return "no run under the paper's protocol"
    if runs:
        return ""
    if all(r.deviations for r in q.faithful):
        return _deviations(q.faithful)
    if all(r.trained_once for r in q.faithful if not r.deviations):
        return ONE_SEED
    if q.n is None or q.n <= 0:
        return "no error can be attached (no n printed)"
    notes = sorted({r.estimate.note for r in q.faithful if r.estimate.note and not r.deviations})
    return "the estimate has no interval" + (f" ({'; '.join(notes)})" if notes else "")


def _why_no_honest(q: Question) -> str:
    if not q.honest:
        return "no run under the patient protocol"
    if all(r.evidence == "absent" for r in q.honest):
        return "no patient ids are published"
    if any(r.deviations for r in q.honest):
        return f"under the patient protocol: {_deviations(q.honest)}"
    if any(r.trained_once for r in q.honest):
        return f"under the patient protocol: {ONE_SEED}"
    return "the estimate under the patient protocol has no interval"


def _deviations(found: Sequence[Reproduced]) -> str:
    return ", ".join(DEVIATIONS.get(d, d) for d in sorted({d for r in found for d in r.deviations}))


def _test(case: _Case, margin: float) -> _Test:
    """Return a case's p-values: what must hold of all takes the largest, what may hold of one is paid for.

    Definitions: a conclusion must hold under each (intersection-union). Readings of the split: ``within`` may hold
    under any one of r (r times the smallest p-value, or the largest where all agree), ``lower`` and ``higher`` must
    hold under each, and a reading without a usable run (p = 1) refuses them:
    a paper is not refuted while it may have done something else.
    """
    grid = {
        reading: {name: _all_of([three_sided_p(run.d, margin) for run in runs]) for name, runs in of_reading.items()}
        for reading, of_reading in case.faithful.items()
    }
    count = len(grid)
    by_reading = {reading: _all_of(list(of_reading.values())) for reading, of_reading in grid.items()}
    by_definition = {
        name: _any_reading([grid[reading][name] for reading in grid], case.untested) for name in case.definitions
    }
    paid = {k: {**v, "within": min(1.0, count * v["within"])} for k, v in by_reading.items()}
    honest: Ps | None = None
    if not case.honest_missing:
        honest = _all_of([_all_of([_honest_p(run.d, margin) for run in runs]) for runs in case.honest.values()])
    return _Test(_any_reading(list(by_reading.values()), case.untested), by_definition, paid, honest)


def _honest_p(d: Difference, margin: float) -> Ps:
    return {"within": not_lower_p(d, margin), "lower": three_sided_p(d, margin)["lower"]}


def _all_of(several: Sequence[Ps]) -> Ps:
    """Return the p-values of what holds of every one: the largest; 1 where there is none."""
    names: tuple[Outcome, ...] = ("within", "lower", "higher")
    return {k: max((p.get(k, 1.0) for p in several), default=1.0) for k in names}


def _any_reading(readings: Sequence[Ps], untested: Sequence[str]) -> Ps:
    together = _all_of(readings)
    within = min([together["within"], *(len(readings) * p["within"] for p in readings)])
    refused = 1.0 if untested else 0.0
    return {
        "within": within,
        "lower": max(together["lower"], refused),
        "higher": max(together["higher"], refused),
    }


# ---------------------------------------------------------------------------------------------- many claims


def decide(questions: Sequence[Question], *, margin: float, alpha: float = 0.05) -> list[Verdict]:
    """Return one verdict per question, in order: outcomes 1 to 5 of docs/statistics.md, gone through in that order.

    Headline claims are corrected by Holm over all headlines that can be tested, the others by Benjamini-Hochberg. A
    verdict's ``curve`` is what this function returns at other margins, corrections included.

    Parameters
    ----------
    questions
        All that are decided together: corrections are over them.
    margin
        Of equivalence, as a fraction.
    alpha
        The level of each family.

    Returns
    -------
    Verdicts in the order of the questions.

    Raises
    ------
    InputError
        For a margin or an alpha outside (0, 1).

    References
    ----------
    Goeman, Solari & Stijnen 2010, Stat. Med. 29:2117; Holm 1979; Benjamini & Hochberg 1995.
    """
    for name, value in (("margin", margin), ("alpha", alpha)):
        if not 0 < value < 1:
            raise InputError(f"{name} must be a fraction", where="decide", expected="in (0, 1)", found=str(value))
    cases = [_case(q) for q in questions]
    verdicts = _decide_at(cases, margin, alpha)
    points = [[v.verdict for v in _decide_at(cases, m, alpha)] for m in MARGIN_CURVE]
    return [
        v if case.q.accused or case.untestable else replace(v, curve=tuple(zip(MARGIN_CURVE, at, strict=True)))
        for case, v, at in zip(cases, verdicts, zip(*points, strict=True), strict=True)
    ]


def _decide_at(cases: Sequence[_Case], margin: float, alpha: float) -> list[Verdict]:
    verdicts: list[Verdict | None] = [None] * len(cases)
    for headline, correct in ((True, _holm), (False, _benjamini_hochberg)):
        family = [i for i, c in enumerate(cases) if c.q.headline == headline and not c.q.accused and not c.untestable]
        tests = [_test(cases[i], margin) for i in family]
        adjusted, level = correct(tests, alpha) if tests else ([], alpha)
        for i, test, p in zip(family, tests, adjusted, strict=True):
            verdicts[i] = _tested(cases[i], test, margin=margin, alpha=alpha, level=level, p=p)
    return [v or _not_tested(case, margin=margin, alpha=alpha) for case, v in zip(cases, verdicts, strict=True)]


def _holm(tests: Sequence[_Test], alpha: float) -> tuple[list[float], float]:
    """Return each claim's adjusted p-value and the level at which every comparison of the family stands.

    A claim passes its share of alpha on only when nothing of it is left to test: where the paper's protocol is within,
    that needs a conclusion by patient too (else the family-wise error over both would exceed alpha). So Holm steps down
    along ``chain``; with k of m claims settled, all comparisons are at alpha / (m - k). Of three exclusive hypotheses
    of a claim one is true, whatever is concluded:
    control with several claims is as for Holm's directional errors (Shaffer 1980).
    """
    chains = [t.chain for t in tests]
    settled = sum(p <= alpha for p in holm(chains))
    adjusted = [holm([*chains[:i], t.p, *chains[i + 1 :]])[i] for i, t in enumerate(tests)]
    return adjusted, alpha / max(len(tests) - settled, 1)


def _benjamini_hochberg(tests: Sequence[_Test], alpha: float) -> tuple[list[float], float]:
    """Return each claim's adjusted p-value and the level alpha · R / m of the family's comparisons.

    The comparison by patient is made for the R selected claims only, and at that level (Benjamini & Bogomolov 2014).
    """
    adjusted = benjamini_hochberg([t.p for t in tests])
    return adjusted, alpha * max(sum(p <= alpha for p in adjusted), 1) / len(tests)


# ---------------------------------------------------------------------------------------------- the outcome table


def _not_tested(case: _Case, *, margin: float, alpha: float) -> Verdict:
    """Return outcome 1 or 2; the closest difference of any run, deviating ones included, is still shown."""
    q = case.q
    verdict, reason = (
        ("inconsistent as printed", "see the findings on this claim") if q.accused else ("not testable", "")
    )
    shown = _closest([_Run(r, d) for r in q.faithful if (d := difference(q, r))])
    return Verdict(
        claim=q.claim, verdict=verdict, reason=reason or case.untestable, headline=q.headline, margin=margin,
        faithful=shown.d if shown else None, faithful_by=_name(shown.r) if shown else "",
        smallest_margin=shown.d.smallest_margin(alpha=alpha) if shown else float("nan"),
        overlap=shown.r.overlap if shown else Overlap.NONE, overlap_reason=shown.r.overlap_reason if shown else "",
    )  # fmt: skip


def _tested(case: _Case, test: _Test, *, margin: float, alpha: float, level: float, p: float) -> Verdict:
    """Return outcome 3, 4 or 5."""
    outcome, _ = conclusion(test.faithful, level)
    shown, honest = _shown(case, outcome, margin), _closest([run for runs in case.honest.values() for run in runs])
    if outcome == "unresolved":
        verdict, reason = "inconclusive", _why_unresolved(case, test, level)
    elif outcome == "within":
        verdict, reason = _honest_verdict(case, test, shown.r, level)
    else:
        several = ", under every reading of the split" if len(case.faithful) > 1 else ""
        verdict, reason = f"not reproduced ({outcome})", f"{outcome} than printed by more than the margin{several}"
    reason += (
        _PAIRED.get(shown.r.overlap, "")
        + _UNSURE.get(shown.r.evidence, "")
        + (_PER_ORIGINAL if COPIES_AVERAGED in shown.r.estimate.note else "")
    )
    of_honest = None if test.honest is None else min(1.0, min(test.honest.values()) * alpha / level)
    return Verdict(
        claim=case.q.claim, verdict=verdict, reason=reason, headline=case.q.headline, margin=margin, p=p, level=level,
        correction="Holm" if case.q.headline else "Benjamini-Hochberg (descriptive)",
        faithful=shown.d, faithful_by=_name(shown.r), honest=honest.d if honest else None,
        honest_p=of_honest if of_honest is not None and outcome == "within" else float("nan"),
        smallest_margin=shown.d.smallest_margin(alpha=level), overlap=shown.r.overlap,
        overlap_reason=shown.r.overlap_reason,
    )  # fmt: skip


def _why_unresolved(case: _Case, test: _Test, level: float) -> str:
    """Return which definitions, or which readings of the split, disagree; else that the interval crosses the margin."""
    of_definition = {name or "as printed": conclusion(p, level)[0] for name, p in test.by_definition.items()}
    if len(set(of_definition.values())) > 1:
        named = "; ".join(f"{name}: {result}" for name, result in sorted(of_definition.items()))
        return f"the definition is unstated and its readings disagree ({named})"
    of_reading: dict[str, str] = {name: conclusion(p, level)[0] for name, p in test.by_reading.items()}
    if set(of_reading.values()) != {"unresolved"} and (len(of_reading) > 1 or case.untested):
        named = "; ".join(
            f"{name}: {result}" for name, result in (*of_reading.items(), *((n, "not tested") for n in case.untested))
        )
        return f"the readings of the split do not settle it ({named})"
    if set(of_definition.values()) == {"within"}:
        return "each definition is within under some reading of the split, all together under none"
    return "the interval of the difference crosses the margin"


def _honest_verdict(case: _Case, test: _Test, r: Reproduced, level: float) -> tuple[str, str]:
    """Return outcome 5: what the runs by patient make of a claim that holds under the paper's protocol."""
    unresolved = "reproduced as published, unresolved by patient"
    if test.honest is None:
        return unresolved, case.honest_missing
    outcome, _ = conclusion({k: p for k, p in test.honest.items() if k != "higher"}, level)
    under = _split_name(r)
    if outcome == "lower":
        return f"reproduced only under {under}", "lower by more than the margin when no patient stands on both sides"
    if outcome == "within":
        return "reproduced", f"within the margin under {under}, and not lower by patient"
    missing = sorted(name for name, runs in case.honest.items() if not runs)
    if missing:
        return unresolved, f"no estimate under the patient protocol of: {', '.join(missing)}"
    if len(case.honest) > 1:
        return unresolved, "under the patient protocol the definitions disagree, or an interval crosses the margin"
    smallest = max(run.d.smallest_margin(alpha=level) for runs in case.honest.values() for run in runs)
    return (
        unresolved,
        f"under the patient protocol the interval crosses the margin; {100 * smallest:.1f} points could be resolved",
    )


def _shown(case: _Case, outcome: Outcome, margin: float) -> _Run:
    """Return the run that decides: the weakest of those that a conclusion rests on; the closest where there is none."""
    by_reading = [[run for runs in of_reading.values() for run in runs] for of_reading in case.faithful.values()]
    if outcome == "unresolved":
        found = _closest([run for runs in by_reading for run in runs])
        assert found is not None  # a case without a usable run is not tested
        return found

    def weakest(runs: Sequence[_Run]) -> _Run:
        return max(runs, key=lambda run: three_sided_p(run.d, margin)[outcome])

    candidates = [weakest(runs) for runs in by_reading]
    if outcome == "within":
        complete = [w for w, of in zip(candidates, case.faithful.values(), strict=True) if all(of.values())]
        return min(complete, key=lambda run: three_sided_p(run.d, margin)["within"])
    return weakest(candidates)


def _closest(runs: Sequence[_Run]) -> _Run | None:
    return min(runs, key=lambda run: abs(run.d.value), default=None)


def _reading(r: Reproduced) -> str:
    return r.reading or r.protocol


def _split_name(r: Reproduced) -> str:
    return ", ".join(part for part in (r.protocol, r.reading) if part)


def _name(r: Reproduced) -> str:
    return ", ".join(part for part in (_split_name(r), r.definition) if part)


__all__ = [
    "Difference",
    "Question",
    "Reproduced",
    "Verdict",
    "conclude",
    "decide",
    "difference",
    "not_lower_p",
    "three_sided_p",
]
