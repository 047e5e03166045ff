"""One quantity printed with two values; settings with several values."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, printed_interval, printed_number
from leukbench.audit.readings.claims import SCORE_METRICS, canonical, count_of, row_key, scale_of
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.texts import TIMES, plain_text, seconds
from leukbench.papers.schema import Claim

SAME_THING = (
    *SCORE_METRICS,
    "sensitivity",
    "loss",
    "params_total",
    "params_trainable",
    "params_nontrainable",
    "params_layer",
    "output_shape",
    "time_s",
    "n_images",
    "n_subjects",
    "n_folds",
    "n_classes",
    "detection_rate",
    "iterations",
    "image_size",
)


AVERAGED = ("precision", "recall", "specificity", "f1", "auc")
"""Scores that have several values for one result: of each class, macro, weighted, micro."""


QUANTITIES = {
    "params_total": "the number of parameters",
    "params_trainable": "the number of trainable parameters",
    "params_nontrainable": "the number of non-trainable parameters",
    "iterations": "the number of iterations",
    "n_images": "the number of images",
    "n_subjects": "the number of subjects",
}


ROUND_COUNTS = ("iterations", "n_images", "n_subjects", "params_total", "params_trainable", "params_nontrainable")


SETTINGS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "dropout",
    "momentum",
    "regularisation",
    "kernel_size",
    "n_units",
    "n_heads",
    "n_blocks",
    "n_filters",
    "n_layers",
    "negative_slope",
    "augmentation_range",
    "frozen_layers",
    "threshold",
    "stride",
)
SETTINGS_OF_A_CONDITION = (  # of a layer, a transform or a phase, so that another condition may have another value
    "augmentation_range",
    "kernel_size",
    "n_units",
    "n_filters",
    "n_layers",
    "frozen_layers",
    "epochs",
    "learning_rate",
    "negative_slope",
    "dropout",
    "stride",
)


def _identity(c: Claim) -> tuple[str, ...]:
    return (*row_key(c), canonical(c.metric), c.class_, c.average)


def compatible(a: Claim, b: Claim) -> bool:
    """Return whether two prints can be one value, rounded or truncated to different decimals; text must be equal."""
    if a.metric == "output_shape":
        return re.findall(r"\d+", a.value) == re.findall(r"\d+", b.value)
    if a.metric in TIMES and (x := seconds(a)) is not None and (y := seconds(b)) is not None:
        return x == y
    x_, y_ = _plain(a), _plain(b)
    if x_ is None or y_ is None:
        return plain_text(a) == plain_text(b)
    rounded = canonical(a.metric) in SCORE_METRICS or a.metric == "loss" or "million" in {a.unit, b.unit}
    if rounded or a.approximate or b.approximate:
        return x_.meets(y_)
    return printed_number(a.value) == printed_number(b.value)


def rounded_alike(a: Claim, b: Claim) -> str:
    """Return how two unequal prints could still be one number, "" if they cannot.

    A whole number that ends in zeros may be the other one rounded to tens, hundreds or thousands; two times one
    second apart may be one time, rounded in one place and truncated in the other.
    """
    if a.metric in TIMES and (x := seconds(a)) is not None and (y := seconds(b)) is not None:
        near = abs(x - y) <= 1 and x.denominator == y.denominator == 1
        return "one second apart: one time, rounded in one place and truncated in the other" if near else ""
    values = sorted({n for n in (count_of(a), count_of(b)) if n is not None})
    if len(values) != 2 or a.metric not in ROUND_COUNTS:
        return ""
    for round_, exact in itertools.permutations(values):
        for unit, name in ((10, "tens"), (100, "hundreds"), (1000, "thousands")):
            if round_ % unit == 0 and round_ and round_ in {exact // unit * unit, (exact + unit // 2) // unit * unit}:
                return f"{round_} can be {exact} in whole {name}"
    return ""


def _plain(c: Claim) -> Interval | None:
    text = c.value
    if c.unit == "million":  # a comma before four digits cannot part thousands
        text = re.sub(r",(?=\d{4,}$|\d{1,2}$)", ".", text)
    interval = printed_interval(text)
    if interval is None:
        return None
    if c.unit == "million":
        interval = interval.times(10**6)
    if canonical(c.metric) in SCORE_METRICS:
        interval = interval.times(Fraction(100, scale_of(c)))
    if c.approximate:
        slack = max(abs(interval.high) / 50, Fraction(1) if canonical(c.metric) in SCORE_METRICS else Fraction(0))
        interval = Interval(interval.low - slack, interval.high + slack)
    return interval


def check_two_values(ledger: Ledger) -> list[Draft]:
    """One quantity printed with two values that no rounding reconciles; agreeing repetitions are counted once for
    all."""
    found = []
    heads = ledger.headlines
    repeated: list[Claim] = []
    for claims in _of_one_quantity(ledger):
        clashing = [c for c in claims if any(not compatible(c, d) for d in claims)]
        if not clashing:
            repeated += claims if len(claims) > 1 else []
            continue
        values: dict[str, list[Claim]] = {}
        for c in clashing:
            values.setdefault(str(printed_number(c.value) or plain_text(c)), []).append(c)
        draft = _two_values_draft(list(values.values()), [c for c in claims if c not in clashing], heads)
        lacking = _lacking(ledger, clashing[0]) if len(values) == 2 else ""
        found.append(_one_is_the_other(draft, clashing[0].metric, lacking) if lacking else draft)
    return [*found, _repeated_draft(repeated)] if repeated else found


def _of_one_quantity(ledger: Ledger) -> Iterable[list[Claim]]:
    """Return the paper's claims, those that speak of one quantity together."""
    groups: dict[tuple[str, ...], list[Claim]] = {}
    for c in ledger.own:
        of_a_network = c.metric == "n_classes" and c.model
        if c.metric in SAME_THING and not c.matrix and c.metric not in SETTINGS and not of_a_network:
            groups.setdefault(_identity(c), []).append(c)
    _join_study_free(groups)
    return groups.values()


