"""``leukbench gradcam``: where a network looks, from the checkpoint of a run and the test images of an experiment.

Mean maps show no image and may be published; panels show the publisher's images and stay on this machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from leukbench.artefacts import from_plain
from leukbench.errors import InputError
from leukbench.params import Params
from leukbench.paths import write_text
from leukbench.pipeline.layout import as_read, experiment_file, store_files, whole
from leukbench.records import FloatArray, IntArray, RunSpec
from leukbench.report.figures.heat import Looked, looked_rows, maps_figure, panels_figure
from leukbench.report.figures.style import write_figure
from leukbench.report.format import page_table

if TYPE_CHECKING:
    from leukbench.training.data import Pixels

IMAGES = 96
"""Test images that are looked at, evenly over the table of the split."""
_BATCH = 8


def gradcam(params: Params, run: Path, experiment: str, to: Path) -> str:
    """Write mean maps, panels and ``heat.md`` below ``to`` and return the table.

    Parameters
    ----------
    run
        Folder with ``spec.json`` and ``checkpoint.safetensors``.
    experiment
        Its store and the test part of the run's fold are looked at.

    Raises
    ------
    InputError
        Where the run was trained for other classes than the experiment's.
    DataError
        Where a file is missing or damaged.
    """
    spec = from_plain(RunSpec, as_read(run / "spec.json", stage="train"), where=str(run / "spec.json"))
    pixels = _pixels(params, spec, experiment)
    index = np.linspace(0, len(pixels.rows) - 1, min(IMAGES, len(pixels.rows))).astype(np.int64)
    heat, called = _heat(run, spec, pixels, index)
    looked = Looked(
        title=f"{spec.arm.replace('_', ' ')}, {experiment}, fold {spec.fold}", classes=spec.classes,
        images=pixels.uint8_images(index), heat=heat, label=pixels.rows.label[index], called=called,
    )  # fmt: skip
    maps = maps_figure("maps", looked)
    write_figure(maps, to)
    write_figure(panels_figure("panels", looked), to)
    text = f"{maps.caption}\n\n{page_table(looked_rows(looked))}\n"
    write_text(to / "heat.md", text)
    return f"{text}\n{to}: maps (no image is shown), panels (the publisher's images: not to be published)\n"


def _pixels(params: Params, spec: RunSpec, experiment: str) -> Pixels:
    import torch

    from leukbench.cohort.tables import read_split
    from leukbench.pixels.joined import open_stores
    from leukbench.training.data import Pixels, rows_of

    planned = params.experiment(experiment)
    store = open_stores(store_files(params, planned), test_source=planned.test_source)
    split = read_split(whole(experiment_file(params, "splits", experiment, ".csv"), stage="split"))
    found = set(split.loc[split["role"].eq("test"), "label"])
    if not found <= set(spec.classes):
        raise InputError(
            "a run of other classes", where=experiment, expected=", ".join(spec.classes),
            found=", ".join(sorted(found)), do="name an experiment of the study that the run is of",
        )  # fmt: skip
    rows = rows_of(split, fold=spec.fold, role="test", classes=spec.classes, store=store)
    return Pixels(rows, store, spec.recipe, device=torch.device("cpu"))


def _heat(run: Path, spec: RunSpec, pixels: Pixels, index: npt.NDArray[Any]) -> tuple[FloatArray, IntArray]:
    """Return heat ``(n, side, side)`` and the class called ``(n,)`` of some rows."""
    from leukbench.tools.heat import heat_maps
    from leukbench.training.network import build_network
    from leukbench.training.run import checkpoint_weights

    size = spec.recipe.input_px
    network = build_network(spec.network, n_classes=len(spec.classes), input_px=size, pretrained=False)
    network.load_state_dict(checkpoint_weights(run))
    parts = [
        heat_maps(network, pixels.batch(index[start : start + _BATCH])[0]) for start in range(0, len(index), _BATCH)
    ]
    heat, called = (np.concatenate([part[i].numpy() for part in parts]) for i in (0, 1))
    return heat.astype(np.float64), called
