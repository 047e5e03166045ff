"""What is planted into honest experiments, one error at a time, and which checks it is aimed at."""

from __future__ import annotations

from dataclasses import dataclass

from leukbench.audit.power.planting import (
    Plant,
    auc_too_low,
    below_majority,
    better_validation,
    change_count,
    exchange_in_text,
    harmonic_of_recalls,
    misquote,
    no_whole_number,
    other_class_shares,
    pool_classes,
    recalls_of_no_look,
    same_in_validation,
    same_on_other_data,
    set_beyond,
    set_value,
    shift_equal_recall,
    shift_gain,
    shift_mean,
    shift_score,
    shift_value,
    shuffled_labels,
    smooth_curve,
    swap_cells,
    training_as_test,
    wider_spread,
    wrong_fold_total,
    wrong_formula,
)


@dataclass(frozen=True)
class Corruption:
    """A planted error: its name, how it is planted (returning the ids touched, "" where it cannot be), the checks
    that should see it.

    ``milder`` names the (check, status) that count beside ``inconsistent``, where a check says no more than that.
    """

    name: str
    plant: Plant
    aimed: tuple[str, ...]
    milder: tuple[tuple[str, str], ...] = ()


ROWS = ("binary_rows", "accuracy_between")


CORRUPTIONS: tuple[Corruption, ...] = (
    *(
        Corruption(f"{metric} of two classes off by 3 to 12 points", shift_score(metric, binary=True), aimed)
        for metric, aimed in (
            ("accuracy", ROWS),
            ("precision", ("binary_rows",)),
            ("recall", ("binary_rows",)),
            ("f1", ("binary_rows", "f1_of_precision_recall")),
        )
    ),
    *(
        Corruption(
            f"{metric} of several classes off by 3 to 12 points",
            shift_score(metric, binary=False),
            ("multiclass_rows",),
            (("multiclass_rows", "implausible"),),
        )
        for metric in ("accuracy", "precision", "recall", "f1")
    ),
    Corruption(
        "recall of equally large classes off by 3 to 12 points",
        shift_equal_recall,
        ("balanced_classes", "multiclass_rows"),
    ),
    Corruption(
        "accuracy beside its matrix off by 3 to 12 points",
        shift_score("accuracy", binary=True, with_matrix=True),
        ("matrix_scores",),
    ),
    Corruption(
        "a matrix cell off by 1 to 29",
        change_count("matrix_cell", matrix="ma"),
        ("matrix_total", "matrix_class_sizes", "matrix_scores"),
    ),
    Corruption("the two error cells exchanged", swap_cells, ("matrix_scores", "matrix_class_sizes")),
    Corruption("two error counts exchanged in the text", exchange_in_text, ("prose_counts",)),
    Corruption(
        "a test class count off by 1 to 29",
        change_count("n_images", split="test"),
        ("class_sums", "matrix_class_sizes"),
    ),
    Corruption(
        "the whole dataset off by 1 to 29", change_count("n_images", split="all"), ("split_sums", "stated_sums")
    ),
    Corruption("a total over folds off by 1 to 29", wrong_fold_total, ("fold_sums",)),
    Corruption(
        "an augmented count that is no multiple",
        change_count("n_images", condition="after augmentation"),
        ("multipliers",),
        (("multipliers", "implausible"),),
    ),
    Corruption(
        "a share of the data off by 3 to 12 points",
        shift_value("share"),
        ("split_shares",),
    ),
    Corruption(
        "iterations off by 1 to 29",
        change_count("iterations"),
        ("iterations",),
        (("iterations", "implausible"),),
    ),
    Corruption(
        "a mean over folds off by 1 to 6 points",
        shift_mean,
        ("means", "fold_means"),
        (("fold_means", "implausible"),),
    ),
    Corruption(
        "precision over folds off by 3 to 12 points",
        shift_value("precision", model="g"),
        ("fold_scores",),
        (("fold_scores", "implausible"),),
    ),
    Corruption(
        "F1 over folds off by 3 to 12 points",
        shift_value("f1", model="g"),
        ("fold_scores",),
        (("fold_scores", "implausible"),),
    ),
    Corruption("a stated gain off by 2.2 to 9 points", shift_gain, ("gains",)),
    Corruption(
        "the accuracy of the abstract off by 1 to 6 points",
        shift_value("accuracy", (1, 6), where="Abstract"),
        ("two_values",),
        (("two_values", "implausible"),),
    ),
    Corruption(
        "epochs said with two values",
        change_count("epochs"),
        ("contradicting_settings",),
        (("contradicting_settings", "uncheckable"),),
    ),
    Corruption("an accuracy above 100 %", set_beyond, ("range",)),
    Corruption("an accuracy between two numbers of images", no_whole_number, ("grid",)),
    Corruption(
        "an MCC of 1.000 beside errors",
        set_value("sim.a.mcc", "1.000"),
        ("perfect_scores",),
        (("perfect_scores", "implausible"),),
    ),
    Corruption(
        "pooled classes in rows of several",
        pool_classes,
        ("binary_reading",),
        (("binary_reading", "implausible"),),
    ),
    Corruption(
        "F1 computed from both recalls",
        harmonic_of_recalls,
        ("coincidences",),
        (("coincidences", "implausible"),),
    ),
    Corruption(
        "scores of another class balance",
        other_class_shares,
        ("dataset_balance",),
        (("dataset_balance", "implausible"),),
    ),
    Corruption(
        "a layer's parameters off by 1 to 29", change_count("params_layer"), ("layer_parameters", "layer_totals")
    ),
    Corruption("the total of parameters off by 1 to 29", change_count("params_total"), ("layer_totals", "total_split")),
    Corruption(
        "training accuracy quoted",
        training_as_test,
        ("training_as_headline",),
        (("training_as_headline", "implausible"),),
    ),
    Corruption(
        "a test accuracy called validation",
        same_in_validation,
        ("one_figure_two_parts",),
        (("one_figure_two_parts", "implausible"),),
    ),
    Corruption(
        "one accuracy for two datasets",
        same_on_other_data,
        ("one_figure_two_studies",),
        (("one_figure_two_studies", "implausible"),),
    ),
    Corruption(
        "accuracy below the largest class",
        below_majority,
        ("below_majority",),
        (("below_majority", "implausible"),),
    ),
    Corruption("an AUC that its operating point does not allow", auc_too_low, ("auc_bounds",)),
    Corruption(
        "predictions and labels in different orders",
        shuffled_labels,
        ("independence",),
        (("independence", "implausible"),),
    ),
    Corruption(
        "recalls of a classifier that does not look",
        recalls_of_no_look,
        ("informedness",),
        (("informedness", "implausible"),),
    ),
    Corruption(
        "a curve that only rises",
        smooth_curve,
        ("smooth_curves",),
        (("smooth_curves", "implausible"),),
    ),
    Corruption(
        "the last epoch against the final figure",
        shift_value("accuracy", condition="epoch 10"),
        ("final_epoch",),
        (("final_epoch", "implausible"),),
    ),
    Corruption(
        "validation far above test",
        better_validation,
        ("test_against_validation",),
        (("test_against_validation", "implausible"),),
    ),
    Corruption(
        "a spread wider than its parts",
        wider_spread,
        ("spreads",),
        (("spreads", "implausible"),),
    ),
    Corruption(
        "a quoted row that cannot be binary",
        misquote,
        ("cited_rows",),
        (("cited_rows", "uncheckable"),),
    ),
    Corruption(
        "a wrong printed formula",
        wrong_formula,
        ("formulas",),
        (("formulas", "implausible"),),
    ),
)
"""What is planted, one at a time, into an honest experiment in which it can be."""