def _repeated_draft(repeated: list[Claim]) -> Draft:
    return Draft(
        check="two_values",
        status="consistent",
        kind="arithmetic",
        claims=tuple(repeated),
        statement=f"{len(repeated)} figures that the paper prints more than once agree with their repetitions.",
        witness="Same study, network, part, fold, condition, metric and class; values equal up to rounding.",
        where="throughout",
    )


def _lacking(ledger: Ledger, claim: Claim) -> str:
    """Return the one score that a result lacks and nearly all others of its study and part print, "" without one."""
    scores: dict[tuple[str, ...], set[str]] = {}
    names: dict[str, str] = {}
    for c in ledger.own:
        metric = canonical(c.metric)
        if metric in SCORE_METRICS and (c.study, c.split) == (claim.study, claim.split) and not c.class_:
            scores.setdefault(row_key(c), set()).add(metric)
            names[metric] = c.metric
    mine = scores.pop(row_key(claim), set())
    if canonical(claim.metric) not in mine or len(scores) < 3:
        return ""
    missing = [
        m for m in SCORE_METRICS if m not in mine and 10 * sum(m in s for s in scores.values()) >= 9 * len(scores)
    ]
    if len(missing) != 1:
        return ""
    return names[missing[0]]


def _one_is_the_other(draft: Draft, metric: str, lacking: str) -> Draft:
    """Return the finding on a score printed twice beside one that is missing: one of the two is probably that.

    Nothing is proved then: a word is wrong, not a figure.
    """
    return replace(
        draft,
        topic="doubled",
        status="implausible",
        statement=f"{draft.statement.rstrip('.')}, while its {lacking} is missing: one of the two is probably the "
        f"{lacking}.",
        witness=f"{draft.witness} All other results of this part print a {lacking}, and this one does not.",
        repair=f"{lacking} in place of one {metric}; else one is a slip.",
        members=(),
    )


def _join_study_free(groups: dict[tuple[str, ...], list[Claim]]) -> None:
    """Put parameter counts that name no study with those of the same network in a study, if there is only one such
    study."""
    for key in [k for k, cs in groups.items() if not k[0] and cs[0].metric.startswith("params")]:
        homes = [k for k in groups if k[0] and k[1:] == key[1:]]
        if len(homes) == 1:
            groups[homes[0]] = groups.pop(key) + groups[homes[0]]


