"""A finding in a few words, for tables whose rows are one line; its full sentence stands on the paper's page."""

from __future__ import annotations

from leukbench.papers.schema import Paper
from leukbench.records import Finding

LONGEST = 68
"""Characters that fit one line of the first page's third column, and of the README's."""
_IN_SHORT = {
    "balanced_classes": "accuracy and sensitivity cannot both average equal classes",
    "common_n": "no test part of the stated size gives all networks' accuracies",
    "derived_release": "its images are copies of fewer originals",
    "f1_of_precision_recall": "an F1 above what precision and recall allow",
    "few_originals": "its test images are copies of few originals",
    "grid": "no number of right images gives that figure",
    "informedness": "recalls as of a classifier that does not look",
    "matrix_scores": "its scores do not follow from the counts that the paper prints",
    "matrix_total": "a matrix does not add up to the stated images",
    "one_figure_two_parts": "one figure, said of two parts of the images",
    "one_figure_two_studies": "one figure, printed for two datasets",
    "perfect_scores": "scores printed as 1 beside an accuracy below 100 %",
    "public_counts": "counts of images that were never published",
    "public_pool_is_training": "its training images are the whole release, test part included",
    "two_values": "one figure, printed with two values",
}


def briefly(finding: Finding, paper: Paper) -> str:
    """Return what a finding on a paper says in a few words of its kind; of a kind that has none, its sentence."""
    claims = [paper.claim(name) for name in finding.claims]
    if finding.check == "training_as_headline":  # not always the figure that stands beside it
        return f"the {claims[0].value} quoted as its result is a training accuracy"
    if finding.check == "matrix_scores" and finding.status == "implausible" and any(c.split_assumed for c in claims):
        return "scores that do not follow from its counts, if of the same images"
    return _IN_SHORT.get(finding.check, finding.statement)
