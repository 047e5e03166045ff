"""What captions say of their tables: the part of the data, a fold, other images, the network or the data."""

from __future__ import annotations

import re

_PART = re.compile(
    r"(?<!after )(?<!before )(?<!during )(?<!without )\b(train)(?:ing)?\b(?! (?:for|with|time|epoch))|"
    r"(?<!cross-)(?<!cross )\bval(?:idation)?\b",
    re.IGNORECASE,
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_FOLD = re.compile(
    rf"\bfold\s*[-_=#]?\s*(\d+)|\b(\d+)(?:st|nd|rd|th) fold|\b({'|'.join(_ORDINALS)}) fold", re.IGNORECASE
)
_OTHERS = re.compile(
    r"\b(?:extern|intern|independent|unseen|cent(?:re|er)|cohort|hospital|patients?|subjects?|slides?|augment|"
    r"train(?:ing)?\b|validation|fold|subset|experts?|raters?|observers?)",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"\b(?:extern|independent|cent(?:re|er)|hospital|cohort|patient[- ]level|per[- ]patient|by patient|slide[- ]level|"
    r"subject[- ]level|majority vot)",
    re.IGNORECASE,
)
_NO_MATRIX = re.compile(
    r"mcnemar|contingency|agreement|correlation|co-?occurrence|p-values?|"
    r"\bbetween (?:the )?(?:two |both )?(?:net|model)",
    re.IGNORECASE,
)
_RESULTS = re.compile(r"confusion|correct|wrong|misclass|\berrors?\b", re.IGNORECASE)
_NETWORK = re.compile(
    r"\b(?:(?!imagenet)[a-z]*net|vgg|inception|xception|vit|swin|deit|[a-z]*former|svm|knn|xgboost|yolo|"
    r"model(?= [a-z\d]\b))(?:[- ]?[a-z]{0,2}\d+[a-z]?\d*|(?<=model) [a-z])*\b",
    re.IGNORECASE,
)
_DATA = re.compile(r"\b(?:on|from) (?:the )?((?!Fig|Tab|Sec|Test|Train|Val)[A-Z][\w-]*(?:[ -][A-Z\d][\w-]*)*)")
_CONTRASTS = (("internal", "external"), ("before", "after"), ("baseline", "proposed"))


def part_of(caption: str) -> str:
    """Return the part of the data that a caption speaks of; "test" where it does, or of none.

    >>> [part_of(text) for text in ("Confusion matrix (validation)", "Test results after training", "Cross-validation")]
    ['validation', 'test', 'test']
    """
    part = _PART.search(caption)
    if part is None or re.search(r"\btest", caption, re.IGNORECASE):
        return "test"
    return "train" if part[1] else "validation"


def fold_of(caption: str) -> str:
    """Return the fold that a caption speaks of, "" where of none.

    >>> [fold_of(text) for text in ("Matrix, fold 2", "for the third fold", "5-fold cross-validation")]
    ['2', '3', '']
    """
    match = _FOLD.search(caption)
    if match is None:
        return ""
    return match[1] or match[2] or str(_ORDINALS.index(match[3].lower()) + 1)


def of_others(caption: str) -> bool:
    """Whether a caption speaks of something else than the tested images of a study as a whole, as of another centre."""
    return _OTHERS.search(caption) is not None


def elsewhere(caption: str) -> bool:
    """Whether a caption speaks of scores on other images than a study's test part, or counted by patient.

    >>> elsewhere("Results on the external test set of ALL-IDB2"), elsewhere("Results of five-fold cross-validation")
    (True, False)
    """
    return _ELSEWHERE.search(caption) is not None


def of_no_matrix(caption: str) -> bool:
    """Whether a caption speaks of a square table that holds no classes called against actual ones."""
    return _NO_MATRIX.search(caption) is not None


def of_results(caption: str) -> bool:
    """Whether a caption speaks of results, so that whole numbers are no images of a part of the data."""
    return _RESULTS.search(caption) is not None or of_no_matrix(caption)


def name_others(caption: str, other: str) -> bool:
    """Whether two captions name networks, or data, that have none in common, or are opposites.

    >>> name_others("VGG16 confusion matrix", "Results (ResNet-50)"), name_others("Matrix of VGG", "Scores on C-NMC")
    (True, False)
    >>> name_others("ResNet 50", "ResNet50"), name_others("the internal test set", "the external test set")
    (False, True)
    >>> name_others("without TTA", "with TTA"), name_others("Matrix without normalization", "Results with 95 % CI")
    (True, False)
    """
    for words in (_NETWORK, _DATA):
        first, second = (
            {re.sub(r"[ -]", "", match[match.lastindex or 0]).casefold() for match in words.finditer(text)}
            for text in (caption, other)
        )
        alike = any(a.startswith(b) or b.startswith(a) for a in first for b in second)  # as VGG and VGG16 may be
        if first and second and not alike:
            return True
    here, there = ({*re.findall(r"without \w+|with \w+|\w+", text.casefold())} for text in (caption, other))
    here, there = here - there, there - here
    opposites = [
        *_CONTRASTS,
        *((word, word.replace("out", "", 1)) for word in here | there if word.startswith("without ")),
    ]
    return any((a in here and b in there) or (b in here and a in there) for a, b in opposites)
