"""Small papers that were once answered wrongly: layers, a positive class that only the study names, other networks'
counts.
"""

from __future__ import annotations

from typing import Any

from leukbench.audit.checks.matrices import matrix_scores, matrix_sums
from leukbench.audit.checks.networks import architecture, network_names
from leukbench.audit.checks.training import plausibility
from leukbench.audit.findings import every_finding
from leukbench.audit.readings.ledger import read
from tests.support.printed_papers import Row, images, paper, score


def layer(position: int, name: str, shape: str, count: str = "") -> list[Row]:
    common = {"model": "net", "condition": f"{position:02d} {name}"}
    found: list[Row] = [{**common, "metric": "output_shape", "value": shape}]
    return found + ([{**common, "metric": "params_layer", "value": count}] if count else [])


def layer_status(*rows: list[Row]) -> list[str]:
    p = paper(score("accuracy", "90"), *(r for group in rows for r in group))
    return [d.status for d in architecture.check_layer_parameters(read(p))]


START = (layer(1, "Conv2D", "(96, 96, 16)"), layer(2, "MaxPooling2D", "(48, 48, 16)"))


def test_a_padded_convolution_keeps_its_side() -> None:
    """3·3·16 weights and a bias for each of 24 maps: 3,480."""
    assert layer_status(*START, layer(3, "Conv2D", "(48, 48, 24)", "3,480")) == ["consistent"]
    assert layer_status(*START, layer(3, "Conv2D", "(48, 48, 24)", "3,481")) == ["inconsistent"]


def test_stride_dilation_separable_and_depth_wise_layers_are_usual() -> None:
    assert layer_status(*START, layer(3, "Conv2D stride 2", "(24, 24, 24)", "3,480")) == ["consistent"]
    assert layer_status(*START, layer(3, "Conv2D dilation 2", "(44, 44, 24)", "3,480")) == ["consistent"]
    # 9·16 + (16 + 1)·24
    assert layer_status(*START, layer(3, "SeparableConv2D", "(46, 46, 24)", "552")) == ["consistent"]
    # (9 + 1)·16
    assert layer_status(*START, layer(3, "DepthwiseConv2D", "(48, 48, 16)", "160")) == ["consistent"]
    assert layer_status(*START, layer(3, "SeparableConv2D", "(46, 46, 24)", "553")) == ["inconsistent"]


def counts_of(positive_from: str) -> Any:
    """900 of ALL all found, 4 of 300 HEM called ALL; printed as tp, fn, fp, tn with classes in the order HEM, ALL."""
    declared: Row = {"id": "cm", "where": "Figure 3", "rows": "actual", "classes": ["HEM", "ALL"]}
    if positive_from == "matrix":
        declared["positive"] = "ALL"
    named = [
        {"metric": m, "value": v, "matrix": "cm", "split": "test", "model": "m", "id": f"p.{m}"}
        for m, v in (("tp", "900"), ("fn", "0"), ("fp", "4"), ("tn", "296"))
    ]
    sizes = [images(n, split="test", **{"class": c}) for c, n in (("ALL", "900"), ("HEM", "300"))]
    recall = score("recall", "98.67", **{"class": "HEM"})
    made = paper(recall, *named, *sizes, classes=("HEM", "ALL"), matrices=[declared])
    study = made.studies["s"].model_copy(update={"positive": "ALL" if positive_from == "study" else None})
    return made.model_copy(update={"studies": {"s": study}})


def test_the_positive_class_of_the_study_holds_for_tp_and_fn() -> None:
    for source in ("matrix", "study"):
        ledger = read(counts_of(source))
        drafts = matrix_sums.check_matrix_class_sizes(ledger) + matrix_scores.check_matrix_scores(ledger)
        assert [d.status for d in drafts] == ["consistent"] * 3, source


def test_where_no_positive_class_is_said_all_readings_are_tried() -> None:
    found = every_finding(counts_of("nowhere"))
    assert not [f for f in found if f.status == "inconsistent"]


def test_counts_in_millions_are_held_against_other_networks_and_sizes() -> None:
    rows: list[Row] = [
        {"model": m, "metric": "params_total", "value": v, "unit": "million"}
        for m, v in (("VGG19", "138"), ("EfficientNetV2-S", "48"), ("ResNet50", "41"), ("ResNet-18", "11.7"))
    ]
    drafts = network_names.check_counts_in_millions(read(paper(score("accuracy", "90"), *rows)))
    assert [d.status for d in drafts] == ["implausible"] * 3 + ["consistent"]
    assert "VGG16" in drafts[0].statement and "times those" in drafts[1].statement


def test_a_headline_that_is_no_share_is_never_turned_into_wrong_images() -> None:
    for metric in ("auc", "f1", "kappa"):
        p = paper(score(metric, "0.93", unit="fraction", n="200"))
        (draft,) = plausibility.check_honest_intervals(read(p))
        assert draft.status == "uncheckable" and "errors on" not in draft.statement and "wrong" not in draft.witness
    (draft,) = plausibility.check_honest_intervals(read(paper(score("accuracy", "93.0", n="200"))))
    assert "14 errors on 200 images" in draft.statement
