"""Check and time leukbench on a CUDA machine: ``python benchmarks/gpu/run.py [--out FOLDER]``.

Needs torch, torchvision, timm, numpy, pandas, opencv, scikit-learn and safetensors; neither pytest nor pydantic. Each
part is written to ``<device>.json`` as soon as it is measured, so that an interrupted or timed-out call goes on where
it stopped; ``<device>.md`` is made from it at the end. Stops by itself at ``--budget-s`` and says what is left.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from benchmarks.work import AUGMENTATION, cells, image_folder_loader, make_recipe, make_rows, make_store, write_folder  # noqa: E402
from leukbench.errors import DataError, LeukbenchError  # noqa: E402
from leukbench.paths import write_text  # noqa: E402
from leukbench.pixels.store import Store  # noqa: E402
from leukbench.records import NetworkSpec, Recipe  # noqa: E402
from leukbench.training.data import Pixels  # noqa: E402
from leukbench.training.engine import State, _train_epoch, set_up  # noqa: E402
from leukbench.training.hardware import hardware_card  # noqa: E402
from leukbench.training.network import build_network  # noqa: E402
from leukbench.training.recipe import make_loss, make_optimiser  # noqa: E402
from leukbench.training.roofline import Device, Work, measure_device, seconds_of, synchronise  # noqa: E402
from tests.support.gpu_checks import CHECKS, PROPOSED  # noqa: E402

FORWARD_GFLOP = {  # modelled before our readings of the networks were fixed; the rooflines use what is counted
    "ALNet": 3.33,
    "DDRNet": 2.5,
    "DSCNet": 1.5,
    "EfficientNet-B3": 3.65,
    "EfficientNet-B0 + attention": 0.77,
}
RECIPES: dict[str, dict[str, Any]] = {  # the papers' batch, optimiser and loss
    "ALNet": {"batch_size": 32},
    "DDRNet": {"batch_size": 128, "optimiser": "adam"},
    "DSCNet": {"batch_size": 32, "optimiser": "adam", "loss": "kl_divergence", "output": "softmax", "l2": 0.01},
    "EfficientNet-B3": {"batch_size": 40, "optimiser": "adamax", "loss": "mean_squared_error", "output": "softmax"},
    "EfficientNet-B0 + attention": {
        "batch_size": 32,
        "optimiser": "adam",
        "loss": "categorical_cross_entropy",
        "output": "softmax",
    },
}
LARGE_BATCH = 256
EPOCHS_AND_IMAGES = {  # the papers' full epochs, and the images that a run of the plan goes through in one of them
    "ALNet": (140, 10_661),
    "DDRNet": (30, 20_000),
    "DSCNet": (50, 3_256),
    "EfficientNet-B3": (20, 10_661),
    "EfficientNet-B0 + attention": (60, 10_661),
}
RUNS_EACH = 9  # three folds, three seeds
_FAILURES = (AssertionError, RuntimeError, ValueError, TypeError, OSError, LookupError, AttributeError, ImportError)
MADE_WITH = ("commit", "python", "versions")
COMPILING_S = 90.0  # what a compilation may take; the budget keeps so much free


@dataclasses.dataclass(frozen=True)
class Bench:
    """How long and how large to measure: small on a CPU, where only the script itself is tried."""

    device: torch.device
    seconds: float
    n_images: int
    n_files: int
    file_px: int
    workers: int
    limits: Device
    batch_size: int | None = None  # instead of the papers'


def recipe_of(name: str, *, batch_size: int | None = None) -> Recipe:
    """Return a network's recipe for the timing."""
    values = {"input_px": PROPOSED[name][1], "augmentation": AUGMENTATION, **RECIPES[name]}
    return make_recipe(**{**values, **({"batch_size": batch_size} if batch_size else {})})


def build(network: NetworkSpec, side: int) -> torch.nn.Module:
    """Return a network with random weights and two classes."""
    return build_network(network, n_classes=2, input_px=side, pretrained=False)