def _two_values_draft(clusters: list[list[Claim]], agreeing: list[Claim], heads: frozenset[str]) -> Draft:
    first = clusters[0][0]
    flat = tuple(c for g in clusters for c in g)
    words = "; ".join(f"{g[0].value}{_unit(g[0])} at {', '.join(dict.fromkeys(c.where for c in g))}" for g in clusters)
    alike = rounded_alike(clusters[0][0], clusters[1][0]) if len(clusters) == 2 else ""
    averaged = canonical(first.metric) in AVERAGED and not first.class_ and not first.average
    # figures that do not say on which images may speak of different ones
    unplaced = first.split == "unstated" and not first.condition
    loose = any(c.approximate for c in flat) or unplaced or bool(alike) or averaged
    pair = next(((g, h) for i, g in enumerate(clusters) for h in clusters[i + 1 :] if not compatible(g[0], h[0])), None)
    return Draft(
        check="two_values",
        status="implausible" if loose else "inconsistent",
        kind="arithmetic",
        claims=flat + tuple(agreeing),
        severity=(2 if any(c.id in heads for c in flat) else 1),
        statement=f"{_quantity_words(first)} is printed with {len(clusters)} values: "
        f"{', '.join(g[0].value + _unit(g[0]) for g in clusters)}"
        + (", none of which says on which images." if unplaced else "."),
        witness=f"{words}. "
        + (f"{alike[0].upper()}{alike[1:]}." if alike else "No rounding or truncation makes them one number."),
        repair=("" if not alike else "one of the two throughout; else ")
        + ("how each was averaged over the classes; else " if averaged else "")
        + "one is a slip, or they are quantities whose difference (part, run, condition) is not stated.",
        members=() if loose or pair is None or len(clusters) > 2 else tuple(tuple(c.id for c in g) for g in pair),
    )


def _quantity_words(c: Claim) -> str:
    """Return what a claim's figure is of: its metric, network, condition, part, fold and class, as far as it names
    them."""
    part = c.split if c.split != "unstated" else ""
    names = [c.model, c.condition, part, f"fold {c.of_fold}" if c.of_fold else "", c.class_]
    quantity = QUANTITIES.get(c.metric, c.metric.removesuffix("_s").replace("_", " "))
    of = ", ".join(name for name in names if name)
    return f"{quantity} of {of}" if of else quantity


def _unit(claim: Claim) -> str:
    return (
        ""
        if claim.unit in {"", "count", "fraction", "ratio", "px", "m:s", "h:m:s"} or "%" in claim.value
        else (claim.unit if claim.unit == "%" else f" {claim.unit}")
    )


def check_contradicting_settings(ledger: Ledger) -> list[Draft]:
    """A hyper-parameter printed with several values for one network: the readings a re-implementer has to choose
    from."""
    groups: dict[tuple[str, ...], list[Claim]] = {}
    for c in ledger.own:
        if c.metric in SETTINGS:
            condition = c.condition if c.metric in SETTINGS_OF_A_CONDITION else ""
            groups.setdefault((c.metric, c.model or c.arm, condition), []).append(c)
    drafts = (_setting_draft(metric, model, condition, cs) for (metric, model, condition), cs in groups.items())
    return [d for d in drafts if d is not None]


def _setting_draft(metric: str, model: str, condition: str, claims: list[Claim]) -> Draft | None:
    values: dict[str, list[Claim]] = {}
    for c in claims:
        number = printed_number(c.value)
        values.setdefault(str(number.normalize()) if number is not None else plain_text(c), []).append(c)
    if len(values) < 2:
        return None
    places = "; ".join(f"{v[0].value} at {', '.join(dict.fromkeys(c.where for c in v))}" for v in values.values())
    return Draft(
        check="contradicting_settings",
        status="uncheckable",
        kind="ambiguity",
        claims=tuple(claims),
        severity=1,
        statement=f"{metric.replace('_', ' ')}{' of ' + model if model else ''}"
        + (f" ({condition})" if condition else "")
        + f" has {len(values)} values: {', '.join(v[0].value for v in values.values())}.",
        witness=f"{places}.",
        repair="which value was used where.",
    )
