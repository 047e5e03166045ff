"""One small training as if on other processors: other instruction sets, other numbers of threads.

``python -m tests.support.processors`` trains the tiny network in processes whose libraries are told to use less than
this processor has, and prints the table of docs/reliability.md: how far scores and accuracies are from the first's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parents[2]
_ISA = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_CORETYPE")
PROCESSORS: dict[str, tuple[dict[str, str], int]] = {
    "this processor": ({}, 1),
    "this processor, again": ({}, 1),
    "AVX2 alone": (dict(zip(_ISA, ("avx2", "AVX2", "AVX2", "Haswell"), strict=True)), 1),
    "SSE4 alone": (dict(zip(_ISA, ("default", "SSE41", "SSE4_2", "Nehalem"), strict=True)), 1),
    "two threads": ({}, 2),
}
"""Name -> what the libraries are told, and the number of threads."""
EPOCHS = 30


@dataclass(frozen=True)
class Trained:
    """What a training left: scores of the test images ``(n_epochs, n_rows, n_classes)`` and their labels."""

    scores: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """The accuracy of the last epoch."""
        return float((self.scores[-1].argmax(axis=1) == self.labels).mean())

    def farthest(self, other: Trained) -> float:
        """The largest difference of a score from another training's, over all epochs."""
        return float(np.abs(self.scores - other.scores).max())


def train_on(processor: str, folder: Path, *, epochs: int = EPOCHS, seed: int = 0) -> Trained:
    """Train in a process of its own as if on a processor."""
    told, threads = PROCESSORS[processor]
    folder.mkdir(parents=True)
    environment = {**os.environ, **told, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "tests.support.processors", str(folder), str(epochs), str(threads), str(seed)]
    subprocess.run(command, env=environment, cwd=ROOT, check=True)
    return Trained(np.load(folder / "scores.npy"), np.load(folder / "labels.npy"))


def _train(folder: Path, epochs: int, threads: int, seed: int) -> None:
    import torch

    from leukbench.training.run import execute_run
    from tests.support.tiny_world import fold_rows, make_images, make_recipe, make_spec, make_store

    os.environ["LEUKBENCH_HOME"] = str(folder / "home")
    torch.set_num_threads(threads)
    images, labels = make_images()
    rows, store = fold_rows(labels), make_store(images)
    spec = make_spec(folder / "paper", make_recipe(epochs=epochs), rows, store, seed=seed)
    found = execute_run(spec, rows, store, device=torch.device("cpu"))
    np.save(folder / "scores.npy", found.test)
    np.save(folder / "labels.npy", rows.test.label)


def main() -> None:
    """Print the table."""
    print("| processor | largest difference of a score | difference of accuracy, points |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        first = train_on("this processor", Path(folder) / "first")
        for number, name in enumerate(PROCESSORS):
            other = first if not number else train_on(name, Path(folder) / str(number))
            points = 100 * abs(other.accuracy - first.accuracy)
            print(f"| {name} | {first.farthest(other):.1e} | {points:.1f} |", flush=True)
        other = train_on("this processor", Path(folder) / "seed", seed=1)
        print(f"| another seed | {first.farthest(other):.1e} | {100 * abs(other.accuracy - first.accuracy):.1f} |")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _train(Path(sys.argv[1]), *map(int, sys.argv[2:]))
    else:
        main()