@functools.lru_cache(maxsize=2)
def stored_cells(n: int, side: int) -> Store:
    """Return made images as a store, made once for the parts that follow each other."""
    return make_store(cells(n, side), side)


def time_engine(bench: Bench, name: str, *, precision: str, batch_size: int | None = None) -> dict[str, float]:
    """Return images/s of the engine's own epoch, augmentation on the device included,
    and the share of the batches alone."""
    network, side = PROPOSED[name]
    recipe, device = recipe_of(name, batch_size=batch_size or bench.batch_size), bench.device
    n = max(bench.n_images, recipe.batch_size)
    pixels = Pixels(make_rows(0, n), stored_cells(n, side), recipe, device=device)
    state = set_up(lambda: build(network, side), recipe, seed=0, device=device, precision=precision)
    loss_of, order = make_loss(recipe), np.arange(n)

    def epoch() -> None:
        _train_epoch(state, pixels, order, loss_of, [], seed=0, epoch=0, precision=precision)

    def batches() -> None:
        for _ in pixels.training_batches(order, seed=0, epoch=0):
            pass

    whole_s = seconds_of(epoch, device, at_least_s=bench.seconds)
    input_s = seconds_of(batches, device, at_least_s=bench.seconds / 3)
    found = {"images_s": n / whole_s, "input_share": input_s / whole_s, "batch_size": float(recipe.batch_size)}
    if device.type == "cuda":
        found["peak_memory_mib"] = torch.cuda.max_memory_allocated(device) / 2**20
    return found


def one_step(bench: Bench, name: str, *, capturable: bool = False) -> Callable[[], None]:
    """Return one bf16 channels-last step of the network on a batch that is there already."""
    network, side = PROPOSED[name]
    recipe, device = recipe_of(name, batch_size=bench.batch_size), bench.device
    state = set_up(lambda: build(network, side), recipe, seed=0, device=device, precision="bf16")
    if capturable:
        state = State(state.model, _capturable(state.model, recipe), state.epochs)
    shape = (recipe.batch_size, 3, side, side)
    images = torch.rand(shape, device=device).contiguous(memory_format=torch.channels_last)
    labels, loss_of = torch.arange(recipe.batch_size, device=device) % 2, make_loss(recipe)
    state.model.train()

    def step() -> None:
        state.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=not capturable):
            logits = state.model(images)
        loss_of(logits, labels).backward()  # type: ignore[no-untyped-call]
        state.optimiser.step()

    return step


