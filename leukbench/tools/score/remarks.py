"""What a file of predictions contradicts itself in, or leaves to a rule: said beside its scores, as
no metric shows it.
"""

from __future__ import annotations

import unicodedata

import numpy as np
import numpy.typing as npt

from leukbench.evaluation.scoring import roc_auc_within
from leukbench.records import Predictions, StringArray
from leukbench.tools.score.predictions import LoadedPredictions
from leukbench.tools.tables.columns import spelled_alike


def remarks_on(loaded: LoadedPredictions) -> tuple[str, ...]:
    """Return one sentence each for whatever a reader of the scores should know about the file; () where there is
    nothing.
    """
    p, unit = loaded.predictions, loaded.unit
    found = [
        *loaded.notes,
        _unnamed_groups(loaded),
        *_alike(p),
        _same_images(p),
        _same_trainings(p),
        _never_tested(p),
        _none_right(p),
        *_mixed_up(p),
        _calls_for_labels(loaded),
        _divided(p, unit),
        *_torn(p),
        _other_than_highest(loaded),
        _ties(loaded),
        _auc_of_folds(loaded),
    ]
    return tuple(text for text in found if text)


def _unnamed_groups(loaded: LoadedPredictions) -> str:
    if loaded.unit != "image":
        return ""
    return (
        "No column names a patient or group: every image counts as a case of its own. Where several are of "
        "one patient, smear or"
        " original, the intervals are too narrow; add a column patient, or say which it is with --map patient=COLUMN."
    )


def _alike(p: Predictions) -> list[str]:
    """Return which patients and groups are spelled so alike that they may be one."""
    texts = []
    for what, names in (("patient", p.patient), ("group", p.group)):
        sets: dict[str, set[str]] = {}
        for name in np.unique(names).tolist():
            sets.setdefault(spelled_alike(name), set()).add(name)
        several = sorted(sorted(found) for key, found in sets.items() if len(found) > 1 and key)
        if several:
            shown = "; ".join(" = ".join(map(repr, found)) for found in several[:3])
            texts.append(
                f"{len(several)} {what}{'s are' if len(several) > 1 else ' is'} written in several ways that "
                "differ only in case, blanks, dashes or"
                f" leading zeros ({shown}{'; …' if len(several) > 3 else ''}): they count as different; write "
                "one that is one in one way."
            )
            break
    return texts


def _same_images(p: Predictions) -> str:
    """Return the ids of images that may be one file: they differ only in case, slashes or a leading ``./``."""
    names = p.images[0].tolist()
    plain = [unicodedata.normalize("NFC", name.replace("\\", "/").removeprefix("./").casefold()) for name in names]
    if len(set(plain)) == len(names):
        return ""
    sets: dict[str, set[str]] = {}
    for name, alike in zip(names, plain, strict=True):
        sets.setdefault(alike, set()).add(name)
    several = [" = ".join(map(repr, sorted(found))) for found in sets.values() if len(found) > 1]
    if not several:
        return ""
    return (
        f"{len(several)} image{'s have' if len(several) > 1 else ' has'} several ids that differ only in case or a "
        f"leading ./ ({'; '.join(several[:3])}{'; …' if len(several) > 3 else ''}): each id counts as an image of its "
        "own; where they are one, write one id."
    )


def _same_trainings(p: Predictions) -> str:
    """Return which seeds hold the same calls and scores of the same images: they are one training, most likely.

    Calls alone say so only where many are wrong: two good networks may call the same images right.
    """
    if len(p) < 20 or (np.isnan(p.scores).all() and (p.label != p.predicted).sum() < 20):
        return ""
    said: dict[bytes, list[str]] = {}
    for seed in np.unique(p.seed).tolist():
        rows = np.flatnonzero(p.seed == seed)
        rows = rows[np.lexsort((p.fold[rows], p.image_id[rows]))]
        found = (p.image_id, p.fold, p.predicted, p.scores)
        said.setdefault(b"".join(array[rows].tobytes() for array in found), []).append(str(seed))
    several = "; ".join(", ".join(seeds) for seeds in said.values() if len(seeds) > 1)
    return (
        f"Seeds {several} say the same of every image: they may be one training several times; then the intervals say "
        "nothing of another one."
        if several
        else ""
    )


