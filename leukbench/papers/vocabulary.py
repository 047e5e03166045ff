"""The closed vocabulary of claims: every metric name, its unit, and what it means. Adding a metric is one line here."""

from __future__ import annotations

METRICS: dict[str, str] = {
    # scores of a classifier (unit "%" or "fraction" as printed)
    "accuracy": "share of images classified correctly",
    "balanced_accuracy": "mean of the per-class recalls",
    "error_rate": "1 - accuracy",
    "precision": "TP / (TP + FP)",
    "recall": "TP / (TP + FN), under the name recall",
    "sensitivity": "TP / (TP + FN), under the name sensitivity",
    "specificity": "TN / (TN + FP)",
    "f1": "harmonic mean of precision and recall",
    "auc": "area under the ROC curve",
    "mcc": "Matthews correlation coefficient",
    "kappa": "Cohen's kappa",
    "loss": "value of the training objective",
    "detection_rate": "a 'detection rate' in a paper's own words; defined by its note",
    "prediction_score": "a score shown for one example image",
    # confusion matrices
    "tp": "true positives (a count)",
    "fp": "false positives (a count)",
    "fn": "false negatives (a count)",
    "tn": "true negatives (a count)",
    "matrix_cell": "one cell of a printed multi-class matrix; see keys matrix, row, column",
    # sizes
    "params_total": "all parameters of a network",
    "params_trainable": "trainable parameters",
    "params_nontrainable": "non-trainable parameters",
    "params_layer": "parameters of one layer; the layer is in key condition",
    "output_shape": "shape of one layer's output; the layer is in key condition",
    "n_layers": "a number of layers",
    "n_filters": "a number of filters or feature maps",
    "n_units": "a number of units of a dense layer",
    "n_heads": "a number of attention heads",
    "n_blocks": "a number of blocks",
    "kernel_size": "side of a convolution or pooling kernel",
    "stride": "stride of a convolution or pooling",
    "scaling_factor": "width, depth or resolution of a network against the smallest of its family; the "
    "condition says which",
    "time_s": "wall-clock time; the unit says how it is printed",
    "time_ratio": "a ratio or percentage between times",
    # data
    "n_images": "a number of images; split, class, fold and condition say of what",
    "n_subjects": "a number of subjects or patients",
    "n_classes": "a number of classes",
    "n_folds": "a number of folds",
    "n_runs": "a number of repeated runs",
    "share": "a share of the data or of a split",
    "image_size": "side of an image in pixels",
    "n_channels": "a number of channels",
    # recipe
    "epochs": "training epochs",
    "epoch": "an epoch at which something happens (best, saturation)",
    "iterations": "training iterations",
    "batch_size": "mini-batch size",
    "learning_rate": "learning rate",
    "dropout": "dropout rate",
    "momentum": "momentum of the optimiser or of batch normalisation",
    "regularisation": "weight of a penalty",
    "negative_slope": "slope of a leaky rectifier below zero",
    "augmentation_range": "a printed range of an augmentation; the operation is in key condition",
    "frozen_layers": "layers kept frozen, or unfrozen; the condition says which",
    "threshold": "a decision threshold",
    # differences stated in prose
    "improvement": "a stated gain of one figure over another; the condition says between what",
    "reduction": "a stated reduction of one figure against another",
    "p_value": "a p-value",
    "confidence": "a confidence level or interval bound",
    "other": "a figure of the paper's own experiments that fits no other name; its note says what",
}
"""Metric name -> meaning. ``detection_rate`` and ``other`` need a ``note``."""

AUGMENTED = "after augmentation"
"""The condition of a count that includes augmented copies."""

SCORES = frozenset(
    [
        "accuracy",
        "balanced_accuracy",
        "error_rate",
        "precision",
        "recall",
        "sensitivity",
        "specificity",
        "f1",
        "auc",
        "mcc",
        "kappa",
        "detection_rate",
    ]
)
"""Metrics that a reproduced estimate can be compared with."""

SPLITS = ("", "train", "validation", "test", "train+validation", "all", "unstated")
"""Which part of the data a figure speaks of; "" where that makes no sense (a parameter count)."""

UNITS = ("", "%", "fraction", "count", "px", "s", "min", "h", "deg", "m:s", "h:m:s", "million", "ratio", "points")
