"""Real trainings on a machine that has a GPU and nothing else: pack here, run there, collect here.

    python -m benchmarks.gpu.trainings pack BUNDLE
    python benchmarks/gpu/trainings.py run BUNDLE --home WORK --results OUT
    python -m benchmarks.gpu.trainings collect OUT

``pack`` at home, after fetch … split and decode of the profile in params.yaml; ``run`` there, again and again until it
says 0 left; ``collect`` at home: then dvc repro (leukbench train) finds the runs by their keys.

``run`` needs torch, torchvision, timm (with safetensors), numpy, pandas, OpenCV and scikit-learn, and this checkout:
neither pydantic nor DVC. A bundle holds resolved studies, splits and the pixels that these name, as lossless WebP in
parts small enough to be carried one by one. The most important runs come first: the papers' own networks, one seed of
everything, then the baselines, then the other seeds.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
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
from leukbench.paths import check_whole, replacing, runs_folder, sha256_of, sum_file, write_sum, write_text  # noqa: E402
from leukbench.records import Experiment, Limits, as_plain, run_key  # noqa: E402
from leukbench.training.finished import is_finished, read_receipt  # noqa: E402
from leukbench.training.locks import holding  # noqa: E402

if TYPE_CHECKING:
    from leukbench.training.grid import ExperimentInputs, Task


# --------------------------------------------------------------------------------------------------- pack, at home


def pack(experiments: list[ExperimentInputs], bundle: Path, *, part_mib: float) -> str:
    """Write a bundle: plan.json, studies, splits, and of each store what these name,
    in parts of at most ``part_mib`` MiB."""
    from leukbench.training.grid import missing, plan_grid

    todo = {task.inputs.name for task in missing(plan_grid(experiments))}
    experiments = [inputs for inputs in experiments if inputs.name in todo]
    named: dict[Path, set[str]] = {}
    for inputs in experiments:
        for store in inputs.stores:
            named.setdefault(store, set()).update(_images_of(inputs))
    stores = {store.stem: _pack_store(store, ids, bundle, part_mib=part_mib) for store, ids in named.items()}
    plain = []
    for inputs in experiments:
        for file, kind in ((inputs.study, "studies"), (inputs.split, "splits")):
            (bundle / kind).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, bundle / kind / file.name)
            write_sum(bundle / kind / file.name)
        plain.append(
            {
                "name": inputs.name,
                "experiment": as_plain(inputs.experiment),
                "study": inputs.study.name,
                "split": inputs.split.name,
                "stores": [store.stem for store in inputs.stores],
                "limited_source": inputs.limited_source,
            }
        )
    plan = json.dumps({"experiments": plain, "stores": stores}, indent=1) + "\n"
    write_text(bundle / "plan.json", plan, summed=True)
    size = sum(f.stat().st_size for f in bundle.rglob("*") if f.is_file()) / 2**20
    parts = sum(store["parts"] for store in stores.values())
    return (
        f"{bundle}: {len(plain)} experiments with missing runs, {len(stores)} stores in {parts} parts, {size:.1f} MiB"
    )


def _images_of(inputs: ExperimentInputs) -> set[str]:
    """Return the names, in their stores, of the images that an experiment's split needs;
    copies are made of them there."""
    from leukbench.cohort.tables import read_split
    from leukbench.training.data import copied_images

    split = read_split(inputs.split)
    names = copied_images(split["image_id"].to_numpy(dtype=str), split["copy"].to_numpy())
    return {name.removeprefix(f"{inputs.experiment.test_source}:") for name in names}


def _pack_store(file: Path, ids: Collection[str], bundle: Path, *, part_mib: float) -> dict[str, Any]:
    """Write images of a store losslessly; return its index, their rows,
    the number of parts and the hash of their pixels."""
    from leukbench.pixels.store import open_store

    store, images = open_store(file), hashlib.sha256()
    rows = sorted(row for image_id, row in store.row_of.items() if image_id in ids)
    coded: list[npt.NDArray[np.uint8]] = []
    size, parts = 0, 0

    def write() -> None:
        nonlocal coded, size, parts
        ends = np.cumsum([len(c) for c in coded])
        with replacing(_part(bundle, file.stem, parts)) as temporary, temporary.open("wb") as out:
            np.savez(out, ends=ends, coded=np.concatenate(coded))
        coded, size, parts = [], 0, parts + 1

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row, one in zip(rows, pool.map(_encode, (store.images[row] for row in rows)), strict=True):
            images.update(store.images[row].tobytes())
            if coded and size + len(one) > part_mib * 2**20:
                write()
            coded.append(one)
            size += len(one)
    write()
    index = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    return {"index": index, "rows": rows, "parts": parts, "pixels_sha256": images.hexdigest()}


def _encode(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return an image as WebP; a quality above 100 is lossless."""
    return np.asarray(cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 101])[1], dtype=np.uint8).ravel()