def _never_tested(p: Predictions) -> str:
    absent = [name for c, name in enumerate(p.classes) if not (p.label == c).any()]
    if not absent:
        return ""
    return (
        f"No image is of {', '.join(absent)}: what needs them is undefined, and the AUC is that of the "
        "classes that are there."
    )


def _none_right(p: Predictions) -> str:
    if len(p) < 10 or (p.label == p.predicted).any():
        return ""
    return "Not one row is right: a list of the errors alone looks so; then nothing is scored here."


def _calls_for_labels(loaded: LoadedPredictions) -> str:
    """Return a doubt about a file whose labels are all the class with the highest score: some print the call alone."""
    p = loaded.predictions
    if loaded.with_predicted or not loaded.with_scores or len(p) < 20 or (p.label != p.predicted).any():
        return ""
    return (
        "Every label is the class with the highest score: the column may hold the calls and not the true classes; "
        "then nothing is scored here."
    )


def _mixed_up(p: Predictions) -> list[str]:
    """Return doubts about the names of the classes: of the whole file, else of its folds and seeds, each by itself."""
    whole = _exchanged(p, np.ones(len(p), dtype=bool))
    if whole:
        return [f"The classes may be mixed up: {whole}"]
    parts = [
        (what, int(name), codes == name)
        for what, codes in (("fold", p.fold), ("seed", p.seed))
        for name in np.unique(codes)
        if len(np.unique(codes)) > 1
    ]
    found = [(what, name, _exchanged(p, rows, by_class=True)) for what, name, rows in parts]
    return [f"The classes of {what} {name} may be mixed up: {text}" for what, name, text in found if text]


def _exchanged(p: Predictions, rows: npt.NDArray[np.bool_], *, by_class: bool = False) -> str:
    """Return which classes of these rows another naming would set right, or "".

    Either fewer than half of all are right and three quarters would be; or, among classes that exchange their names
    (20 rows at least), three quarters would be, and of each more than half are called as the next. ``by_class``: the
    second alone, as a fold may test a single class.
    """
    from scipy.optimize import linear_sum_assignment

    n = len(p.classes)
    counts = np.bincount(p.label[rows] * n + p.predicted[rows], minlength=n * n).reshape(n, n)
    actual, called = linear_sum_assignment(-counts)
    right, best, total = np.trace(counts), counts[actual, called].sum(), counts.sum()
    moved = [a for a in range(n) if called[a] != a and counts[a, called[a]]]
    if by_class or total < 20 or right >= 0.5 * total or best < 0.75 * total:
        moved = [a for cycle in _cycles(called) if _is_exchange(counts, cycle, called) for a in cycle]
        best = right + sum(counts[a, called[a]] - counts[a, a] for a in moved)
    if not moved:
        return ""
    names = ", ".join(f"{p.classes[called[a]]} for {p.classes[a]}" for a in moved)
    return (
        f"{100 * right / total:.1f} % are right as the file names them, {100 * best / total:.1f} % would be if it "
        f"writes {names}."
    )


def _cycles(called: npt.NDArray[np.intp]) -> list[list[int]]:
    """Return the cycles of a permutation that move something.

    >>> _cycles(np.array([1, 0, 2, 4, 3]))
    [[0, 1], [3, 4]]
    """
    found: list[list[int]] = []
    for start in range(len(called)):
        cycle = [start]
        while int(called[cycle[-1]]) != start:
            cycle.append(int(called[cycle[-1]]))
        if len(cycle) > 1 and start == min(cycle):
            found.append(cycle)
    return found


def _is_exchange(counts: npt.NDArray[np.int64], cycle: list[int], called: npt.NDArray[np.intp]) -> bool:
    moved, of_class = counts[cycle, called[cycle]], counts[cycle].sum(axis=1)
    return bool(of_class.sum() >= 20 and (2 * moved > of_class).all() and moved.sum() >= 0.75 * of_class.sum())