def _capturable(model: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    optimiser = make_optimiser(model, recipe)
    for group in optimiser.param_groups:
        group["capturable"] = True
    return optimiser


def time_step(bench: Bench, name: str) -> dict[str, float]:
    """Return images/s of the eager step alone, and what the device's limits would allow."""
    step, size = one_step(bench, name), recipe_of(name, batch_size=bench.batch_size).batch_size
    step()
    with Work() as work:
        step()
    step_s = seconds_of(step, bench.device, at_least_s=bench.seconds)
    return {
        "images_s": size / step_s,
        "eager_roofline_images_s": size / work.least_s(bench.limits),
        "compute_roofline_images_s": bench.limits.flops / (work.flops() / size),
        "modelled_training_gflop_an_image": 3 * FORWARD_GFLOP[name],
        "counted_training_gflop_an_image": work.flops() / size / 1e9,
        "mb_moved_an_image": work.bytes() / size / 1e6,
        "operations_a_step": float(len(work.ops)),
    }


def time_graph(bench: Bench, name: str) -> dict[str, float]:
    """Return images/s of the same step replayed as one CUDA graph: what launching costs."""
    step = one_step(bench, name, capturable=True)
    size = recipe_of(name, batch_size=bench.batch_size).batch_size
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(4):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return {"images_s": size / seconds_of(graph.replay, bench.device, at_least_s=bench.seconds)}


def time_compiled(bench: Bench, name: str) -> dict[str, float]:
    """Return images/s of the step with torch.compile, and how long the first step took."""
    network, side = PROPOSED[name]
    recipe, device = recipe_of(name, batch_size=bench.batch_size), bench.device
    state = set_up(lambda: build(network, side), recipe, seed=0, device=device, precision="bf16")
    model, loss_of = torch.compile(state.model.train()), make_loss(recipe)
    images = torch.rand(recipe.batch_size, 3, side, side, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(recipe.batch_size, device=device) % 2

    def step() -> None:
        state.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            logits = model(images)
        loss_of(logits, labels).backward()  # type: ignore[no-untyped-call]
        state.optimiser.step()

    started = time.perf_counter()
    step()
    synchronise(device)
    first_s = time.perf_counter() - started
    return {"images_s": recipe.batch_size / seconds_of(step, device, at_least_s=bench.seconds), "first_step_s": first_s}


def time_by_hand(bench: Bench, name: str) -> dict[str, float]:
    """Return images/s of a tutorial's loop: ImageFolder, v2 transforms, DataLoader, fp32, NCHW, eager, Adam."""
    network, side = PROPOSED[name]
    size = recipe_of(name, batch_size=bench.batch_size).batch_size
    with tempfile.TemporaryDirectory() as folder:
        files = write_folder(Path(folder), cells(bench.n_files, bench.file_px))
        loader = image_folder_loader(files, side, bilinear=True, batch_size=size, workers=bench.workers)
        model = build(network, side).to(bench.device).train()
        optimiser, loss_of = torch.optim.Adam(model.parameters(), lr=1e-4), torch.nn.CrossEntropyLoss()

        def pass_over_files(until: float) -> int:
            n = 0
            for images, labels in loader:
                optimiser.zero_grad()
                loss = loss_of(model(images.to(bench.device)), labels.to(bench.device))
                loss.backward()
                optimiser.step()
                loss.item()
                n += len(labels)
                if time.perf_counter() > until:
                    break
            return n

        pass_over_files(time.perf_counter() + 1)  # starts the workers
        started, n = time.perf_counter(), 0
        while time.perf_counter() < started + 2 * bench.seconds:
            n += pass_over_files(started + 2 * bench.seconds)
        return {"images_s": n / (time.perf_counter() - started), "workers": float(bench.workers)}


def parts_of(bench: Bench, *, whole_networks: bool) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return everything to be measured, the most wanted first: name -> call."""
    cuda = bench.device.type == "cuda"
    wanted: dict[str, Callable[[], dict[str, Any]]] = {}
    for check in CHECKS:
        if whole_networks or "network" not in check.__name__:
            wanted[f"check: {check.__name__}"] = lambda check=check: check(bench.device)  # type: ignore[misc]
    steps: list[tuple[str, Callable[[Bench, str], dict[str, Any]]]] = [
        ("engine bf16", lambda b, n: time_engine(b, n, precision="bf16")),
        ("step bf16", time_step),
        ("by hand", time_by_hand),
        ("engine fp32", lambda b, n: time_engine(b, n, precision="fp32")),
    ]
    if cuda:
        large = ("engine bf16, large batch", lambda b, n: time_engine(b, n, precision="bf16", batch_size=LARGE_BATCH))
        steps += [("graph bf16", time_graph), large, ("compiled bf16", time_compiled)]
    for what, call in steps:
        for name in PROPOSED:
            wanted[f"{what}: {name}"] = lambda call=call, name=name: call(bench, name)  # type: ignore[misc]
    return wanted


def measure(wanted: dict[str, Callable[[], dict[str, Any]]], file: Path, state: dict[str, Any], *, until: float) -> int:
    """Measure what ``state`` lacks, saving after each part; return how many parts are left when time is up."""
    for name, call in wanted.items():
        if name in state["parts"]:
            continue
        if time.monotonic() > until - (COMPILING_S if name.startswith("compiled") else 0.0):
            break
        started = time.perf_counter()
        try:
            found: dict[str, Any] = {"status": "done", **call()}
        except _FAILURES as error:
            found = {"status": "failed", "error": f"{type(error).__name__}: {error}"[:500]}
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        found["took_s"] = round(time.perf_counter() - started, 2)
        state["parts"][name] = found
        write_text(file, json.dumps(state, indent=1) + "\n")
        print(f"{name}: {found}", flush=True)
    return sum(name not in state["parts"] for name in wanted)


def earlier(file: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Return what an earlier call left to go on from, {} where there is none.

    Raises DataError where it cannot be read, or was measured by other code or other versions than are here: one page
    would hold both under one commit.
    """
    if not file.is_file():
        return {}
    do = f"move it away, or name another folder: --out; {file.name} stays as it is"
    try:
        state: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        made_with = {key: state["hardware"][key] for key in MADE_WITH}
    except (OSError, ValueError, LookupError, TypeError) as error:
        found = f"{type(error).__name__}: {error}"
        raise DataError("earlier results cannot be read", where=str(file), found=found, do=do) from error
    now = {key: card[key] for key in MADE_WITH}
    if made_with != now:
        raise DataError(
            "earlier results are of other code", where=str(file), expected=str(now), found=str(made_with), do=do
        )
    return state


def headline(parts: dict[str, Any]) -> str:
    """Return how long the headline grid takes at the engine's measured rates, one run after the other,
    against its goal of 40 minutes."""
    rates = {name: parts.get(f"engine bf16: {name}", {}).get("images_s") for name in EPOCHS_AND_IMAGES}
    images = {name: RUNS_EACH * epochs * n for name, (epochs, n) in EPOCHS_AND_IMAGES.items()}
    total = f"{sum(images.values()) / 1e6:.1f} million images"
    grid = f"The headline grid (five proposed networks, {RUNS_EACH} runs each at full epochs, {total})"
    if any(rate is None for rate in rates.values()):
        return f"{grid}: not all networks were measured."
    minutes = sum(images[name] / rate for name, rate in rates.items() if rate) / 60
    return f"{grid}: {minutes:,.0f} minutes at the rates of *engine bf16*, one run after the other (goal: 40)."


def check_lines(parts: dict[str, Any]) -> list[str]:
    """Return the table of the checks and what they measured."""
    lines = ["| check | result | measured |", "|---|---|---|"]
    for key, part in parts.items():
        if key.startswith("check: "):
            values = {k: v for k, v in part.items() if k not in {"status", "took_s", "error"}}
            outcome = part.get("error") or ", ".join(f"{k} {v:.3g}" for k, v in values.items())
            lines.append(f"| {key[7:].replace('_', ' ')} | {part['status']} | {outcome.replace('|', '/')} |")
    return lines


def markdown(state: dict[str, Any]) -> str:
    """Return the results as a page."""
    card, limits, parts = state["hardware"], state["limits"], state["parts"]

    def cell(what: str, name: str, key: str = "images_s", form: str = "{:,.0f}") -> str:
        part = parts.get(f"{what}: {name}")
        if part is None:
            return "not measured"
        return form.format(part[key]) if key in part else "failed"

    def share(name: str) -> str:
        mine, best = (parts.get(f"{w}: {name}", {}) for w in ("engine bf16", "step bf16"))
        if "images_s" not in mine or "eager_roofline_images_s" not in best:
            return ""
        return f"{mine['images_s'] / best['eager_roofline_images_s']:.0%}"

    def ratio(name: str) -> str:
        mine, theirs = (parts.get(f"{w}: {name}", {}) for w in ("engine bf16", "by hand"))
        return f"{mine['images_s'] / theirs['images_s']:.1f}" if "images_s" in mine and "images_s" in theirs else ""

    lines = [
        f"# {card['accelerator'] if card['accelerator'] != 'none' else card['processor']}",
        "",
        f"{card['processor']}, {card['cores']} cores, Python {card['python']}, "
        + ", ".join(f"{k} {v}" for k, v in card["versions"].items())
        + f"; commit {card['commit'] or 'unknown'}.",
        f"Measured limits: {limits['flops'] / 1e12:,.1f} TFLOP/s in bf16, {limits['bytes_s'] / 1e12:.2f} TB/s.",
        "",
        "Training, images/s. *By hand* is ImageFolder, torchvision v2, DataLoader, fp32, NCHW, eager. The *eager",
        "roofline* adds, for each operation of the step, the slower of its arithmetic and its traffic at the measured",
        "limits; the *compute roofline* is that of all its arithmetic, at the peak.",
        "",
        "| network | batch | by hand | engine bf16 | times by hand | engine fp32 | step alone | eager roofline "
        "| engine's share | compute roofline | CUDA graph | compiled | engine, batch 256 | input's share |",
        "|---|" + "---:|" * 13,
    ]
    for name in PROPOSED:
        columns = [
            str(recipe_of(name).batch_size),
            cell("by hand", name),
            cell("engine bf16", name),
            ratio(name),
            cell("engine fp32", name),
            cell("step bf16", name),
            cell("step bf16", name, "eager_roofline_images_s"),
            share(name),
            cell("step bf16", name, "compute_roofline_images_s"),
            cell("graph bf16", name),
            cell("compiled bf16", name),
            cell("engine bf16, large batch", name),
            cell("engine bf16", name, "input_share", "{:.1%}"),
        ]
        lines.append(f"| {name} | " + " | ".join(columns) + " |")
    lines += ["", headline(parts), "", *check_lines(parts)]
    failed = [f"- {key}: {part['error']}" for key, part in parts.items() if part["status"] == "failed"]
    return "\n".join([*lines, *(["", "Failed:", "", *failed] if failed else []), ""])


def main(arguments: list[str] | None = None) -> int:
    """Run; return 0 if all is measured and held, 1 if a part failed, 3 if time ran out before the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "gpu")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--budget-s", type=float, default=450.0, help="stop starting parts after so many seconds")
    parser.add_argument("--retry-failed", action="store_true", help="measure again what failed before")
    parser.add_argument("--only", default="", help="only parts whose name contains this, as ALNet or 'engine bf16'")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes: to try the script, not to report")
    options = parser.parse_args(arguments)
    until = time.monotonic() + options.budget_s
    if options.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device is here; --device cpu --quick tries the script", file=sys.stderr)
        return 2
    device = torch.device(options.device)
    card = hardware_card(device)
    name = card["accelerator"] if device.type == "cuda" else f"cpu {card['processor']}"
    file = options.out / (
        re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ("-quick" if options.quick else "") + ".json"
    )
    try:
        state = earlier(file, card)
    except LeukbenchError as error:
        print(f"run: {error}", file=sys.stderr)
        return 2
    if not state:
        limits = measure_device(device, side=512 if options.quick else 8192)
        state = {"hardware": card, "limits": dataclasses.asdict(limits), "parts": {}}
        write_text(file, json.dumps(state, indent=1) + "\n")
    if options.retry_failed:
        state["parts"] = {k: v for k, v in state["parts"].items() if v["status"] != "failed"}
    small = options.quick
    bench = Bench(
        device=device,
        seconds=0.01 if small else 2.5,
        n_images=2 if small else 1024,
        n_files=2 if small else 256,
        file_px=64 if small else 450,
        workers=0 if small else min(16, card["cores"] or 1),
        limits=Device(**state["limits"]),
        batch_size=2 if small else None,
    )
    wanted = {name: call for name, call in parts_of(bench, whole_networks=not small).items() if options.only in name}
    if not wanted:
        print(f"run: no part has {options.only!r} in its name, as 'ALNet' or 'engine bf16'", file=sys.stderr)
        return 2
    left = measure(wanted, file, state, until=until)
    write_text(file.with_suffix(".md"), markdown(state))
    print(f"{file.with_suffix('.md')}: " + (f"{left} parts left; run again to go on" if left else "complete"))
    if left:
        return 3
    return int(any(part["status"] == "failed" for part in state["parts"].values()))


if __name__ == "__main__":
    sys.exit(main())
