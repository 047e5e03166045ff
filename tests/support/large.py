"""What is large: a manifest and predictions of a million rows, a plan of 10,000 runs, a training of 200 epochs.

``python -m tests.support.large`` measures each in a process of its own and prints the table of docs/reliability.md: its
seconds of processor time and the peak of resident memory. ``python -m tests.support.large score 10000`` measures one at
another size.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

_TOLD: list[tuple[str, float]] = []


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Keep how many seconds of processor time a step took: what else the machine does is not counted."""
    started = time.process_time()
    yield
    _TOLD.append((what, time.process_time() - started))


def cohort(folder: Path, n: int) -> None:
    """Index, group, split and certify ``n`` images of n / 50 patients, of which a hundredth have a twin."""
    from leukbench.cohort.certificate import check_certificate, make_certificate
    from leukbench.cohort.duplicates import identical_pairs
    from leukbench.cohort.groups import make_groups
    from leukbench.cohort.manifest import read_manifest, write_manifest
    from leukbench.cohort.splits import make_splits
    from leukbench.cohort.tables import read_groups, read_split, write_groups, write_split
    from leukbench.records import SplitRule

    with timed("index"):
        write_manifest(made_manifest(n), folder / "manifest.csv", summed=True)
        manifest = read_manifest(folder / "manifest.csv")
    with timed("group"):
        groups = make_groups(manifest, identical_pairs(manifest))
        write_groups(groups, folder / "groups.csv", summed=True)
        groups = read_groups(folder / "groups.csv")
    rule = SplitRule(unit="group", k=5, validation=0.1)
    with timed("split"):
        split = make_splits(manifest, groups, rule, seed=0, classes={"ALL": ("ALL",), "HEM": ("HEM",)})
        write_split(split, folder / "split.csv", summed=True)
        split = read_split(folder / "split.csv")
    with timed("certify"):
        certificate = make_certificate(manifest, groups, split, rule=rule, protocol="patient")
        if check_certificate(certificate):
            raise RuntimeError("the split is not by patient")


def made_manifest(n: int) -> pd.DataFrame:
    """Return a manifest of ``n`` images."""
    from leukbench.records import MANIFEST_COLUMNS

    rng = np.random.default_rng(0)
    patient = rng.integers(0, max(10, n // 50), n)
    number = np.where(rng.random(n) < 0.01, np.arange(n) // 2, np.arange(n))
    hashes = [f"{i:064x}" for i in number]
    values = {
        "image_id": [f"image-{i:07d}" for i in range(n)],
        "path": [f"part/{p:06d}/{i:07d}.png" for i, p in enumerate(patient)],
        "label": np.where(patient % 3, "ALL", "HEM"),
        "patient": [f"patient-{p:06d}" for p in patient],
        "evidence": "verified", "present": "1", "pool": "all", "sha256": hashes, "pixel_sha256": hashes,
    }  # fmt: skip
    return pd.DataFrame({name: values.get(name, "") for name in MANIFEST_COLUMNS}, index=range(n))


def score(folder: Path, n: int) -> None:
    """Score ``n`` predictions of n / 50 patients in three classes."""
    from leukbench.tools.score.score import score as scored

    rng = np.random.default_rng(0)
    patient = rng.integers(0, max(10, n // 50), n)
    truth = patient % 3
    values = rng.dirichlet((1.0, 1.0, 1.0), n) + 0.8 * np.eye(3)[truth]
    values /= values.sum(axis=1, keepdims=True)
    with (folder / "predictions.csv").open("w", encoding="utf-8") as out:
        out.write("image_id,patient,label,score_A,score_B,score_C\n")
        for i in range(n):
            a, b, c = values[i]
            out.write(f"image-{i:07d},patient-{patient[i]:06d},{'ABC'[truth[i]]},{a:.6f},{b:.6f},{c:.6f}\n")
    with timed("score"):
        scored(folder / "predictions.csv", None, "md")


def plan(folder: Path, n: int) -> None:
    """List a plan of ``n`` runs with what each would cost: ten arms, two folds, n / 20 seeds."""
    import torch

    from leukbench.pipeline.grid import _dry_text
    from leukbench.training.costs import Estimator
    from leukbench.training.grid import cost_of, missing, plan_grid
    from leukbench.training.roofline import Device
    from tests.support.tiny_grid import write_experiment

    arms = {f"arm-{k}": {"dropout": k / 20} for k in range(10)}
    inputs = write_experiment(folder / "world", arms=arms, seeds=n // 20)
    with timed("list"):
        tasks = plan_grid([inputs])
        todo = missing(tasks)
        estimator = Estimator(torch.device("cpu"), {}, Device(flops=1e11, bytes_s=1e10))
        costs = {task.key: cost_of(task, estimator) for task in todo}
        text = _dry_text(tasks, todo, costs, device="cpu", at_once=2, estimator=estimator)
    if len(text.splitlines()) < n:
        raise RuntimeError("not every run is listed")


def epochs(folder: Path, n: int) -> None:
    """Train the tiny network for ``n`` epochs, and hold its memory after a tenth of them against that at the end."""
    import torch

    from leukbench.training.run import execute_run
    from tests.support.tiny_world import fold_rows, make_images, make_recipe, make_spec, make_store

    torch.set_num_threads(1)
    images, labels = make_images()
    rows, store = fold_rows(labels), make_store(images)
    spec = make_spec(folder / "paper", make_recipe(epochs=n), rows, store)
    resident: list[float] = []

    def look(done: int, total: int) -> None:
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
        resident.append(pages * resource.getpagesize() / 2**20)

    with timed("train"):
        execute_run(spec, rows, store, device=torch.device("cpu"), progress=look)
    _TOLD.append((f"MiB more at epoch {n} than at {n // 10}", resident[-1] - resident[n // 10 - 1]))


WORK: dict[str, tuple[Callable[[Path, int], None], int]] = {
    "cohort": (cohort, 1_000_000),
    "score": (score, 1_000_000),
    "plan": (plan, 10_000),
    "epochs": (epochs, 200),
}


def main(arguments: list[str]) -> None:
    """Measure one kind of work in this process, or each in one of its own, and print rows of the table."""
    if not arguments:
        print("| what | rows, runs or epochs | steps | peak of resident memory, MiB |\n|---|---|---|---|", flush=True)
        for name in WORK:
            subprocess.run([sys.executable, "-m", "tests.support.large", name], check=True)
        return
    work, n = WORK[arguments[0]]
    n = int(arguments[1]) if len(arguments) > 1 else n
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEUKBENCH_HOME"] = folder
        work(Path(folder), n)
    steps = ", ".join(f"{what}: {value:.1f}{'' if 'MiB' in what else ' s'}" for what, value in _TOLD)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {arguments[0]} | {n:,} | {steps} | {peak:,.0f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
