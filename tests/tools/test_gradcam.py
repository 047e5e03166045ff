"""``leukbench gradcam``: shares of heat are those that were planted; weights come from a checkpoint or not at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from leukbench.artefacts import from_plain
from leukbench.errors import DataError, InputError
from leukbench.papers.facts import load_facts
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper
from leukbench.params import StoreParams
from leukbench.paths import write_sum
from leukbench.records import json_text
from leukbench.report.figures import heat as drawn
from leukbench.report.figures.style import write_figure
from leukbench.report.pages import Site, paper_page
from leukbench.report.pictures import Shown, pictures_text, shown_files, shown_text
from leukbench.tools.gradcam import gradcam
from leukbench.training.network import build_network
from tests.support.tiny_grid import write_experiment
from tests.support.tiny_world import CLASSES, fold_rows, make_images, make_recipe, make_spec, make_store

SIDE = 32
STORES = {"store": StoreParams(source="known_answer", side_px=SIDE)}
BLACK, PURPLE, RED, GREY = (0, 0, 0), (120, 40, 160), (200, 120, 110), (220, 215, 218)


def looked(heat: np.ndarray, image: np.ndarray, *, n: int = 20) -> drawn.Looked:
    of = np.zeros(n, dtype=np.int64)
    return drawn.Looked("made", ("a", "b"), np.stack([image] * n), np.stack([heat] * n), of, of)


def smear() -> np.ndarray:
    """Return grey ground with a red cell and a smaller one that is stained purple, 8 × 8 pixels in the middle."""
    image = np.full((SIDE, SIDE, 3), GREY, dtype=np.uint8)
    image[2:12, 2:12] = RED
    image[12:20, 12:20] = PURPLE
    return image


def test_the_cell_is_what_is_not_black_or_what_is_stained_blue_rather_than_red() -> None:
    cut_out = np.full((SIDE, SIDE, 3), BLACK, dtype=np.uint8)
    cut_out[8:24, 8:24] = PURPLE
    assert drawn.cell_mask(cut_out).sum() == 16 * 16 and drawn.cell_mask(cut_out)[8:24, 8:24].all()
    assert drawn.cell_mask(smear()).sum() == 64 and drawn.cell_mask(smear())[12:20, 12:20].all()
    rotated = smear()
    rotated[:4] = BLACK  # a corner without image is no ground of a cell that was cut out
    assert drawn.cell_mask(rotated).sum() == 64


def test_shares_of_heat_stand_beside_the_shares_of_area() -> None:
    even = np.full((SIDE, SIDE), 1 / SIDE**2)
    in_cell = np.zeros((SIDE, SIDE))
    in_cell[12:20, 12:20] = 1 / 64
    corner = np.zeros((SIDE, SIDE))
    corner[0, 0] = 1.0
    border = 1 - (24 / 32) ** 2
    for heat, cell, edge in ((even, 64 / 1024, border), (in_cell, 1.0, 0.0), (corner, 0.0, 1.0)):
        (row,) = drawn.looked_rows(looked(heat, smear()))
        assert row["called"] == "a" and row["images"] == row["right"] == "20"
        assert row["heat in the cell %"] == f"{100 * cell:.1f} (its area 6.2)"
        assert row["heat at the border %"] == f"{100 * edge:.1f} (its area 43.8)"
    assert row["heat in the centre %"] == "0.0 (its area 25.0)"
    assert row["heat in one corner %"] == "100.0, upper left (its area 6.2)"
    (row,) = drawn.looked_rows(looked(np.zeros((SIDE, SIDE)), smear()))
    assert row["heat in the cell %"].startswith("–")  # nothing speaks for the class


def test_a_corner_is_named_and_the_centre_is_the_middle_half_of_each_side() -> None:
    heat = np.zeros((SIDE, SIDE))
    heat[-1, -1], heat[8, 23] = 0.75, 0.25
    texts = drawn.share_texts(looked(heat, smear()))
    assert texts["heat in one corner %"] == "75.0, lower right (its area 6.2)"
    assert texts["heat in the centre %"] == "25.0 (its area 25.0)"
    heat[8, 23], heat[7, 23] = 0, 0.25
    assert drawn.share_texts(looked(heat, smear()))["heat in the centre %"] == "0.0 (its area 25.0)"


def test_no_mean_map_is_drawn_of_few_images(tmp_path: Path) -> None:
    even = np.full((SIDE, SIDE), 1 / SIDE**2)
    few, enough = (drawn.maps_figure(name, looked(even, smear(), n=n)) for name, n in (("few", 19), ("enough", 20)))
    sizes = [write_figure(figure, tmp_path)[1].stat().st_size for figure in (few, enough)]
    assert sizes[0] < sizes[1] / 2
    assert "at least 20 images" in enough.caption


def write_weights(file: Path, weights: Mapping[str, torch.Tensor], *, epochs: int) -> None:
    notes = {"series": json.dumps({"train_loss": [1.0] * epochs}), "wall_s": "1.0"}
    save_file({f"model.{name}": value for name, value in weights.items()}, file, metadata=notes)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Path]:
    """Return the parameters of a profile with one experiment, and the folder of a run with a checkpoint."""
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    out = tmp_path / "out" / "made"
    inputs = write_experiment(tmp_path / "net")
    for file, place in ((inputs.split, "splits/e.csv"), (tmp_path / "net" / "store.npy", "stores/store.npy"),
                        (tmp_path / "net" / "store.json", "stores/store.json")):  # fmt: skip
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        (out / place).write_bytes(file.read_bytes())
        write_sum(out / place)
    images, labels = make_images()
    spec = make_spec(tmp_path / "paper", make_recipe(), fold_rows(labels), make_store(images))
    run = tmp_path / "run"
    run.mkdir()
    (run / "spec.json").write_text(json_text(spec), encoding="utf-8")
    torch.manual_seed(0)
    network = build_network(spec.network, n_classes=2, input_px=SIDE, pretrained=False)
    write_weights(run / "checkpoint.safetensors", network.state_dict(), epochs=2)
    return SimpleNamespace(profile="made", stores=STORES, experiment=lambda name: inputs.experiment), run


def test_maps_panels_and_a_table_are_made_from_a_checkpoint(tiny: tuple[Any, Path], tmp_path: Path) -> None:
    params, run = tiny
    text = gradcam(params, run, "e", tmp_path / "to")
    names = {file.name for file in (tmp_path / "to").iterdir()}
    assert names == {"heat.md", "maps.png", "maps.svg", "panels.png", "panels.svg"}
    rows = [line.split("|") for line in text.rpartition("| called")[2].splitlines() if line.startswith("| ")]
    assert {row[1].strip() for row in rows} <= set(CLASSES)
    assert sum(int(row[2]) for row in rows) == 16  # the test part of fold 0, every image called something
    page = (tmp_path / "to" / "heat.md").read_text(encoding="utf-8")
    assert page in text and "weights after 2 of 4 epochs, before the run was finished" in page


READS_A_CORNER = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, classes, side):
        super().__init__()
        self.maps = nn.Conv2d(3, 1, 1)
        self.head = nn.Linear(side * side, classes)

    def forward(self, images):
        return self.head(torch.relu(self.maps(images)).flatten(1))


def net(n_classes, *, input_px, pretrained):
    return Net(n_classes, input_px)
"""


