"""SIGKILL at random moments of every stage, of a grid and its workers, of a download and of a checkpoint being written.

``python -m tests.support.kills 200`` makes a small pipeline in a temporary folder, kills so many commands, runs each
again without a person's help, and prints the table of docs/reliability.md: what differs from the undisturbed pipeline,
what was left behind, which processes outlived their parent. A seed and names may follow: ``60 1 split train``.
``python -m tests.support.kills repro 12`` does so with ``make repro`` in a copy of the project.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import stages
from tests.support.plans import known_experiment, known_plan, write_plan
from tests.support.stages import COMMANDS, Pipeline, alive, below

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0
"""Seconds within which a worker must have ended after its parent."""
_FILE_EVENTS = frozenset({"open", "os.rename", "os.remove", "os.chmod", "os.mkdir"})


@dataclass(frozen=True)
class Killed:
    """What was killed, when (``moment``), and what came of it: ``problem`` is "" where nothing did."""

    what: str
    moment: str
    problem: str = ""


def _at_a_file(number: int) -> Callable[[], None]:
    """Return what kills a process just before its ``number``-th use of a file below its folder."""

    def install() -> None:
        left, home = [number], str(Path.cwd())

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event in _FILE_EVENTS and str(arguments[0]).startswith(home):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)

    return install


def kill_stage(pipeline: Pipeline, stage: str, rng: random.Random) -> Killed:
    """Kill a stage at a random moment or before a random use of a file, run it again, and compare."""
    pipeline.before(stage)
    command = rng.choice(COMMANDS[stage])
    if rng.random() < 0.5:
        moment = f"file {(number := rng.randint(1, 60))}"
        end = stages.run(pipeline.home, *command, first=_at_a_file(number))
    else:
        wait_s = rng.uniform(0.0, pipeline.seconds[stage] / len(COMMANDS[stage]))
        moment = f"after {wait_s:.3f} s"
        child = stages.start(pipeline.home, *command)
        time.sleep(wait_s)
        child.kill()
        end = child.wait()
    if end.code != -signal.SIGKILL:
        moment = "not in time"
    again = [stages.run(pipeline.home, *command) for command in COMMANDS[stage]]
    return Killed(stage, moment, pipeline.problem(again))


def kill_grid(pipeline: Pipeline, victim: str, rng: random.Random) -> Killed:
    """Kill a grid or one of its workers at a random moment, see that nobody outlives it, and train the rest."""
    pipeline.before("train")
    child = stages.start(pipeline.home, "grid", "--jobs", "2")
    wait_s = rng.uniform(0.1, pipeline.seconds["grid"])
    time.sleep(wait_s)
    workers = [pid for pid in below(child.pid) if b"spawn_main" in _command_line(pid)]
    if victim == "grid":
        child.kill()
    elif workers:
        os.kill(rng.choice(workers), signal.SIGKILL)
    end = child.wait()
    orphans = _outliving(workers)
    again = [stages.run(pipeline.home, "grid", "--jobs", "2")]
    again += [stages.run(pipeline.home, *command) for command in COMMANDS["train"]]
    killed = end.code == -signal.SIGKILL if victim == "grid" else bool(workers)
    problem = f"{len(orphans)} orphaned workers" if orphans else "traceback" if end.traceback else ""
    return Killed(victim, f"after {wait_s:.3f} s" if killed else "not in time", problem or pipeline.problem(again))


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _outliving(workers: list[int]) -> list[int]:
    until = time.monotonic() + PATIENCE_S
    while any(map(alive, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    left = [pid for pid in workers if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return left


# ------------------------------------------------------------------------------------------- downloads and checkpoints


def kill_download(folder: Path, url: str, sha256: str, rng: random.Random) -> Killed:
    """Kill a download at a random moment and ask for the file again."""
    from leukbench.sources.fetching import download

    shutil.rmtree(folder, ignore_errors=True)
    file = folder / "file.bin"
    wait_s, killed = rng.uniform(0.0, 0.25), False
    pid = os.fork()
    if not pid:
        download(url, file, sha256=sha256)
        os._exit(0)
    time.sleep(wait_s)
    os.kill(pid, signal.SIGKILL)
    killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    digest = download(url, file, sha256=sha256)
    left = [f.name for f in folder.iterdir() if f != file]
    problem = "another file" if digest != sha256 else f"left behind: {', '.join(left)}" if left else ""
    return Killed("download", f"after {wait_s:.3f} s" if killed else "not in time", problem)


def serve_slowly(body: bytes) -> tuple[int, str]:
    """Serve ``body`` with ranges from a process of its own, in a quarter of a second; return process and address."""
    from tests.support.hostile import Server, send

    server = Server()

    def slowly(handler: Any, n: int) -> None:
        write = handler.wfile.write

        def in_parts(data: bytes) -> None:
            for at in range(0, len(data), 65536):
                write(data[at : at + 65536])
                time.sleep(0.015)

        handler.wfile.write = in_parts
        with contextlib.suppress(OSError):  # who asked was killed
            send(handler, body)

    server.answers["/file.bin"] = slowly
    pid = os.fork()
    if not pid:
        server.http.serve_forever()
    return pid, f"{server.url}/file.bin"


def kill_checkpoint(folder: Path, rng: random.Random) -> Killed:
    """Kill a run while it writes a checkpoint, resume it, and compare its scores with an undisturbed run."""
    reading, writing = os.pipe()
    shutil.rmtree(folder, ignore_errors=True)
    pid = _train_tiny(folder, tell=writing)
    os.close(writing)
    epoch = rng.randint(1, 4)
    for _ in range(epoch):
        os.read(reading, 1)
    wait_s = rng.uniform(0.0, 0.006)
    time.sleep(wait_s)
    os.kill(pid, signal.SIGKILL)
    killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    os.close(reading)
    os.waitpid(_train_tiny(folder), 0)
    left = [f.name for f in folder.rglob("*") if f.name.startswith((".", "damaged")) or f.name == "lock"]
    undisturbed = folder.with_name("undisturbed")
    if not undisturbed.exists():
        os.waitpid(_train_tiny(undisturbed), 0)
    same = _scores_of(folder) == _scores_of(undisturbed) != ""
    problem = "other scores" if not same else f"left behind: {', '.join(left)}" if left else ""
    return Killed("checkpoint", f"epoch {epoch}, {1000 * wait_s:.1f} ms in" if killed else "not in time", problem)


def _scores_of(folder: Path) -> str:
    files = sorted((folder / "home" / "runs").glob("*/*.npy"))
    return " ".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)


def _train_tiny(folder: Path, *, tell: int = -1) -> int:
    """Train four epochs of the tiny network in a process of its own and return it; a byte to ``tell`` begins each
    checkpoint.
    """
    if pid := os.fork():
        return pid
    import torch

    from leukbench.training import run
    from tests.support.tiny_world import fold_rows, make_images, make_recipe, make_spec, make_store

    os.environ["LEUKBENCH_HOME"] = str(folder / "home")
    torch.set_num_threads(1)
    save = run._save_checkpoint

    def told(*given: Any, **named: Any) -> None:
        if tell >= 0:
            os.write(tell, b".")
        save(*given, **named)

    run._save_checkpoint = told
    images, labels = make_images()
    rows, store = fold_rows(labels), make_store(images)
    spec = make_spec(folder / "paper", make_recipe(epochs=4), rows, store)
    run.execute_run(spec, rows, store, device=torch.device("cpu"))
    os._exit(0)


# ----------------------------------------------------------------------------------------------------------- make repro


_AT_THE_LOCK = """
import os, signal, sys