def _part(bundle: Path, store: str, number: int) -> Path:
    return bundle / "parts" / f"{store}-{number:03d}.npz"


# ------------------------------------------------------------------------------------------------------- run, there


def unpack(bundle: Path, home: Path) -> list[ExperimentInputs]:
    """Put the stores together below ``home`` and return the experiments.
    Raises DataError for a missing or damaged file."""
    from leukbench.training.grid import ExperimentInputs

    check_whole(bundle / "plan.json", do="name a bundle that pack wrote, and carry all of it")
    plan = json.loads((bundle / "plan.json").read_text(encoding="utf-8"))
    files = {name: _unpack_store(name, store, bundle, home) for name, store in plan["stores"].items()}
    found = []
    for item in plan["experiments"]:
        store, *test_store = (files[name].absolute() for name in item["stores"])
        found.append(
            ExperimentInputs(
                name=item["name"],
                experiment=_experiment(item["experiment"]),
                study=(bundle / "studies" / item["study"]).absolute(),
                split=(bundle / "splits" / item["split"]).absolute(),
                store=store,
                limited_source=item["limited_source"],
                test_store=next(iter(test_store), None),
            )
        )
    return found


def _experiment(plain: dict[str, Any]) -> Experiment:
    return Experiment(**{**plain, "arms": tuple(plain["arms"]), "limits": Limits(**plain["limits"])})


def _unpack_store(name: str, store: dict[str, Any], bundle: Path, home: Path) -> Path:
    """Return the store's file, made from its parts unless it is there; rows that no split names stay black."""
    index, found = store["index"], hashlib.sha256()
    file: Path = home / "stores" / store["pixels_sha256"][:16] / f"{name}.npy"
    if sum_file(file.with_suffix(".json")).is_file():  # who opens it holds both files against their sums
        return file
    shape = (len(index["image_id"]), index["side_px"], index["side_px"], 3)
    with replacing(file, summed=True) as temporary:
        images = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        for row, image in zip(store["rows"], _images(bundle, name, store["parts"]), strict=True):
            images[row] = image
            found.update(image.tobytes())
        images.flush()
        if found.hexdigest() != store["pixels_sha256"]:
            raise DataError("a store's pixels are not those that were packed", where=name, do="pack and carry it again")
    write_text(file.with_suffix(".json"), json.dumps(index) + "\n", summed=True)
    return file


def _images(bundle: Path, name: str, parts: int) -> Iterator[npt.NDArray[np.uint8]]:
    for number in range(parts):
        file = _part(bundle, name, number)
        if not file.is_file():
            raise DataError("a part of a store is not here", where=str(file), do="carry all parts of the bundle")
        with np.load(file, allow_pickle=False) as part, ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(_decode, np.split(part["coded"], part["ends"][:-1]))


def _decode(coded: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)


def by_importance(tasks: list[Task]) -> list[Task]:
    """Return tasks: one seed of all before the next; in it the papers' own networks (first arm of an experiment),
    then the others."""
    return sorted(tasks, key=lambda t: (t.seed, t.arm != t.inputs.experiment.arms[0]))


def run(bundle: Path, *, home: Path, results: Path, device: str, jobs: int, budget_s: float, part_mib: float) -> int:
    """Train what is missing until time is up; return 0 where no run is left, 1 where one failed,
    3 where some are left."""
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
    finished = [runs_folder() / task.key for task in tasks if is_finished(task.key)]
    _archive(finished, [task.log for task in failed if task.log.is_file()], results, part_mib=part_mib)
    left = len(missing(tasks))
    print(
        f"{len(tasks) - left} of {len(tasks)} runs finished, {len(failed)} failed, {left} left; {results}", flush=True
    )
    return 1 if failed else 3 if left else 0


def _archive(runs: Sequence[Path], logs: Sequence[Path], results: Path, *, part_mib: float) -> None:
    """Write finished runs without weights, and the logs of failed ones,
    into a few files of about ``part_mib`` MiB at most."""
    whole = [[(file, f"runs/{run.name}/{file.name}") for file in _kept(run)] for run in runs]
    whole += [[(log, f"logs/{log.parent.name}.txt")] for log in logs]
    parts: list[list[tuple[Path, str]]] = [[]]
    filled = 0
    for files in whole:
        size = sum(file.stat().st_size for file, _ in files)
        if parts[-1] and filled + size > part_mib * 2**20:
            parts.append([])
            filled = 0
        parts[-1] += files
        filled += size
    results.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(parts):
        with (
            replacing(results / f"runs-{number:03d}.zip") as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed,
        ):
            for file, name in part:
                packed.write(file, name)


