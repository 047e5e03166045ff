"""Real trainings on a machine that has a GPU and nothing else: pack here, run there, collect here.

    python -m benchmarks.gpu.trainings pack BUNDLE              # at home, after fetch … split and decode of the profile in params.yaml
    python benchmarks/gpu/trainings.py run BUNDLE --home WORK --results OUT      # there; again and again until it says 0 left
    python -m benchmarks.gpu.trainings collect OUT              # at home; then dvc repro (leukbench train) finds the runs by their keys

``run`` needs torch, torchvision, timm (with safetensors), numpy, pandas, OpenCV and scikit-learn, and this checkout: neither pydantic
nor DVC. A bundle holds resolved studies, splits and the pixels of the stores as PNG in parts small enough to be carried one by one.
The most important runs come first: the papers' own networks, one seed of everything, then the baselines, then the other seeds.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402

from leukbench.errors import DataError, LeukbenchError  # noqa: E402
from leukbench.paths import replacing, runs_folder, write_text  # noqa: E402
from leukbench.records import Cell, Limits, as_plain, digest  # noqa: E402

if TYPE_CHECKING:
    from leukbench.training.grid import CellInputs, Task


# --------------------------------------------------------------------------------------------------- pack, at home


def pack(cells: list[CellInputs], bundle: Path, *, part_mib: float) -> str:
    """Write a bundle: plan.json, studies, splits, and each store once, as PNG in parts of at most ``part_mib`` MiB."""
    from leukbench.training.grid import missing, plan_grid

    todo = {task.inputs.name for task in missing(plan_grid(cells))}
    cells = [inputs for inputs in cells if inputs.name in todo]
    stores: dict[str, Any] = {}
    plain = []
    for inputs in cells:
        for store in inputs.stores:
            if store.stem not in stores:
                stores[store.stem] = _pack_store(store, bundle, part_mib=part_mib)
        for file, kind in ((inputs.study, "studies"), (inputs.split, "splits")):
            (bundle / kind).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, bundle / kind / file.name)
        plain.append(
            {
                "name": inputs.name, "cell": as_plain(inputs.cell), "study": inputs.study.name, "split": inputs.split.name,
                "stores": [store.stem for store in inputs.stores], "limited_source": inputs.limited_source,
            }
        )  # fmt: skip
    write_text(bundle / "plan.json", json.dumps({"cells": plain, "stores": stores}, indent=1) + "\n")
    size = sum(f.stat().st_size for f in bundle.rglob("*") if f.is_file()) / 2**20
    parts = sum(store["parts"] for store in stores.values())
    return f"{bundle}: {len(plain)} cells with missing runs, {len(stores)} stores in {parts} parts, {size:.1f} MiB"


def _pack_store(file: Path, bundle: Path, *, part_mib: float) -> dict[str, Any]:
    """Write a store's images losslessly; return its index, the number of parts and the hash of all pixels."""
    from leukbench.pixels.store import open_store

    store, images = open_store(file), hashlib.sha256()
    coded: list[npt.NDArray[np.uint8]] = []
    size, parts = 0, 0

    def write() -> None:
        nonlocal coded, size, parts
        ends = np.cumsum([len(c) for c in coded])
        with replacing(_part(bundle, file.stem, parts)) as temporary, temporary.open("wb") as out:
            np.savez(out, ends=ends, png=np.concatenate(coded))
        coded, size, parts = [], 0, parts + 1

    for image in store.images:
        images.update(image.tobytes())
        png = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1].ravel()
        if coded and size + len(png) > part_mib * 2**20:
            write()
        coded.append(png)
        size += len(png)
    write()
    index = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    return {"index": index, "parts": parts, "pixels_sha256": images.hexdigest()}


def _part(bundle: Path, store: str, number: int) -> Path:
    return bundle / "parts" / f"{store}-{number:03d}.npz"


# ------------------------------------------------------------------------------------------------------- run, there


def unpack(bundle: Path, home: Path) -> list[CellInputs]:
    """Put the stores together below ``home`` and return the cells. Raises DataError for a missing or damaged part."""
    from leukbench.training.grid import CellInputs

    plan = json.loads((bundle / "plan.json").read_text(encoding="utf-8"))
    files = {name: _unpack_store(name, store, bundle, home) for name, store in plan["stores"].items()}
    found = []
    for item in plan["cells"]:
        store, *test_store = (files[name].absolute() for name in item["stores"])
        found.append(
            CellInputs(
                name=item["name"], cell=_cell(item["cell"]), study=(bundle / "studies" / item["study"]).absolute(),
                split=(bundle / "splits" / item["split"]).absolute(), store=store,
                limited_source=item["limited_source"], test_store=next(iter(test_store), None),
            )
        )  # fmt: skip
    return found


def _cell(plain: dict[str, Any]) -> Cell:
    return Cell(**{**plain, "arms": tuple(plain["arms"]), "limits": Limits(**plain["limits"])})


def _unpack_store(name: str, store: dict[str, Any], bundle: Path, home: Path) -> Path:
    """Return the store's file, made from its parts unless it is there."""
    file, index, found = home / "stores" / f"{name}.npy", store["index"], hashlib.sha256()
    if file.with_suffix(".json").is_file():
        return file
    shape = (len(index["image_id"]), index["side_px"], index["side_px"], 3)
    with replacing(file) as temporary:
        images = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        for row, image in enumerate(_images(bundle, name, store["parts"])):
            images[row] = image
            found.update(image.tobytes())
        images.flush()
        if found.hexdigest() != store["pixels_sha256"]:
            raise DataError("a store's pixels are not those that were packed", where=name, do="pack and carry it again")
    write_text(file.with_suffix(".json"), json.dumps(index) + "\n")
    return file