left = [int(os.environ.get("KILL_AT_THE_LOCK", "0"))]


def hook(event, arguments):
    if event == "open" and left[0] and str(arguments[0]).endswith("/rwlock") and "w" in str(arguments[1]):
        left[0] -= 1
        if not left[0]:
            size = os.path.getsize(arguments[0]) if os.path.exists(arguments[0]) else 0
            with open(arguments[0], "ab") as opened:
                opened.truncate(size // 2 if os.environ["KEEP_HALF"] == "yes" else 0)
            os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(hook)
"""
"""A sitecustomize.py that ends a process as it begins to write DVC's lock file, which it leaves empty or cut short."""
_HOW = ("all processes", "DVC alone", "DVC as it writes its lock")


def kill_repro(folder: Path, n: int, rng: random.Random) -> Iterator[Killed]:
    """Kill ``make repro`` ``n`` times on its way, in turn all its processes, DVC alone, and DVC as it writes its lock;
    then let it end, and hold what it made against an undisturbed one.
    """
    undisturbed, copy = _project(folder / "undisturbed"), _project(folder / "killed")
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(_AT_THE_LOCK, encoding="utf-8")
    started = time.monotonic()
    subprocess.run(_REPRO, cwd=undisturbed, env=_environment(undisturbed), check=True, **_QUIET)
    longest_s = (time.monotonic() - started) / 3
    for turn in range(n):
        yield _killed_repro(copy, folder, _HOW[turn % len(_HOW)], rng, longest_s)
    done = subprocess.run(_REPRO, cwd=copy, env=_environment(copy), capture_output=True, text=True, check=False)
    if done.returncode:
        yield Killed("make repro, to its end", "", (done.stdout + done.stderr)[-400:])
        return
    one, other = stages.content(copy), stages.content(undisturbed)
    different = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    different = [name for name in different if "/measured" not in name]
    yield Killed("make repro, to its end", "", f"differs: {', '.join(different[:6])}" if different else "")


def _killed_repro(copy: Path, folder: Path, how: str, rng: random.Random, longest_s: float) -> Killed:
    environment, wait_s, number = _environment(copy), rng.uniform(3.0, max(14.0, longest_s)), 0
    if how == _HOW[2]:
        number, wait_s = rng.randint(1, 10), 600.0
        environment |= {"KILL_AT_THE_LOCK": str(number), "KEEP_HALF": rng.choice(["yes", "no"])}
        environment["PYTHONPATH"] = f"{folder / 'hook'}:{environment['PYTHONPATH']}"
    victims: list[int] = []
    with (folder / "log").open("w+", encoding="utf-8") as log:
        made = subprocess.Popen(_REPRO, cwd=copy, env=environment, start_new_session=True, stdout=log, stderr=log)
        try:
            made.wait(wait_s)
        except subprocess.TimeoutExpired:
            victims = [made.pid, *below(made.pid)]
            for pid in victims if how == _HOW[0] else [pid for pid in victims if b"dvc" in _command_line(pid)]:
                _kill(pid)
        made.wait()
        log.seek(0)
        said = log.read()
    what = f"make repro, {how}"
    if number and made.returncode:
        return Killed(what, f"write {number} of the lock", "" if "Killed" in said else said[-400:])
    if not victims:
        return Killed(what, "not in time", said[-400:] if made.returncode else "")
    return Killed(what, f"after {wait_s:.1f} s", _outliving_commands(victims))


_QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _kill(pid: int) -> None:
    if alive(pid):
        os.kill(pid, signal.SIGKILL)


def _outliving_commands(victims: list[int]) -> str:
    """Return "" once every process of a killed ``make`` has ended; a stage that lost only DVC runs to its own end."""
    until = time.monotonic() + 120
    while any(map(alive, victims)) and time.monotonic() < until:
        time.sleep(0.1)
    left = [pid for pid in victims if alive(pid)]
    for pid in left:
        _kill(pid)
    return f"{len(left)} processes outlived it" if left else ""


def _environment(copy: Path) -> dict[str, str]:
    """Return an environment in which every process runs the copy's code, whatever is installed."""
    ours = {k: v for k, v in os.environ.items() if k != "LEUKBENCH_HOME"}
    return {**ours, "PYTHONPATH": str(copy), "DVC_NO_ANALYTICS": "1"}


_REPRO = ("make", "--old-file=.venv/ready", "repro")
"""``make repro`` in an environment that is there."""


def _project(folder: Path) -> Path:
    """Return a copy of the project with the small plan."""
    skip = (".git", ".venv", "out", "runs", "data", "site", "reports", ".dvc", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*skip))
    (folder / "dvc.lock").unlink(missing_ok=True)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    command = [str(ROOT / ".venv/bin/dvc"), "init", "--no-scm", "--quiet"]
    subprocess.run(command, cwd=folder, env=_environment(folder), check=True)
    experiments = {"one": known_experiment("image", limits={"epochs": 3, "folds": 1})}
    verdicts = {"margin": 0.05, "alpha": 0.05, "sha256": _frozen()}
    write_plan(folder, known_plan("faults", experiments, images=96, seed=0, transfers={}, verdicts=verdicts))
    return folder