def _kept(run: Path) -> list[Path]:
    """Return the files of a finished run that are carried, its receipt last, so that half a copy is no run."""
    files = [f for f in run.iterdir() if f.suffix in {".json", ".csv", ".npy"} and not f.name.startswith(".")]
    return sorted(files, key=lambda f: f.name == "receipt.json")


# ------------------------------------------------------------------------------------------------ collect, at home


def collect(results: Path) -> str:
    """Copy finished runs into this workspace's runs/. Raises DataError where there is no archive, for a damaged one,
    for a run that its name does not fit, and for one that is here with other predictions."""
    archives, new, known = sorted(results.glob("runs-*.zip")), 0, 0
    if not archives:
        raise DataError("no runs to collect", where=str(results), expected="runs-000.zip, as `run --results` leaves it")
    with tempfile.TemporaryDirectory() as opened:
        for archive in archives:
            try:
                with zipfile.ZipFile(archive) as packed:
                    packed.extractall(opened)
            except (zipfile.BadZipFile, zlib.error) as error:
                raise DataError("an archive of runs is damaged", where=str(archive), do="fetch it again") from error
        for folder in sorted(p.parent for p in Path(opened, "runs").glob("*/receipt.json")):
            _check_run(folder)
            target = runs_folder() / folder.name
            if is_finished(target):
                _check_same(folder, target)
                known += 1
                continue
            with holding(target, patience_s=0):
                for file in _kept(folder):
                    shutil.copyfile(file, target / file.name)
            new += 1
    here = f", {known} that were here" if known else ""
    return f"{new} new runs in {runs_folder()}{here}; dvc repro collects them"


def _check_run(folder: Path) -> None:
    """Hold a run's files against its receipt, and its key against its own spec: a folder of another name would be taken
    for another run."""
    try:
        key = run_key(json.loads((folder / "spec.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        where, found = f"{folder.name}/spec.json", f"{type(error).__name__}: {error}"
        raise DataError("a run is not whole", where=where, found=found, do="fetch it again") from error
    if key != folder.name:
        raise DataError("a run is not the one that its folder names", where=folder.name, found=f"key {key}")
    if (receipt := read_receipt(folder))["key"] != key:
        raise DataError("a run is not the one that its folder names", where=folder.name, found=f"key {receipt['key']}")


def _check_same(folder: Path, here: Path) -> None:
    """Refuse a run of the same key whose predictions are others: nobody could say which of them a page shows."""
    read_receipt(here)
    for name in ("test.npy", "validation.npy", "rows.csv"):
        there, mine = sha256_of(folder / name), sha256_of(here / name)
        if there != mine:
            raise DataError(
                "a run is here already, with other predictions", where=str(here / name), expected=f"sha256 {mine}",
                found=f"sha256 {there} in what is collected",
                do="compare them (leukbench diff says what can explain it), and delete the folder to take the other",
            )  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run one of the three steps; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    packing, running, collecting = (steps.add_parser(name) for name in ("pack", "run", "collect"))
    packing.add_argument("bundle", type=Path)
    packing.add_argument("--part-mib", type=float, default=48.0, help="size of a part of the stores")
    for what in ("studies", "protocols", "arms"):
        packing.add_argument(f"--{what}", action="append", default=[], help="these alone (repeatable); default: all")
    running.add_argument("bundle", type=Path)
    running.add_argument("--home", type=Path, required=True, help="a workspace there: stores, runs and checkpoints")
    running.add_argument("--results", type=Path, required=True, help="finished runs come here, without weights")
    running.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    running.add_argument("--jobs", type=int, default=0, help="runs at once; 0: two a GPU")
    running.add_argument("--budget-s", type=float, default=520.0, help="stop after so many seconds; run again to go on")
    running.add_argument("--part-mib", type=float, default=15.0, help="size of a file of results")
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


def _pack_profile(bundle: Path, part_mib: float, **chosen: list[str]) -> str:
    from leukbench.params import load_params
    from leukbench.pipeline.grid import Choice, inputs_of, names

    choice = Choice(**{what: names(texts) for what, texts in chosen.items()})
    return pack(inputs_of(load_params(), choice), bundle, part_mib=part_mib)


if __name__ == "__main__":
    sys.exit(main())
