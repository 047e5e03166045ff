"""``leukbench gradcam``: where a network looks, from the weights of a run and the test images of an experiment.

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
from leukbench.paths import reports_folder, write_text
from leukbench.pipeline.layout import as_read, experiment_file, store_files, whole
from leukbench.records import FloatArray, IntArray, RunSpec, json_text
from leukbench.report.figures.heat import Looked, looked_rows, maps_figure, panels_figure, share_texts
from leukbench.report.figures.style import write_figure
from leukbench.report.format import page_table
from leukbench.report.pictures import FOLDER, Shown, pictures_text, shown_text

if TYPE_CHECKING:
    from leukbench.training.data import Pixels

IMAGES = 96
"""Test images that are looked at, evenly over the table of the split."""
_BATCH = 8


def gradcam(params: Params, run: Path, experiment: str, to: Path, *, publish: bool = False) -> str:
    """Write mean maps, panels and ``heat.md`` below ``to`` and return that page.

    Parameters
    ----------
    run
        Folder with ``spec.json`` and the weights: ``weights.safetensors`` of a finished run, or the checkpoint of one
        that trains.
    experiment
        Its store and the test part of the run's fold are looked at.
    publish
        Write the shares of heat, and no image, into the profile's folder of reports/ as well: from there the paper's
        page has them.

    Raises
    ------
    InputError
        Where the run was trained for other classes than the experiment's, or made images are to be published.
    DataError
        Where a file is missing or damaged.
    """
    spec = from_plain(RunSpec, as_read(run / "spec.json", stage="train"), where=str(run / "spec.json"))
    if publish:
        _only_published_images(params, spec, experiment)
    pixels = _pixels(params, spec, experiment)
    index = np.linspace(0, len(pixels.rows) - 1, min(IMAGES, len(pixels.rows))).astype(np.int64)
    heat, called, epochs = _heat(run, spec, pixels, index)
    looked = Looked(
        title=f"{spec.arm.replace('_', ' ')}, {experiment}, fold {spec.fold}", classes=spec.classes,
        images=pixels.uint8_images(index), heat=heat, label=pixels.rows.label[index], called=called,
    )  # fmt: skip
    shown = shown_of(spec, experiment, looked, epochs)
    maps = maps_figure("maps", looked)
    write_figure(maps, to)
    write_figure(panels_figure("panels", looked), to)
    text = _page(spec, shown, looked, maps.caption)
    write_text(to / "heat.md", text)
    if publish:
        write_text(reports_folder(params.profile) / FOLDER / f"{experiment}.{spec.arm}.json", json_text(shown))
    return f"{text}\n{to}: maps (no image is shown), panels (the publisher's images: not to be published)\n"


def shown_of(spec: RunSpec, experiment: str, looked: Looked, epochs: int) -> Shown:
    """Return where a run's network looks, as a page prints it."""
    paper, _, study = spec.study.partition(".")
    return Shown(
        paper=paper, study=study, arm=spec.arm, experiment=experiment, run=spec.key, fold=spec.fold, epochs=epochs,
        epochs_of=spec.recipe.epochs, n_images=len(looked.heat), shares=share_texts(looked),
        by_class=tuple(looked_rows(looked)),
    )  # fmt: skip


def _page(spec: RunSpec, shown: Shown, looked: Looked, caption: str) -> str:
    return "\n\n".join(
        [
            f"# Where {spec.arm.replace('_', ' ')} looks",
            _claimed_and_shown(shown),
            f"![Mean heat of each class](maps.svg)\n\n{caption}",
            page_table(looked_rows(looked)),
            "![Test images, each beside its heat](panels.png)\n\nTest images of each class, each beside the same with "
            "its heat. They are the publisher's: not to be published.\n",
        ]
    )


def _claimed_and_shown(shown: Shown) -> str:
    """Return what the run shows, beneath what its paper says of its pictures where it is a paper of the suite."""
    from leukbench.papers.facts import load_facts
    from leukbench.papers.files import paper_keys
    from leukbench.papers.loader import load_paper

    if shown.paper not in paper_keys():
        return shown_text([shown])
    paper = load_paper(shown.paper)
    return pictures_text(paper, load_facts(paper), [shown]) or shown_text([shown])


def _only_published_images(params: Params, spec: RunSpec, experiment: str) -> None:
    from leukbench.papers.files import paper_keys
    from leukbench.papers.loader import load_paper

    key, _, study = spec.study.partition(".")
    found = params.experiment(experiment).source
    known = load_paper(key).studies.get(study) if key in paper_keys() else None
    if known is None or known.source != found:
        raise InputError(
            "only where a published network looks on its paper's own dataset stands on that paper's page",
            where=experiment, expected=known.source if known else "a study of a publication",
            found=f"{spec.study} on {found}", do="leave out --publish",
        )  # fmt: skip


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


def _heat(run: Path, spec: RunSpec, pixels: Pixels, index: npt.NDArray[Any]) -> tuple[FloatArray, IntArray, int]:
    """Return heat ``(n, side, side)`` and the class called ``(n,)`` of some rows, and the epochs behind the weights."""
    from leukbench.tools.heat import heat_maps
    from leukbench.training.network import build_network
    from leukbench.training.run import kept_weights

    size = spec.recipe.input_px
    network = build_network(spec.network, n_classes=len(spec.classes), input_px=size, pretrained=False)
    weights, epochs = kept_weights(run)
    network.load_state_dict(weights)
    parts = [
        heat_maps(network, pixels.batch(index[start : start + _BATCH])[0]) for start in range(0, len(index), _BATCH)
    ]
    heat, called = (np.concatenate([part[i].numpy() for part in parts]) for i in (0, 1))
    return heat.astype(np.float64), called, epochs