def _images(bundle: Path, name: str, parts: int) -> Iterator[npt.NDArray[np.uint8]]:
    for number in range(parts):
        file = _part(bundle, name, number)
        if not file.is_file():
            raise DataError("a part of a store is not here", where=str(file), do="carry all parts of the bundle")
        with np.load(file, allow_pickle=False) as part, ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(_decode, np.split(part["png"], part["ends"][:-1]))


def _decode(png: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR), dtype=np.uint8)


def by_importance(tasks: list[Task]) -> list[Task]:
    """Return tasks: one seed of all before the next; in it the papers' own networks (first arm of a cell), then the others."""
    return sorted(tasks, key=lambda t: (t.seed, t.arm != t.inputs.cell.arms[0]))


def run(bundle: Path, *, home: Path, results: Path, device: str, jobs: int, budget_s: float) -> int:
    """Train what is missing until time is up; return 0 where no run is left, 1 where one failed, 3 where some are left."""
    until = time.monotonic() + budget_s
    os.environ["LEUKBENCH_HOME"] = str(home)
    os.environ["LEUKBENCH_DEVICE"] = device
    import torch

    from leukbench.training.grid import is_finished, missing, plan_grid
    from leukbench.training.workers import default_jobs, run_locally

    there = torch.device(device)
    tasks = by_importance(plan_grid(unpack(bundle, home)))
    names, failed = {task.key: task for task in tasks}, []
    todo = missing(tasks)
    with contextlib.closing(run_locally(todo, jobs=jobs or default_jobs(there), device=there)) as events:
        for event in events:
            task = names[event.key]
            if event.what in {"finished", "failed"}:
                print(f"{task.name}: {event.what} {event.note}".rstrip(), flush=True)
            if event.what == "failed":
                failed.append(task)
            if time.monotonic() > until:
                break
    for task in tasks:
        if is_finished(task.key):
            _copy_run(runs_folder() / task.key, results / "runs" / task.key)
    for task in (task for task in failed if task.log.is_file()):
        shutil.copyfile(task.log, _made(results / "logs") / f"{task.key}.txt")
    left = len(missing(tasks))
    print(
        f"{len(tasks) - left} of {len(tasks)} runs finished, {len(failed)} failed, {left} left; {results}", flush=True
    )
    return 1 if failed else 3 if left else 0


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _copy_run(source: Path, target: Path) -> None:
    """Copy a finished run, its receipt last, so that half a copy is no run."""
    _made(target)
    files = [f for f in source.iterdir() if f.suffix in {".json", ".csv", ".npy"} and not f.name.startswith(".")]
    for file in sorted(files, key=lambda f: f.name == "receipt.json"):
        shutil.copyfile(file, target / file.name)


# ------------------------------------------------------------------------------------------------ collect, at home


def collect(results: Path) -> str:
    """Copy finished runs into this workspace's runs/. Raises DataError where a run is not what its folder's name says."""
    from leukbench.training.run import find_run

    new = 0
    for folder in sorted(p.parent for p in (results / "runs").glob("*/receipt.json")):
        if find_run(folder.name) is not None:
            continue
        _check_key(folder)
        _copy_run(folder, runs_folder() / folder.name)
        if find_run(folder.name) is None:
            raise DataError("a run is not whole", where=str(folder), do="fetch it again")
        new += 1
    return f"{new} new runs in {runs_folder()}; dvc repro collects them"


def _check_key(folder: Path) -> None:
    """Hold a run's key against its own spec: a folder of another name would be taken for another run."""
    spec = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
    kept = {k: v for k, v in spec.items() if k not in {"study", "arm", "protocol", "reading"}}
    kept["network"].pop("folder")
    if digest(kept) != folder.name:
        raise DataError("a run is not the one that its folder names", where=str(folder), found=f"key {digest(kept)}")


def main(arguments: list[str] | None = None) -> int:
    """Run one of the three steps; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    packing, running, collecting = (steps.add_parser(name) for name in ("pack", "run", "collect"))
    packing.add_argument("bundle", type=Path)
    packing.add_argument("--part-mib", type=float, default=56.0)
    running.add_argument("bundle", type=Path)
    running.add_argument("--home", type=Path, required=True, help="a workspace there: stores, runs and checkpoints")
    running.add_argument("--results", type=Path, required=True, help="finished runs are copied here, without weights")
    running.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    running.add_argument("--jobs", type=int, default=0, help="runs at once; 0: two a GPU")
    running.add_argument("--budget-s", type=float, default=520.0, help="stop after so many seconds; run again to go on")
    collecting.add_argument("results", type=Path)
    options = vars(parser.parse_args(arguments))
    step = options.pop("step")
    try:
        if step == "run":
            return run(options.pop("bundle"), **options)
        print(collect(options["results"]) if step == "collect" else _pack_profile(**options))
    except LeukbenchError as error:
        print(f"trainings: {error}", file=sys.stderr)
        return 2
    return 0


def _pack_profile(bundle: Path, part_mib: float) -> str:
    from leukbench.cli.grid import Choice, inputs_of
    from leukbench.params import load_params

    return pack(inputs_of(load_params(), Choice()), bundle, part_mib=part_mib)


if __name__ == "__main__":
    sys.exit(main())
