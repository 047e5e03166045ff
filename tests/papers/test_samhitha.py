"""samhitha: the ledger against the text, the networks against hand arithmetic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from leukbench.papers.loader import load_paper
from leukbench.papers.samhitha import model
from leukbench.papers.schema import Claim, Network, Paper

TEXT = Path("../shared/papers/samhitha.txt")
MODELS = {
    "ResNet50": "ResNet-50",
    "ResNet-50": "ResNet-50",
    "EfficientNet-B0": "EfficientNet-B0",
    "InceptionV3": "InceptionV3",
    "Proposed Model": "Proposed Model",
}


@pytest.fixture(scope="module")
def paper() -> Paper:
    return load_paper("samhitha")


@pytest.fixture(scope="module")
def text() -> str:
    if not TEXT.is_file():
        pytest.skip(f"{TEXT} is not here")
    return TEXT.read_text(encoding="utf-8").split("\nREFERENCES\n")[0]


def build(network: Network, *, input_px: int = 224) -> nn.Module:
    torch.manual_seed(0)
    builder = getattr(model, network.builder)
    built: nn.Module = builder(2, input_px=input_px, pretrained=False, **network.options)
    return built


def weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# ------------------------------------------------------------------------------------------------ the networks


def test_attention_has_keras_weights_for_four_heads_of_key_dimension_1280() -> None:
    layer = model.MultiHeadSelfAttention(1280, heads=4, key_dim=1280)
    inner = 4 * 1280
    assert weights(layer) == 3 * (1280 * inner + inner) + inner * 1280 + 1280 == 26_231_040


def test_head_sizes_are_those_of_hand_arithmetic(paper: Paper) -> None:
    printed, coded = (build(paper.networks[name]) for name in ("as_printed", "as_coded"))
    attention = 4 * (1280 * 1280 + 1280)
    dense = (1280 * 128 + 128) + 2 * 128 + (128 * 256 + 256) + 2 * 256 + (256 * 2 + 2)
    assert weights(printed.head) == attention + dense
    dense = (1280 * 256 + 256) + 2 * 256 + (256 * 128 + 128) + 2 * 128 + (128 * 2 + 2)
    assert weights(coded.head) == 26_231_040 + dense
    assert weights(printed.backbone) == weights(coded.backbone) == 4_007_548  # B0 without its classifier


@pytest.mark.parametrize(
    ("name", "backbone", "units"),
    [
        ("resnet50", 23_508_032, 7 * 7 * 2048),
        ("efficientnet_b0", 4_007_548, 1280),  # pooled first
        ("inception_v3", 21_785_568, 5 * 5 * 2048),
    ],
)
def test_baseline_heads_take_the_flattened_map_or_the_pooled_vector(
    paper: Paper, name: str, backbone: int, units: int
) -> None:
    network = build(paper.networks[name])
    assert weights(network.backbone) == backbone
    assert weights(network.head) == units * 256 + 256 + 256 * 2 + 2


def test_attention_over_one_position_has_weights_one_and_is_linear() -> None:
    torch.manual_seed(0)
    layer = model.AttentionOverOne(12, heads=4, key_dim=12, dropout=0.3).eval()
    first, second = torch.randn(2, 5, 12, dtype=torch.float64)
    layer = layer.double()
    attention = layer.attention
    assert torch.equal(attention.weights(first[:, None]), torch.ones(5, 4, 1, 1, dtype=torch.float64))
    assert torch.allclose(layer(first), attention.output(attention.value(first)))
    zero = layer(torch.zeros(5, 12, dtype=torch.float64))
    assert torch.allclose(layer(2 * first - 3 * second) - zero, 2 * (layer(first) - zero) - 3 * (layer(second) - zero))
    layer(first).sum().backward()
    assert all(not p.grad.any() for part in (attention.query, attention.key) for p in part.parameters())
    assert attention.value.weight.grad.abs().sum() > 0


def test_attention_is_keras_multi_head_attention_in_numpy() -> None:
    """Keras: kernels (channels, heads, key_dim), scores scaled by 1 / sqrt(key_dim), softmax over keys, then a (heads,
    key_dim) dense.
    """
    torch.manual_seed(0)
    channels, heads, key_dim = 6, 2, 5  # the inner width is not the number of channels
    layer = model.MultiHeadSelfAttention(channels, heads=heads, key_dim=key_dim).double()
    for part in (layer.query, layer.key, layer.value, layer.output):
        nn.init.normal_(part.bias)
    x = np.random.default_rng(0).normal(size=(3, 7, channels))

    def projected(part: nn.Linear) -> np.ndarray:
        kernel = part.weight.detach().numpy().T.reshape(channels, heads, key_dim)
        return np.asarray(np.einsum("abc,cde->abde", x, kernel) + part.bias.detach().numpy().reshape(heads, key_dim))

    query, key, value = (projected(part) for part in (layer.query, layer.key, layer.value))
    scores = np.einsum("aecd,abcd->acbe", key, query / np.sqrt(key_dim))
    shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    joined = np.einsum("acbe,aecd->abcd", shares, value)
    kernel = layer.output.weight.detach().numpy().T.reshape(heads, key_dim, channels)
    expected = np.einsum("abcd,cde->abe", joined, kernel) + layer.output.bias.detach().numpy()
    assert np.allclose(layer(torch.tensor(x)).detach().numpy(), expected)


def test_backbones_drop_blocks_and_keep_statistics_as_keras_does(paper: Paper) -> None:
    for name in ("as_printed", "as_coded"):
        norms = [m for m in build(paper.networks[name]).modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
        assert {(m.momentum, m.eps) for m in norms} == {(0.01, 1e-3)}


def test_attention_over_positions_agrees_with_torchs_own() -> None:
    torch.manual_seed(0)
    ours = model.MultiHeadSelfAttention(8, heads=2, key_dim=4).double()
    theirs = nn.MultiheadAttention(8, 2, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.in_proj_bias.normal_()
        for part, bias in zip((ours.query, ours.key, ours.value), theirs.in_proj_bias.chunk(3), strict=True):
            part.bias.copy_(bias)
        theirs.out_proj.weight.copy_(ours.output.weight)
        theirs.out_proj.bias.copy_(ours.output.bias)
    sequence = torch.randn(3, 49, 8, dtype=torch.float64)
    assert torch.allclose(ours(sequence), theirs(sequence, sequence, sequence)[0])


def test_attention_as_printed_looks_over_all_positions_then_averages() -> None:
    torch.manual_seed(0)
    layer = model.AttentionOverPositions(8, heads=2, key_dim=4)
    feature_map = torch.randn(2, 8, 7, 7)
    assert layer(feature_map).shape == (2, 8)
    assert layer.attention.weights(feature_map.flatten(2).transpose(1, 2)).shape == (2, 2, 49, 49)
    shuffled = feature_map.flatten(2)[..., torch.randperm(49)].unflatten(2, (7, 7))
    assert torch.allclose(layer(feature_map), layer(shuffled), atol=1e-6)  # no positions are encoded
    changed = feature_map.clone()
    changed[:, :, 3, 3] += 5
    assert not torch.allclose(layer(feature_map), layer(changed), atol=1e-4)


def test_initial_limits_of_attention_kernels_are_those_of_keras() -> None:
    torch.manual_seed(0)
    head = model.efficientnet_b0_as_coded(2, input_px=224, pretrained=False).head
    attention = head[0].attention
    # kernel (1280, 4, 1280): fan in 4 * 1280, fan out 1280 * 1280; kernel (4, 1280, 1280): fans 1280 * 4 and 1280 * 4
    assert float(attention.value.weight.detach().abs().max()) == pytest.approx(
        (6 / (1280 * 4 + 1280 * 1280)) ** 0.5, rel=1e-4
    )
    assert float(attention.output.weight.detach().abs().max()) == pytest.approx(
        (6 / (1280 * 4 + 1280 * 4)) ** 0.5, rel=1e-4
    )
    assert not attention.value.bias.any()
    assert not attention.output.bias.any()


def test_head_order_is_dense_leaky_norm_dropout_with_the_printed_numbers(paper: Paper) -> None:
    printed, coded = (build(paper.networks[name]).head for name in ("as_printed", "as_coded"))
    for head, units, names in ((printed, (128, 256), "as_printed"), (coded, (256, 128), "as_coded")):
        layers = list(head)[1:]
        kinds = [type(layer).__name__ for layer in layers]
        assert kinds == ["Linear", "LeakyReLU", "BatchNorm1d", "Dropout"] * 2 + ["Linear"], names
        assert (layers[0].out_features, layers[4].out_features) == units
        assert (layers[3].p, layers[7].p) == (0.5, 0.3)
        assert layers[1].negative_slope == 0.1
        assert (layers[2].momentum, layers[2].eps) == (0.01, 1e-3)  # Keras' defaults


@pytest.mark.trains
@pytest.mark.parametrize("name", ["as_printed", "as_coded", "resnet50", "efficientnet_b0", "inception_v3"])
def test_network_of_each_arm_gives_finite_logits_and_learns_in_one_step(paper: Paper, name: str) -> None:
    arm = next(arm for arm in paper.arms.values() if arm.network == name)
    input_px = paper.recipes[arm.recipe].recipe.input_px
    network = build(paper.networks[name], input_px=input_px).train()
    before = {key: value.clone() for key, value in network.named_parameters()}
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    logits = network(torch.rand(2, 3, input_px, input_px, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (2, 2)
    assert torch.isfinite(logits).all()
    nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
    optimiser.step()
    after = dict(network.named_parameters())
    assert any(not torch.equal(before[key], after[key]) for key in before if key.startswith("backbone"))
    assert any(not torch.equal(before[key], after[key]) for key in before if key.startswith("head"))


# -------------------------------------------------------------------------------------------------- the ledger


def test_every_named_network_recipe_and_arm_of_the_paper_is_there(paper: Paper) -> None:
    assert set(paper.arms) == {"proposed", "as_coded", "resnet50", "efficientnet_b0", "inception_v3"}
    assert set(paper.studies["cnmc"].protocols) == {"as_published", "image", "augment_first", "patient", "challenge"}
    printed, coded = (paper.recipes[name].recipe for name in ("as_printed", "as_coded"))
    assert (printed.epochs, printed.trainable, printed.normalisation) == (60, "last:20", "unit")
    assert (coded.epochs, coded.trainable, coded.learning_rate, coded.batch_size) == (100, "all", 1e-5, 32)
    assert (printed.balance, coded.balance) == ("oversample", "none")
    assert coded.augmentation.rotation_deg == 0.0
    assert coded.augmentation.flip_horizontal


def test_as_published_split_gives_the_counts_of_table_1(paper: Paper) -> None:
    from sklearn.model_selection import train_test_split

    rule = paper.studies["cnmc"].protocols["as_published"][0].rule
    assert rule.shares is not None
    labels = np.repeat(["ALL", "HEM"], [7272, 3389])  # the public training part
    rest, test = train_test_split(labels, test_size=rule.shares[1], stratify=labels, random_state=0)
    train, validation = train_test_split(rest, test_size=rule.validation, stratify=rest, random_state=0)
    printed = {(c.split, c.class_): int(c.value) for c in paper.claims if c.where == "Table I"}
    assert len(printed) == 6
    for split, part in (("train", train), ("validation", validation), ("test", test)):
        for name in ("ALL", "HEM"):
            expected = 2372 if (split, name) == ("train", "HEM") else printed[split, name]  # before balancing
            assert abs((part == name).sum() - expected) <= 1
    copies = paper.studies["cnmc"].protocols["as_published"][1].rule
    assert copies.class_size == printed["train", "HEM"] == printed["train", "ALL"]


def test_matrix_with_the_two_errors_exchanged_gives_table_4(paper: Paper) -> None:
    cell = {c: int(paper.claim(f"samhitha.fig5.{c}").value) for c in ("tp", "fp", "fn", "tn")}
    tp, fn, fp, tn = cell["tp"], cell["fp"], cell["fn"], cell["tn"]  # printed fp is fn and the other way round
    assert (tp + fn, fp + tn) == (1091, 509)
    ours = {
        "precision.ALL": tp / (tp + fp),
        "recall.ALL": tp / (tp + fn),
        "f1.ALL": 2 * tp / (2 * tp + fp + fn),
        "precision.HEM": tn / (tn + fn),
        "recall.HEM": tn / (tn + fp),
        "f1.HEM": 2 * tn / (2 * tn + fp + fn),
    }
    for name, value in ours.items():
        assert f"{100 * value:.0f}" == paper.claim(f"samhitha.t4.proposed.{name}").value


def table(text: str, start: str, stop: str) -> Iterator[list[str]]:
    """Yield the tab-separated rows between two captions, without percent signs."""
    part = text[text.index(start) :]
    for line in part[: part.index(stop)].splitlines():
        cells = [cell.strip().rstrip("%") for cell in line.split("\t")]
        if len(cells) > 1 and re.fullmatch(r"[\d.]+", cells[-1] or cells[-2]):
            yield [cell for cell in cells if cell]


@pytest.mark.real
def test_tables_are_transcribed_cell_by_cell(paper: Paper, text: str) -> None:
    def of(place: str) -> list[Claim]:
        return [claim for claim in paper.claims if claim.where == place]

    split = {"Training set": "train", "Validation set": "validation", "Testing set": "test"}
    found = {
        (split[r[0]], name): v
        for r in table(text, "TABLE I ", "Fig. 1")
        for name, v in zip(["HEM", "ALL"], r[1:], strict=True)
    }
    assert found == {(c.split, c.class_): c.value for c in of("Table I")}

    rows = list(table(text, "TABLE II ", "The training and validation"))
    found = {(MODELS[r[0]], s): v for r in rows for s, v in zip(["train", "validation"], r[1:], strict=True)}
    assert found == {(c.model, c.split): c.value for c in of("Table II")}
    assert len(found) == 8

    rows = list(table(text, "TABLE III\n", "Table IV provides"))
    found = {(f"epoch {r[0]}", s): v for r in rows for s, v in zip(["train", "validation"], r[1:], strict=True)}
    assert found == {(c.condition, c.split): c.value for c in of("Table III")}
    assert len(found) == 50

    rows = list(table(text, "TABLE IV ", "of the models in predicting"))
    keys = {
        5: [("precision", "ALL"), ("precision", "HEM"), ("f1", "ALL"), ("f1", "HEM")],
        3: [("recall", "ALL"), ("recall", "HEM")],
    }
    cells = {(MODELS[r[0]], *key): v for r in rows for key, v in zip(keys[len(r)], r[1:], strict=True)}
    assert cells == {(c.model, c.metric, c.class_): c.value for c in of("Table IV")}
    assert len(cells) == 24


PLACES = {  # start of a claim's place -> the text from here to there
    "Abstract": ("Abstract", "Index Terms"),
    "Section III.A": ("A. Software Requirements", "B. Hardware Requirements"),
    "Section III.B": ("B. Hardware Requirements", "IV. METHODOLOGY"),
    "Section IV.A, paragraph 1": ("A. Dataset Description", "TABLE I DATASET"),
    "Section IV.A, paragraph on Figure 1": ("Fig. 1. represents", "B. Pre-processing Stage"),
    "Table I": ("TABLE I DATASET", "Fig. 1. represents"),
    "Section IV.B, item 1": ("- 1) Image Normalization", "- 2) Data Augmentation"),
    "Section IV.B, item 3": ("- 3) Rotation and Zooming", "- 4) Height and width"),
    "Section IV.B, item 4": ("- 4) Height and width", "- 5) Shearing"),
    "Section IV.C": ("C. ResNet-50", "D. EfficientNet-B0"),
    "Section IV.F, paragraph 1": ("F. Proposed Model", "- 1) Inserting"),
    "Section IV.F, item 2": ("- 2) Fine Tuning", "- 3) Leaky ReLU"),
    "Section IV.F, item 3": ("- 3) Leaky ReLU", "- 4) Addition of Batch"),
    "Section IV.F, item 5": ("- 5) Higher Dropout", "6) Addition of Custom"),
    "Section IV.F, item 6": ("6) Addition of Custom", "MATHEMATICAL DERIVATION"),
    "Section IV.F, derivation 8": ("8. Leaky ReLU", "9. Dropout"),
    "Section IV.F, derivation 9": ("9. Dropout", "10. Loss Function"),
    "Table II": ("TABLE II ", "The training and validation"),
    "Section V, paragraph on ResNet-50 after Table II": ("By training ResNet-50", "Training accuracy:"),
    "Section V, paragraph on EfficientNet-B0 after Table II": ("Training accuracy:", "InceptionV3 however"),
    "Section V, paragraph on InceptionV3 after Table II": ("InceptionV3 however", "The Proposed Model had"),
    "Section V, paragraph on the Proposed Model after Table II": ("The Proposed Model had", "The results presented"),
    "Section V, first paragraph on Table III": ("The results presented", "Another indication"),
    "Section V, third paragraph on Table III": ("Last but not the least", "TABLE III\n"),
    "Table III": ("TABLE III\n", "Table IV provides"),
    "Table IV": ("TABLE IV ", "of the models in predicting"),
    "Section V, paragraph on precision": ("of the models in predicting", "Recall measures"),
    "Section V, paragraph on recall": ("Recall measures", "The F1 score provides"),
    "Section V, paragraph on the F1 score": ("The F1 score provides", "The findings of comparing"),
    "Section V, paragraph comparing all metrics": ("The findings of comparing", "Specifically, in Fig. 3"),
    "Figure 5": ("- True Positives", "Evaluation based on"),
    "Section V, evaluation based on the confusion matrix": ("Evaluation based on", "VI. CONCLUSION"),
    "Section VI": ("VI. CONCLUSION", "\n\n\n"),
}


def place_in(text: str, where: str) -> str:
    """Return the part of the text that a claim's ``where`` names."""
    if reference := re.fullmatch(r"Section II, reference (\d+)", where):
        body = text[text.index("II. LITERATURE REVIEW") : text.index("III. MATERIALS AND METHODS")]
        number = int(reference.group(1))
        after = body[body.index(f"[{number}]") :]
        return after[: after.index(f"[{number + 1}]")] if number < 20 else after
    prefix = max((p for p in PLACES if where == p or where.startswith((p + ",", p + " ("))), key=len)
    start, stop = PLACES[prefix]
    after = text[text.index(start) :]
    return after[: after.index(stop)] if stop in after else after


@pytest.mark.real
def test_every_value_occurs_at_its_place_in_the_text(paper: Paper, text: str) -> None:
    missing = [
        f"{claim.id}: {claim.value} not in {claim.where}"
        for claim in paper.claims
        if not re.search(rf"(?<![\d.,\w]){re.escape(claim.value)}(?![\d\w]|[.,]\d)", place_in(text, claim.where))
    ]
    assert not missing
    assert len(paper.claims) > 200


@pytest.mark.real
def test_every_percentage_and_decimal_of_the_text_is_a_claim(paper: Paper, text: str) -> None:
    printed = set(re.findall(r"(\d+(?:\.\d+)?) ?%", text)) | set(re.findall(r"(?<![\d.])\d+\.\d+(?![\d.])", text))
    assert len(printed) > 80
    assert printed <= {claim.value for claim in paper.claims}
