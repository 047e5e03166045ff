"""Claimed parameter counts beside ours: printed tables and public networks are the oracles."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from leukbench.cli import main
from leukbench.cli.app import app
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Claim
from leukbench.parameters.counting import count_parameters
from leukbench.parameters.page import count_parameters_of, parameters_text
from leukbench.parameters.printed import PaperNetworks, fits, networks_of, printed_count
from leukbench.training.network import build_network
from tests.support.made_up_paper import TEXT, write_paper


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return count_parameters_of(["alnet", "batool"])


def _of(rows: list[dict[str, Any]], claim: str, network: str = "") -> dict[str, Any]:
    return next(r for r in rows if r["claim"] == claim and (not network or r["network"] == network))


def test_every_own_count_has_a_row(rows: list[dict[str, Any]]) -> None:
    found = {row["claim"] for row in rows}
    for key in ("alnet", "batool"):
        wanted = {c.id for c in load_paper(key).claims if c.metric.startswith("params_") and c.kind == "own"}
        assert wanted <= found and wanted


def test_alnet_is_exact_as_trainable_and_its_total_is_named(rows: list[dict[str, Any]]) -> None:
    row = _of(rows, "alnet.t8.alnet.params")
    assert (row["pytorch_total"], row["keras_total"], row["keras_nontrainable"]) == (535_010, 535_458, 448)
    assert (row["difference"], row["reading"], row["n_classes"], row["input_px"]) == (
        "0",
        "exact: Keras trainable",
        2,
        224,
    )
    assert _of(rows, "alnet.s473.params")["reading"] == "exact: PyTorch total"  # called the number of parameters


def test_resnet50_of_alnet_is_keras_own_with_imagenets_head(rows: list[dict[str, Any]]) -> None:
    row = _of(rows, "alnet.t8.resnet50.params")  # 25,636,712, the total that Keras' documentation prints
    assert row["reading"] == "exact: Keras total with a bias in every convolution, with 1,000 classes (ImageNet's head)"
    assert row["imagenet_head"]["pytorch_total"] == 25_557_032  # torchvision's documentation
    assert row["without_head"]["pytorch_total"] == 25_557_032 - 2048 * 1000 - 1000


def test_alexnet_is_no_network_of_ours_and_the_gap_is_printed(rows: list[dict[str, Any]]) -> None:
    row = _of(rows, "alnet.t8.alexnet.params")
    ours = 61_100_840 - 4097 * 1000 + 4097 * 2  # torchvision's count with two classes
    assert row["pytorch_total"] == ours
    assert row["difference"] == f"{ours - 62_378_344:+,}"
    assert row["reading"].startswith("not ours, but exact")


def test_batools_counts_by_hand(rows: list[dict[str, Any]]) -> None:
    vgg = _of(rows, "batool.t7.vgg19.params_trainable")
    assert vgg["pytorch_total"] == 45_716_545 == 20_024_384 + (25_088 + 1) * 1024 + 1024 + 1
    assert vgg["reading"] == "exact: Keras trainable"
    frozen = _of(rows, "batool.s3e.params_nontrainable", "b3_table2")
    assert frozen["keras_nontrainable"] == 87_303 == 87_296 + 7
    assert _of(rows, "batool.s3e.params_nontrainable", "b3_table7")["reading"].endswith("without the head")
    assert _of(rows, "batool.t7.xception.params_trainable")["reading"] == "no reading found"
    five = _of(rows, "batool.t2.dense.params")
    assert (five["n_classes"], five["keras_total"], five["network"]) == (5, 7685, "b3_table2")


def test_every_layer_of_alnets_table_2_is_exact(rows: list[dict[str, Any]]) -> None:
    table = [row for row in rows if row["paper"] == "alnet" and row["layer"]]
    assert len(table) == 17
    assert {row["difference"] for row in table} == {"0"}
    assert sum(row["keras_total"] for row in table) == 535_458
    assert sum(row["pytorch_total"] for row in table) == 535_010


MODEL = """\
from torch import nn


def net(n_classes, *, input_px, pretrained):
    body = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = nn.Sequential()
    network.body, network.head = body, nn.Linear(4, n_classes)
    return network
"""
CLAIMS = """
  - where: Table 3
    common: {model: net, metric: params_total, unit: count}
    rows:
      - {id: planted.keras, value: "134"}
      - {id: planted.pytorch, value: "126"}
      - {id: planted.biased, value: "138"}
      - {id: planted.bare, value: "124"}
      - {id: planted.imagenet, value: "5,116"}
      - {id: planted.frozen, metric: params_nontrainable, value: "8"}
      - {id: planted.wrong, value: "150"}
      - {id: planted.words, value: "few"}
      - {id: planted.nobody, model: another net, value: "134"}
      - {id: planted.quoted, kind: cited, value: "134"}
      - {id: planted.layer, metric: params_layer, condition: 01 Conv2D, value: "108"}
      - {id: planted.layer.none, metric: params_layer, condition: 02 Conv2D, value: "7"}
      - {id: planted.layer.odd, metric: params_layer, condition: 03 Dense, value: "11"}