def test_a_run_of_a_network_that_reads_one_corner_is_shown_to_do_so(tiny: tuple[Any, Path], tmp_path: Path) -> None:
    params, run = tiny
    (tmp_path / "paper" / "model.py").write_text(READS_A_CORNER, encoding="utf-8")
    corner = torch.zeros(2, 1, SIDE, SIDE)
    corner[1, :, : SIDE // 4, -(SIDE // 4) :] = 1.0
    weights = {
        "maps.weight": torch.zeros(1, 3, 1, 1), "maps.bias": torch.ones(1),
        "head.weight": corner.flatten(1), "head.bias": torch.zeros(2),
    }  # fmt: skip
    write_weights(run / "weights.safetensors", weights, epochs=4)
    (run / "checkpoint.safetensors").unlink()
    text = gradcam(params, run, "e", tmp_path / "to")
    (row,) = [line for line in text.splitlines() if line.startswith("| any class")]
    called, images, _, centre, _, in_corner = [cell.strip() for cell in row.split("|")[1:-1]]
    assert (called, images) == ("any class", "16")
    share, rest = in_corner.split(", ")
    assert float(share) > 90 and rest == "upper right (its area 6.2)"
    assert centre.startswith("0.") and "weights after all 4 epochs" in text


def test_a_run_without_weights_and_a_run_of_other_classes_are_refused(tiny: tuple[Any, Path], tmp_path: Path) -> None:
    params, run = tiny
    spec = json.loads((run / "spec.json").read_text(encoding="utf-8"))
    (run / "spec.json").write_text(json.dumps({**spec, "classes": ["blue", "green"]}), encoding="utf-8")
    with pytest.raises(InputError, match="a run of other classes"):
        gradcam(params, run, "e", tmp_path / "to")
    (run / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    (run / "checkpoint.safetensors").unlink()
    with pytest.raises(DataError, match="no weights here"):
        gradcam(params, run, "e", tmp_path / "to")


def test_only_a_publication_on_its_own_dataset_is_put_on_its_page(tiny: tuple[Any, Path], tmp_path: Path) -> None:
    params, run = tiny
    with pytest.raises(InputError, match="on its paper's own dataset"):
        gradcam(params, run, "e", tmp_path / "to", publish=True)
    spec = json.loads((run / "spec.json").read_text(encoding="utf-8"))
    (run / "spec.json").write_text(json.dumps({**spec, "study": "ddrnet.blood_cells"}), encoding="utf-8")
    with pytest.raises(InputError, match="expected: blood_cells"):
        gradcam(params, run, "e", tmp_path / "to", publish=True)
    plan = dataclasses.replace(params.experiment("e"), source="blood_cells")
    there = SimpleNamespace(profile="made", stores=STORES, experiment=lambda name: plan)
    text = gradcam(there, run, "e", tmp_path / "to", publish=True)  # type: ignore[arg-type]
    assert "*Claimed* (Figure 7; DDRNet model feature analysis): Grad-CAM" in text
    (file,) = shown_files(tmp_path / "reports")
    assert file == tmp_path / "reports" / "made" / "heat" / "e.net.json"
    found = from_plain(Shown, json.loads(file.read_text(encoding="utf-8")), where="here")
    assert (found.paper, found.study, found.n_images, found.epochs) == ("ddrnet", "blood_cells", 16, 2)
    assert shown_text([found]) in text


def test_a_paper_says_what_its_pictures_show_and_where_and_a_page_says_when_no_run_was_looked_at() -> None:
    told = {}
    for key in paper_keys():
        paper = load_paper(key)
        told[key] = pictures_text(paper, load_facts(paper), [])
    assert {key for key, text in told.items() if text} == {"alnet", "ddrnet"}
    assert told["alnet"].startswith("- *Claimed* (Figure 5; Section 4.4): ") and "(Figure 7; " in told["ddrnet"]
    assert all(text.count("Shown by a run: nothing yet") == 1 for text in told.values() if text)
    paper = load_paper("alnet")
    page = paper_page(Site(profiles=(), papers={"alnet": paper}, findings=(), pictures=told), paper)
    assert "## What its pictures are said to show" in page and told["alnet"].splitlines()[0] in page
