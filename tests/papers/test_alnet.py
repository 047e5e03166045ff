"""ALNet: its counts and shapes, its arms, and its ledger against the text."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from leukbench.errors import InputError
from leukbench.papers.alnet import model
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Paper
from leukbench.parameters.counting import count_backbone_parameters, count_parameters, layer_table
from tests.support.ledger_places import missing, numbers_without_claim, paper_text, places

_PLACES = {
    "Abstract": ("ABSTRACT", "Keywords"),
    "Section 2": ("2. Related Works", "Table 1:"),
    "Table 1": ("Table 1:", "2.1 "),
    "Section 2.2": ("2.2 ", "2.3 "),
    "Section 3": ("3. Methodology", "3.1 "),
    "Section 3.1": ("3.1 ALNet", "3.1.1"),
    "Section 3.1.1": ("3.1.1", "3.1.2"),
    "Section 3.1.2": ("3.1.2", "3.1.3"),
    "Section 3.1.3": ("3.1.3", "Table 2:"),
    "Table 2": ("Table 2:", "4. Results"),
    "Section 4.2": ("4.2 ", "4.3 "),
    "Table 3": ("Table 3:", "4.3 "),
    "Section 4.3 Data Augmentation": ("4.3 Data", "4.3 Hyper"),
    "Section 4.3 Hyperparameter Tuning": ("4.3 Hyper", "4.4 "),
    "Section 4.4": ("4.4 ", "4.5 "),
    "Section 4.6": ("4.6 ", "4.7 "),
    "Section 4.7": ("4.7 ", "Table 4:"),
    "Section 4.8": ("4.8 ", "4.7.1"),
    "Section 4.7.1": ("4.7.1", "Table 6:"),
    "Table 6": ("Table 6:", "Table 7:"),
    "Table 7": ("Table 7:", "4.7.2"),
    "Table 8": ("Table 8:", "Table 9:"),
    "Table 9": ("Table 9:", "4.7.3"),
    "Section 4.7.3": ("4.7.3", "Table 10:"),
    "Table 10": ("Table 10:", "5. Conclusion"),
    "Section 5": ("5. Conclusion", "DECLARATION"),
}


@pytest.fixture(scope="module")
def paper() -> Paper:
    return load_paper("alnet")


def test_trainable_parameters_are_those_that_the_paper_prints(paper: Paper) -> None:
    count = count_parameters(model.alnet(2, input_px=224))
    printed = {claim.number for claim in paper.claims if claim.model == "ALNet" and claim.metric == "params_trainable"}
    assert printed == {count.keras_trainable}
    assert count.keras_total == 535_458


def test_every_row_of_table_2_is_a_layer_of_ours(paper: Paper) -> None:
    table = [row for row in layer_table(model.alnet_as_printed(2, input_px=224), 224) if row.type != "ReLU"]
    rows = [c for c in paper.claims if c.where == "Table 2"]
    shapes = [c.value for c in rows if c.metric == "output_shape"]
    counts = [int(c.value) for c in rows if c.metric == "params_layer"]
    assert [str(row.output_shape) for row in table] == shapes
    assert [row.parameters for row in table] == counts
    assert sum(counts) == 535_458


def test_one_pool_gives_bit_for_bit_what_two_stacked_pools_give() -> None:
    maps = torch.randn(2, 3, 46, 46)  # 46 -> 23 -> 11: the last row and column of 23 and the last two of 46 are dropped
    two = nn.functional.max_pool2d(nn.functional.max_pool2d(maps.relu(), 2), 2)
    one = nn.functional.max_pool2d(maps, 4).relu()
    assert two.shape[-1] == 11
    assert torch.equal(one, two)


def test_fast_network_and_printed_layers_agree_bit_for_bit_in_outputs_and_gradients() -> None:
    fast, printed = model.alnet(2, input_px=224, dropout=0.0), model.alnet_as_printed(2, input_px=224, dropout=0.0)
    printed.load_state_dict(fast.state_dict())
    images = torch.rand(2, 3, 224, 224)
    outputs = [network(images) for network in (fast, printed)]
    assert torch.equal(outputs[0], outputs[1])
    for output in outputs:
        output.square().sum().backward()
    for one, other in zip(fast.parameters(), printed.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None
        torch.testing.assert_close(one.grad, other.grad)


def test_dropout_stands_once_after_flatten() -> None:
    rates = [m.p for m in model.alnet(2, input_px=224, dropout=0.3).modules() if isinstance(m, nn.Dropout)]
    assert rates == [0.3]


@pytest.mark.parametrize("input_px", [136, 224])
def test_other_input_sizes_work_from_136_px_up(input_px: int) -> None:
    assert model.alnet(2, input_px=input_px)(torch.rand(2, 3, input_px, input_px)).shape == (2, 2)


def test_too_small_images_are_refused_with_a_reason() -> None:
    with pytest.raises(InputError, match="at least 136"):
        model.alnet(2, input_px=135)


@pytest.mark.trains
@pytest.mark.parametrize(
    "arm", ["alnet", "alexnet", pytest.param("vgg16", marks=pytest.mark.slow), "googlenet", "resnet50"]
)
def test_each_arm_builds_at_its_size_and_learns_a_step(paper: Paper, arm: str) -> None:
    network, recipe = paper.networks[paper.arms[arm].network], paper.recipes[paper.arms[arm].recipe].recipe
    torch.manual_seed(0)
    net = getattr(model, network.builder)(2, input_px=recipe.input_px, pretrained=False, **network.options)
    weight = net.head[-1].weight if isinstance(net.head, nn.Sequential) else net.head.weight
    before = weight.detach().clone()
    logits = net(torch.rand(2, 3, recipe.input_px, recipe.input_px))
    assert logits.shape == (2, 2)
    assert torch.isfinite(logits).all()
    optimiser = torch.optim.RMSprop(net.parameters(), lr=recipe.learning_rate)
    nn.functional.binary_cross_entropy_with_logits(logits, torch.eye(2)).backward()
    optimiser.step()
    assert not torch.equal(weight, before)


def test_printed_count_of_alexnet_is_the_ungrouped_network_with_1000_classes(paper: Paper) -> None:
    convolutions = [(11, 3, 96), (5, 96, 256), (3, 256, 384), (3, 384, 384), (3, 384, 256)]
    dense = [(6 * 6 * 256, 4096), (4096, 4096), (4096, 1000)]
    total = sum((k * k * i + 1) * o for k, i, o in convolutions) + sum((i + 1) * o for i, o in dense)
    assert paper.claim("alnet.t8.alexnet.params").number == total


def test_printed_count_of_vgg16_is_65664_more_than_the_network_has(paper: Paper) -> None:
    number = paper.claim("alnet.t8.vgg16.params").number
    assert number is not None
    assert int(number) - 138_357_544 == 512 * 128 + 128  # the size of one dense 512 -> 128 layer; no known reading


def test_printed_count_of_resnet50_is_keras_with_1000_classes(paper: Paper) -> None:
    ours = count_backbone_parameters(model.resnet50(2, input_px=224, pretrained=False))
    assert paper.claim("alnet.t8.resnet50.params").number == ours.keras_total_with_biases + 2049 * 1000


def test_table_8s_row_of_alnet_is_that_of_leukaemia_in_fold_1(paper: Paper) -> None:
    cell = {c.id.rsplit(".", 1)[1]: float(c.value) for c in paper.claims if c.matrix == "alnet_fold1"}
    recall, precision = cell["aa"] / (cell["aa"] + cell["an"]), cell["aa"] / (cell["aa"] + cell["na"])
    assert f"{recall:.2f}" == paper.claim("alnet.t8.alnet.recall").value
    assert f"{precision:.2f}" == paper.claim("alnet.t8.alnet.precision").value


def test_test_parts_are_a_fifth_of_each_fold_rounded_up(paper: Paper) -> None:
    for fold in "012":
        whole, test = (int(paper.claim(f"alnet.t3.{part}.f{fold}").value) for part in ("all", "test"))
        assert test == -(-whole // 5)


@pytest.mark.real
def test_every_value_stands_in_the_text_where_the_ledger_says(paper: Paper) -> None:
    assert missing(paper, places(paper_text("alnet"), _PLACES)) == []


@pytest.mark.real
@pytest.mark.parametrize("table", ["Table 3", "Table 8", "Table 9"])
def test_every_figure_of_a_table_is_a_claim(paper: Paper, table: str) -> None:
    rows = places(paper_text("alnet"), _PLACES)[table].splitlines()
    rows = [row for row in rows if "\t" in row and not re.match(r"(Fold|Model)\t", row)]
    assert len(rows) >= 3
    assert numbers_without_claim(paper, table, rows) == []