def _frozen() -> str:
    from leukbench.papers.loader import load_paper
    from leukbench.verdicts.frozen import frozen_digest

    return frozen_digest(0.05, 0.05, load_paper("known_answer").headlines())


# ------------------------------------------------------------------------------------------------------------- campaign


SHARES = {**dict.fromkeys(COMMANDS, 9), "audit": 7, "report": 7, "site": 7}
SHARES |= {"grid": 10, "worker": 10, "download": 35, "checkpoint": 35}
"""Of so many kills in all, how many of what: fewer of what takes long."""
_NEED_NONE = ("download", "checkpoint", "grid", "worker")


def kills(folder: Path, n: int, *, seed: int = 0, wanted: Sequence[str] = ()) -> Iterator[Killed]:
    """Kill ``n`` commands (of those ``wanted``, else of all), in the shares of SHARES and in a random order."""
    from tests.support.hostile import BODY, SHA256

    rng = random.Random(seed)
    stages.warm()
    server, url = serve_slowly(BODY)
    shares = {what: share for what, share in SHARES.items() if not wanted or what in wanted}
    trains = [what for what in shares if what in {"grid", "worker"}]
    last = max([*shares, *(["train"] if trains else [])], key=[*_NEED_NONE, *COMMANDS].index)
    pipeline = stages.make_pipeline(folder / "home", until=last if last in COMMANDS else "fetch")
    kept = folder / "kept"
    shutil.copytree(pipeline.home, kept, symlinks=True)
    if trains:
        pipeline.before("train")
        pipeline.seconds["grid"] = stages.run(pipeline.home, "grid", "--jobs", "2").seconds
        pipeline.restore(kept)
    others: dict[str, Callable[[], Killed]] = {
        "grid": lambda: kill_grid(pipeline, "grid", rng),
        "worker": lambda: kill_grid(pipeline, "worker", rng),
        "download": lambda: kill_download(folder / "download", url, SHA256, rng),
        "checkpoint": lambda: kill_checkpoint(folder / "tiny", rng),
    }
    turns = [what for what, share in shares.items() for _ in range(share)]
    rng.shuffle(turns)
    for what in (turns * (1 + n // len(turns)))[:n]:
        killed = others[what]() if what in others else kill_stage(pipeline, what, rng)
        if killed.problem or what in {"train", "grid", "worker"}:  # runs made anew took other times
            pipeline.restore(kept)
        yield killed
    os.kill(server, signal.SIGKILL)
    os.waitpid(server, 0)


def table(found: list[Killed]) -> str:
    """Return the Markdown table of kills by what was killed."""
    tried = Counter(k.what for k in found if k.moment != "not in time")
    wrong = Counter(k.what for k in found if k.problem)
    counts = [*((what, n, wrong[what]) for what, n in tried.items()), ("all", tried.total(), wrong.total())]
    header = ("killed", "times", "same to the bit afterwards", "otherwise")
    return stages.markdown(header, [(what, n, n - bad, bad) for what, n, bad in counts])


def main(arguments: list[str]) -> None:
    """Print the table; each kill is told on standard error as it is done. ``table FILE …``: of several campaigns."""
    if arguments[0] == "table":
        lines = [line for file in arguments[1:] for line in Path(file).read_text(encoding="utf-8").splitlines()]
        print(table([Killed(**json.loads(line)) for line in lines if line.startswith("{")]))
        return
    found, repro = [], arguments[0] == "repro"
    n, seed, *wanted = *arguments[repro:], *([] if len(arguments) > repro + 1 else ["0"])
    with tempfile.TemporaryDirectory() as folder:
        rng = random.Random(int(seed))
        killed = (
            kill_repro(Path(folder), int(n), rng)
            if repro
            else kills(Path(folder), int(n), seed=int(seed), wanted=wanted)
        )
        for one in killed:
            found.append(one)
            print(json.dumps(dataclasses.asdict(one)), file=sys.stderr, flush=True)
    print(table(found))
    sys.exit(any(one.problem for one in found))


if __name__ == "__main__":
    main(sys.argv[1:])