def divided_groups(p: Predictions) -> list[str]:
    """Return the groups whose images are tested in several folds of a seed, not all of them in each.

    Where folds are those of a cross-validation, the model that tested some of a group's images was trained on the
    others. Folds that each test all images of a group (repeated tests) divide nothing.

    Parameters
    ----------
    p
        Predictions with folds.

    Returns
    -------
    Names of groups, sorted.
    """
    if len(np.unique(p.fold)) < 2:
        return []
    seed, group, fold, image = (np.unique(a, return_inverse=True)[1] for a in (p.seed, p.group, p.fold, p.image_id))
    tested = np.unique(np.stack([seed, group, fold, image]), axis=1)
    in_all = np.unique(tested[[0, 1, 3]], axis=1)
    of_group, n_images = np.unique(in_all[:2], axis=1, return_counts=True)
    in_fold, n_in_fold = np.unique(tested[:3], axis=1, return_counts=True)
    width = int(group.max()) + 1
    at = np.searchsorted(of_group[0] * width + of_group[1], in_fold[0] * width + in_fold[1])
    parts = np.unique(in_fold[1][n_in_fold < n_images[at]])
    return [str(name) for name in np.unique(p.group)[parts]]


def _divided(p: Predictions, unit: str) -> str:
    names = divided_groups(p)
    if not names:
        return ""
    return (
        f"{len(names)} of {len(np.unique(p.group))} {unit}s have images in several folds, such as {names[0]}: "
        "in a cross-validation"
        f" their other images were trained on, and these scores say nothing about new {unit}s."
    )


def _torn(p: Predictions) -> list[str]:
    """Return what lies in several groups though it must not: patients, and copies of one origin."""
    texts = []
    for what, names in (("patient", p.patient), ("origin", p.origin)):
        torn = _in_several(names, p.group)
        if torn:
            texts.append(
                f"{len(torn)} {what}{'s lie' if len(torn) > 1 else ' lies'} in several groups, such as "
                f"{torn[0]}: intervals by group are"
                f" too narrow. A group must hold whole {what}s."
            )
    return texts


def _in_several(names: StringArray, groups: StringArray) -> list[str]:
    named = names != ""
    if not named.any() or (names == groups).all():
        return []
    pairs = np.unique(np.stack([names[named], groups[named]]), axis=1)
    found, count = np.unique(pairs[0], return_counts=True)
    return [str(name) for name in found[count > 1]]


def _other_than_highest(loaded: LoadedPredictions) -> str:
    p = loaded.predictions
    if not (loaded.with_scores and loaded.with_predicted):
        return ""
    n = int((p.scores[np.arange(len(p)), p.predicted] < p.scores.max(axis=1)).sum())
    if not n:
        return ""
    return (
        f"{n} of {len(p)} rows name another class in predicted than the one with the highest score: accuracy, "
        "MCC and F1 follow"
        " predicted; AUC and calibration follow the scores."
    )


def _ties(loaded: LoadedPredictions) -> str:
    p = loaded.predictions
    if not loaded.with_scores or loaded.with_predicted:
        return ""
    best: npt.NDArray[np.bool_] = p.scores == p.scores.max(axis=1, keepdims=True)
    n = int((best.sum(axis=1) > 1).sum())
    if not n:
        return ""
    return (
        f"{n} of {len(p)} rows have several highest scores: the class whose column stands first "
        f"({', '.join(p.classes)}) is taken."
    )


def _auc_of_folds(loaded: LoadedPredictions) -> str:
    """Return that the AUC is one within folds, where it is another one over all rows at once, as most print it."""
    p = loaded.predictions
    folds = len(np.unique(p.fold))
    if not loaded.with_scores or folds < 2:
        return ""
    of_seed = [p.seed == seed for seed in np.unique(p.seed)]
    whole = np.zeros(len(p), dtype=np.int64)
    within, pooled = (
        float(np.mean([roc_auc_within(p.label[rows], p.scores[rows], fold[rows]) for rows in of_seed]))
        for fold in (p.fold, whole)
    )
    if np.isnan(pooled) or f"{within:.3f}" == f"{pooled:.3f}":
        return ""
    return (
        f"The AUC is computed within each of the {folds} folds and averaged, as each fold has a model of its own; over "
        f"all rows at once it is {pooled:.3f}."
    )