"""


def test_code_beside_a_paper_file_runs_only_when_it_is_trusted_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_paper(tmp_path, TEXT.rstrip() + CLAIMS)
    (tmp_path / "model.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n" + MODEL)

    def run(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["leukbench", "params", "--paper", str(file), *words])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    assert run() == 2 and not (tmp_path / "ran").exists()
    message = capsys.readouterr().err
    assert "brings code of its own" in message and "--trust-code" in message and "model.py" in message
    assert run("--trust-code") == 0 and (tmp_path / "ran").exists()
    assert f"runs {tmp_path / 'model.py'}" in capsys.readouterr().err


def test_readings_of_a_network_counted_by_hand(tmp_path: Path) -> None:
    """Convolution 3·9·4 = 108, batch norm 8 weights and 8 statistics, dense (4 + 1)·2 = 10."""
    file = write_paper(tmp_path, TEXT.rstrip() + CLAIMS)
    (tmp_path / "model.py").write_text(MODEL)
    found = {row["claim"]: row for row in count_parameters_of([str(file)], trust_code=True)}
    assert "planted.quoted" not in found
    assert {claim: (row["difference"], row["reading"]) for claim, row in found.items()} == {
        "planted.keras": ("0", "exact: Keras total"),
        "planted.pytorch": ("0", "exact: PyTorch total"),
        "planted.biased": ("0", "exact: Keras total with a bias in every convolution"),
        "planted.bare": ("0", "exact: Keras total, without the head"),
        "planted.imagenet": ("0", "exact: PyTorch total, with 1,000 classes (ImageNet's head)"),
        "planted.frozen": ("0", "exact: Keras non-trainable"),
        "planted.wrong": ("-16", "no reading found"),
        "planted.words": ("–", "the claim is not one number"),
        "planted.nobody": ("–", "no network of ours is meant"),
        "planted.layer": ("0", "exact: both conventions"),
        "planted.layer.none": ("–", "no such layer in ours"),
        "planted.layer.odd": ("-1", "no reading found"),
    }
    assert found["planted.layer.odd"]["where"] == "Table 3, 03 Dense"
    assert found["planted.nobody"]["keras_total"] is None
    assert "| few total (Table 3)" in parameters_text([str(file)], "md", trust_code=True)


@pytest.mark.parametrize("key", paper_keys())
def test_meta_device_counts_as_real_weights_do(key: str) -> None:
    paper = load_paper(key)
    networks = PaperNetworks(paper)
    name = min(paper.networks, key=lambda n: count_parameters(networks.built(n, 224, 2)).pytorch_total)
    real = build_network(networks.spec(name), n_classes=2, input_px=224, pretrained=False)
    on_meta = networks.built(name, 224, 2)
    assert next(on_meta.parameters()).device == torch.device("meta")
    assert count_parameters(on_meta) == count_parameters(real)


def test_networks_are_found_by_list_then_arm_then_name() -> None:
    paper = load_paper("batool")
    by_id = {claim.id: claim for claim in paper.claims}
    assert networks_of(paper, by_id["batool.t7.efficientnet_b0.params_trainable"]) == ["b3_flatten", "efficientnet_b0"]
    assert networks_of(paper, by_id["batool.f4.params_total"]) == ["b3_table7", "b3_table2"]  # by model
    alnet = load_paper("alnet")
    assert networks_of(alnet, alnet.claim("alnet.s473.params")) == ["alnet"]  # by arm


@pytest.mark.parametrize(
    ("value", "unit", "ours", "fitting"),
    [
        ("535,010", "count", 535_010, True),
        ("535,010", "count", 535_011, False),
        ("25.6", "million", 25_636_712, True),
        ("25.6", "million", 25_557_032, True),
        ("25.64", "million", 25_557_032, False),
        ("10,3646", "million", 10_364_600, True),  # no thousands: a decimal comma
        ("10,364", "million", 10_364_600, False),  # thousands of millions
    ],
)
def test_printed_precision_decides_what_fits(value: str, unit: str, ours: int, fitting: bool) -> None:
    claim = Claim.model_validate({"id": "p.a", "metric": "params_total", "value": value, "unit": unit, "where": "x"})
    printed = printed_count(claim)
    assert printed is not None
    assert fits(printed, ours) is fitting


def test_text_that_is_no_number_has_no_count() -> None:
    claim = Claim.model_validate({"id": "p.a", "metric": "params_total", "value": "few", "where": "x"})
    assert printed_count(claim) is None
    assert printed_count(claim.model_copy(update={"value": "7"})) is not None
    assert printed_count(claim.model_copy(update={"value": "7"})).value == Decimal(7)  # type: ignore[union-attr]


def test_commands_print_and_write_the_same_rows(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = CliRunner().invoke(app, ["params", "--paper", "known_answer", "--format", "json"])
    assert printed.exit_code == 0
    rows = json.loads(printed.stdout)
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    (tmp_path / "params.yaml").write_text(
        "{profile: small, papers: [known_answer], verdicts: {margin: 0.05}, "
        "sources: {}, stores: {}, studies: {}, experiments: {}}"
    )
    written = CliRunner().invoke(app, ["count"])
    assert written.exit_code == 0, written.output
    assert json.loads((tmp_path / "out" / "small" / "parameters.json").read_text()) == rows
    page = CliRunner().invoke(app, ["params", "--paper", "alnet"])
    assert "| 535,010 trainable (Table 8)" in page.stdout and "16 Dense" in page.stdout
    assert "prints a number" in CliRunner().invoke(app, ["params", "--paper", "samhitha"]).stdout
