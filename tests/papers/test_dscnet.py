"""What the dscnet folder must hold: exact sizes, arms that train, and figures that stand where the ledger says."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import nn

from leukbench.cohort.splits import make_splits
from leukbench.errors import InputError, WeightsUnavailable
from leukbench.papers.dscnet import model
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Arm, Claim, Paper
from leukbench.records import MANIFEST_COLUMNS, Augmentation

ROOT = Path(__file__).resolve().parents[2]
TEXT = ROOT.parent / "shared" / "papers" / "dscnet.txt"
LOSSES = {"kl": "kl_divergence", "mce": "categorical_cross_entropy", "sm": "sparse_categorical_cross_entropy"}
NETWORKS = ("dscnet", "vgg16", "resnet50", "alexnet")


@pytest.fixture(scope="module")
def paper() -> Paper:
    return load_paper("dscnet")


def build(paper: Paper, name: str, **changed: Any) -> nn.Module:
    network = paper.networks[name]
    builder = getattr(model, network.builder)
    built: nn.Module = builder(4, input_px=224, pretrained=False, **(network.options | changed))
    return built


def size(network: nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())


# ------------------------------------------------------------------------------------------------------- networks


def hand_count(flat: int, learnable_filter: bool) -> int:
    """Algorithm 1 with 32 filters of 3x3: inputs of 3, then 32 more after each dense block; dense 128, dense 4."""
    convolutions = sum(9 * channels * 32 + 32 for channels in (3, 35, 67, 99, 131, 163))
    assert convolutions == 896 + 10_112 + 19_328 + 28_544 + 37_760 + 46_976
    return convolutions + (flat * 128 + 128) + (128 * 4 + 4) + (84 if learnable_filter else 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dscnet", 345_048),
        ("dscnet_fixed_filter", 344_964),
        ("dscnet_unfiltered", 344_964),
        ("dscnet_literal", 205_665_240),
        ("vgg16", 138_357_544 - 4096 * 1000 - 1000 + 4096 * 4 + 4),
        ("resnet50", 25_557_032 - 2048 * 1000 - 1000 + 2048 * 4 + 4),
        ("alexnet", 61_100_840 - 4096 * 1000 - 1000 + 4096 * 4 + 4),
    ],
)
def test_each_reading_has_its_parameter_count(paper: Paper, name: str, expected: int) -> None:
    with torch.device("meta"):  # the literal reading would take 823 MB
        assert size(build(paper, name)) == expected


def test_parameter_counts_follow_from_the_layers_by_hand() -> None:
    assert hand_count(7 * 7 * 32, learnable_filter=False) == 344_964
    assert hand_count(7 * 7 * 32, learnable_filter=True) == 345_048
    assert hand_count(224 * 224 * 32, learnable_filter=True) == 205_665_240


def test_each_dense_block_adds_32_channels_and_halves_the_side(paper: Paper) -> None:
    shapes: list[tuple[int, ...]] = []
    network: Any = build(paper, "dscnet")
    for convolution in network.backbone.convolutions:
        convolution.register_forward_hook(lambda _, inputs, __: shapes.append(tuple(inputs[0].shape[1:])))
    out = network.backbone(torch.rand(1, 3, 224, 224))
    assert shapes == [(3, 224, 224), (35, 112, 112), (67, 56, 56), (99, 28, 28), (131, 14, 14), (163, 7, 7)]
    assert tuple(out.shape) == (1, 32, 7, 7)


def test_the_filtered_image_reaches_the_second_convolution_rectified_and_pooled(paper: Paper) -> None:
    seen: list[torch.Tensor] = []
    network: Any = build(paper, "dscnet_unfiltered")
    network.backbone.convolutions[1].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    images = torch.randn(1, 3, 64, 64)
    network.backbone(images)
    expected = nn.functional.max_pool2d(images.clamp(min=0), 2)
    torch.testing.assert_close(seen[0][:, 32:], expected)


def test_the_fixed_filter_leaves_a_flat_image_and_sharpens_a_dot() -> None:
    fixed = model.FixedFilter(model.SHARPEN)
    torch.testing.assert_close(fixed(torch.full((1, 3, 5, 5), 0.4)), torch.full((1, 3, 5, 5), 0.4))
    dot = torch.zeros(1, 3, 5, 5)
    dot[0, :, 2, 2] = 1.0
    out = fixed(dot)
    assert out[0, 0, 2, 2] == 5.0 and out[0, 1, 1, 2] == -1.0 and out[0, 2, 0, 0] == 0.0
    assert not list(fixed.parameters())


def test_the_literal_head_cuts_scores_at_zero_and_the_plain_one_does_not(paper: Paper) -> None:
    torch.manual_seed(0)
    images = torch.rand(8, 3, 64, 64)
    for head, cut in (("plain", False), ("literal", True)):
        network = model.dscnet(4, input_px=64, pretrained=False, head=head).eval()  # type: ignore[arg-type]
        assert bool((network(images) >= 0).all()) is cut


def test_refuses_pretrained_weights_and_images_that_cannot_be_halved_five_times() -> None:
    with pytest.raises(WeightsUnavailable, match="no pretrained weights"):
        model.dscnet(4, input_px=224, pretrained=True)
    with pytest.raises(InputError, match="too small"):
        model.dscnet(4, input_px=31, pretrained=False)


TRAINED = [
    ("dscnet", 1),
    ("dscnet_fixed_filter", 1),
    ("resnet50", 2),  # timm starts each residual branch with a factor of 0, which the first step must lift
    ("alexnet", 1),
    pytest.param("vgg16", 1, marks=pytest.mark.slow),  # 134 million weights at 224 px
]


@pytest.mark.trains
@pytest.mark.parametrize(("name", "steps"), TRAINED)
def test_every_trained_network_gives_finite_logits_and_its_weights_move(paper: Paper, name: str, steps: int) -> None:
    torch.manual_seed(0)
    network = build(paper, name).train()
    images, labels = torch.rand(2, 3, 224, 224), torch.tensor([0, 3])
    kernels = [weights for weights in network.parameters() if weights.ndim > 1]  # a new factor of a batch norm may stay
    before = [weights.detach().clone() for weights in kernels]
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(steps):
        logits = network(images)
        assert tuple(logits.shape) == (2, 4) and bool(torch.isfinite(logits).all())
        optimiser.zero_grad()
        nn.functional.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    changed = [not torch.equal(a, b) for a, b in zip(before, kernels, strict=True)]
    assert all(changed)


def test_every_trained_network_is_tested_above(paper: Paper) -> None:
    assert {arm.network for arm in paper.arms.values()} == {"dscnet_fixed_filter", *NETWORKS}


# ----------------------------------------------------------------------------------------------- arms and protocols


def test_arms_are_networks_by_losses_by_augmentation(paper: Paper) -> None:
    grid = {f"{net}_{loss}{aug}" for net in NETWORKS for loss in LOSSES for aug in ("", "_aug")}
    assert set(paper.arms) == grid | {"dscnet_fixed_filter_kl_aug"}
    assert [name for name, arm in paper.arms.items() if arm.role == "proposed"] == ["dscnet_kl_aug"]


def fields(paper: Paper, arm: Arm) -> dict[str, Any]:
    return {"network": arm.network, "study": arm.study, **dataclasses.asdict(paper.recipes[arm.recipe].recipe)}


@pytest.mark.parametrize("net", NETWORKS)
@pytest.mark.parametrize("aug", ["", "_aug"])
def test_arms_of_the_three_losses_differ_only_in_the_loss(paper: Paper, net: str, aug: str) -> None:
    arms = {loss: fields(paper, paper.arms[f"{net}_{loss}{aug}"]) for loss in LOSSES}
    assert {loss: arm.pop("loss") for loss, arm in arms.items()} == LOSSES
    assert arms["kl"] == arms["mce"] == arms["sm"]


@pytest.mark.parametrize("net", NETWORKS)
def test_augmented_arms_differ_from_the_others_only_in_augmentation(paper: Paper, net: str) -> None:
    for loss in LOSSES:
        plain, augmented = (fields(paper, paper.arms[f"{net}_{loss}{aug}"]) for aug in ("", "_aug"))
        assert Augmentation(**plain.pop("augmentation")).operations == ()
        assert Augmentation(**augmented.pop("augmentation")).operations
        assert plain == augmented


def test_stated_hyperparameters_are_in_every_recipe(paper: Paper) -> None:
    printed = {claim.metric: claim.number for claim in paper.claims if claim.where.startswith("Section 3.2")}
    for named in paper.recipes.values():
        recipe = named.recipe
        assert math.isclose(recipe.learning_rate, float(printed["learning_rate"] or 0))
        assert recipe.epochs == printed["epochs"] and recipe.batch_size == printed["batch_size"]
        assert math.isclose(recipe.l2, float(printed["regularisation"] or 0))
    assert [str(rate) for rate in model.DROPOUT] == [c.value for c in paper.claims if c.metric == "dropout"]


def test_copies_are_planned_before_the_split_only_where_the_habit_is_measured(paper: Paper) -> None:
    study = paper.studies["aria"]
    for protocol, readings in study.protocols.items():
        for reading in readings:
            before = protocol in ("as_published", "augment_first")
            assert reading.rule.augment == ("before" if before else "after_train"), (protocol, reading.name)
            assert reading.rule.unit == ("group" if protocol == "patient" else "image")
    patient, image = study.protocols["patient"][0].rule, study.protocols["image"][0].rule
    assert dataclasses.replace(image, unit="group") == patient


def test_rungs_train_on_equally_many_images(paper: Paper) -> None:
    rungs = {name: r[0].rule for name, r in paper.studies["aria"].protocols.items() if name != "as_published"}
    first = rungs["augment_first"]
    assert first.class_size is not None and first.k is not None
    expected = first.class_size * (first.k - 1) / first.k * (1 - first.validation)
    assert rungs["image"].class_size == rungs["patient"].class_size == round(expected) == 3600


def aria_like_manifest() -> tuple[pd.DataFrame, pd.DataFrame]:
    """As many originals a class as Aria et al. published, in groups of sixteen."""
    published = {"Benign": 504, "Early": 985, "Pre": 963, "Pro": 804}
    ids = [(f"{label}-{i:03d}", label, f"{label}-{i // 16}") for label, n in published.items() for i in range(n)]
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    rows = [{**blank, "image_id": i, "origin": i, "label": label, "pool": "original"} for i, label, _ in ids]
    groups = [{"image_id": i, "group": g, "reason": "near_identical", "evidence": "inferred"} for i, _, g in ids]
    return pd.DataFrame(rows), pd.DataFrame(groups)


def test_protocols_have_the_printed_size_and_copies_cross_only_where_they_come_first(paper: Paper) -> None:
    manifest, groups = aria_like_manifest()
    study = paper.studies["aria"]
    for protocol, readings in study.protocols.items():
        for reading in readings:
            split = make_splits(manifest, groups, reading.rule, seed=0, classes=study.classes, n_searched=1)
            fold = split[split["fold"].eq(0)]
            train, tested = fold[fold["role"].eq("train")], fold[fold["role"].eq("test")]
            crossing = set(train["origin"]) & set(tested["origin"])
            if protocol in ("as_published", "augment_first"):
                assert fold["label"].value_counts().to_dict() == dict.fromkeys(study.classes, 5000), reading.name
                assert len(crossing) > 0.9 * tested["origin"].nunique()
            else:
                assert train["label"].value_counts().to_dict() == dict.fromkeys(study.classes, 3600), reading.name
                assert not crossing and tested["copy"].eq(0).all()
            assert bool(set(train["group"]) & set(tested["group"])) is (protocol != "patient")


# ----------------------------------------------------------------------------------------------------------- claims


def test_every_combination_prints_all_five_scores_except_where_the_text_repeats_another(paper: Paper) -> None:
    scores = ("accuracy", "sensitivity", "specificity", "f1", "auc")
    missing = []
    for arm in set(paper.arms) - {"dscnet_fixed_filter_kl_aug"}:
        found = {c.metric for c in paper.claims if c.arm == arm and c.where.startswith("Section 4.4")}
        missing += [(arm, metric) for metric in scores if metric not in found]
    assert missing == [("resnet50_kl", "sensitivity")]


def test_twice_printed_figures_are_kept_with_both_values(paper: Paper) -> None:
    def printed(arm: str, metric: str) -> list[str]:
        return [c.value for c in paper.claims if (c.arm, c.metric) == (arm, metric)]

    assert printed("dscnet_mce_aug", "auc") == ["98.92", "98.99"]
    assert printed("dscnet_mce_aug", "accuracy") == ["98.98", "98.98"]
    assert printed("resnet50_kl", "specificity") == ["98.71", "96.69"]
    assert printed("dscnet_kl_aug", "accuracy") == ["99.37"] * 3


# Where each place begins and ends in the text: the first line that holds `start`, up to the next that holds `stop`.
PLACES = {
    "Abstract": ("Abstract: Acute", "Keywords:"),
    "Section 2, paragraph 7": ("Ullah et al. [29] provided", "Devi et al. [32] utilized"),
    "Algorithm 1, line 16": ("- 16: Layer 14", "- 17: **Final"),
    "Section 3.2, item 1": ("1. **Learning Rate**", "2. **Number of Epochs**"),
    "Section 3.2, item 2": ("2. **Number of Epochs**", "3. **Batch Size**"),
    "Section 3.2, item 3": ("3. **Batch Size**", "4. **Regularization"),
    "Section 3.2, item 4": ("4. **Regularization", "5. **Dropout Rate**"),
    "Section 3.2, item 5": ("5. **Dropout Rate**", "4. Performance Analysis"),
    "Section 4, paragraph 1": ("The experiments were performed on MATLAB", "4.1. Dataset"),
    "Section 4.1, paragraph 1": ("The dataset for ALL [43]", "ALL_benign**: Benign"),
    "Section 4.4.1, paragraph 1": ("Figure 5 presents the quantitative", "AlexNet with MCELoss yielded"),
    "Section 4.4.1, paragraph 2": ("AlexNet with MCELoss yielded", "Overall, the models trained"),
    "Section 4.4.2, paragraph 1": ("Figure 6 presents the quantitative", "AlexNet with MCELoss yielded"),
    "Section 4.4.2, paragraph 2": (
        "AlexNet with MCELoss yielded an average accuracy of 98.06",
        "Overall, DSCNet with KLLoss appears",
    ),
    "Section 4.5, paragraph 3": ("Table 2 presents a comprehensive", "T.1.1."),
    "Table 2": ("Ref.\tMethod\tAccuracy", "The comparison with other models"),
    "Section 5, paragraph 2": ("Utilizing KL divergence loss", "The proposed DSCNet serves"),
}


def passage(text: str, where: str) -> str:
    start, stop = PLACES[where.removesuffix(", second mention")]
    begin = text.index(start)
    end = text.index(stop, begin + len(start))
    return text[begin:end]


def times_printed(value: str, text: str) -> int:
    return len(re.findall(rf"(?<![\d.,]){re.escape(value)}(?![\d]|[.,]\d)", text))


@pytest.fixture(scope="module")
def text() -> str:
    if not TEXT.is_file():
        pytest.skip(f"the paper's text is not at {TEXT}")
    return TEXT.read_text(encoding="utf-8")


@pytest.mark.real
def test_every_value_and_spread_is_printed_at_the_place_named(paper: Paper, text: str) -> None:
    absent = [
        (claim.id, token, claim.where)
        for claim in paper.claims
        for token in (claim.value, claim.spread)
        if token and not times_printed(token, passage(text, claim.where))
    ]
    assert not absent


NAMES = {
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "f1": "F-score",
    "auc": "AUC",
}


def in_words(claim: Claim) -> str:
    return f"{NAMES[claim.metric]} of {claim.value}%"


@pytest.mark.real
def test_every_score_of_section_4_4_stands_in_the_sentence_of_its_model_and_loss(paper: Paper, text: str) -> None:
    claims = [c for c in paper.claims if c.where.startswith("Section 4.4.")]
    wrong = []
    for claim in claims:
        start = f"{claim.model} with {claim.condition.split(',')[0]}"
        flat = " ".join(passage(text, claim.where).split())
        sentences = [s for s in re.split(r"(?<=%)\. ", flat) if start in s and in_words(claim) in s]
        wrong += [] if sentences else [claim.id]
    assert len(claims) == 126 and not wrong


@pytest.mark.real
def test_section_4_4_prints_no_percentage_that_is_not_claimed(paper: Paper, text: str) -> None:
    for where in ("4.4.1, paragraph 1", "4.4.1, paragraph 2", "4.4.2, paragraph 1", "4.4.2, paragraph 2"):
        printed = re.findall(r"(\d+\.\d+)%", passage(text, f"Section {where}"))
        claimed = [c.value for c in paper.claims if c.where.startswith(f"Section {where}")]
        assert sorted(printed) == sorted(claimed), where


@pytest.mark.real
@pytest.mark.parametrize("where", ["Abstract", "Section 5, paragraph 2", "Section 4.5, paragraph 3"])
def test_other_prose_prints_no_percentage_that_is_not_claimed(paper: Paper, text: str, where: str) -> None:
    printed = re.findall(r"(\d+(?:\.\d+)?)%", passage(text, where))
    assert sorted(printed) == sorted(c.value for c in paper.claims if c.where == where)


@pytest.mark.real
def test_table_2_is_transcribed_cell_by_cell(paper: Paper, text: str) -> None:
    lines = [line.split("\t") for line in passage(text, "Table 2").splitlines() if "\t" in line]
    columns = ["accuracy", "sensitivity", "specificity", "f1"]
    printed = {
        (cells[0], metric): re.findall(r"\d+\.?\d*", cell)
        for cells in lines[1:]
        for metric, cell in zip(columns, cells[2:6], strict=True)
        if cell != "-"
    }
    claimed = {}
    for claim in (c for c in paper.claims if c.where == "Table 2"):
        reference = re.search(r"\[\d+\]$", claim.model)
        row = reference.group() if reference else "Proposed"
        claimed[row, claim.metric] = [token for token in (claim.value, claim.spread) if token]
    assert claimed == printed and len(printed) == 30


def test_no_printed_pair_of_scores_gives_a_stated_gain(paper: Paper) -> None:
    """The note beside the gains says so; a gain that some pair gives would have to name it in derived_from."""
    for gain in (c for c in paper.claims if c.metric == "improvement"):
        metric = gain.id.rpartition("gain_")[2]
        ours = paper.claim(gain.derived_from[0]).number
        others = {
            c.number for c in paper.claims if c.metric == metric and c.kind == "own" and not c.arm.startswith("dscnet")
        }
        assert ours is not None and all(other is None or ours - other != gain.number for other in others)
