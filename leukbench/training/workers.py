"""Train tasks in processes of this machine: several at once, on one processor or sharing its accelerators.

A worker trains one run after the other. A run that fails takes its worker with it, so that whatever it left (memory, a
broken CUDA context) is gone; the next run gets a new one. A worker whose grid was killed ends with it.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch

from leukbench.training.grid import Event, Task, execute_task, last_words, logged
from leukbench.training.hardware import keep_pages, use_threads
from leukbench.training.locks import RunHeld

RUNS_AN_ACCELERATOR = 2
"""How many runs share an accelerator unless the user says otherwise: small networks leave gaps that another fills."""
_PATIENCE_S = 5.0
_NOTE = 400  # characters of an error


def default_jobs(device: torch.device) -> int:
    """Return how many runs to train at once here: two an accelerator, or one every two cores."""
    if device.type == "cuda":
        return RUNS_AN_ACCELERATOR * torch.cuda.device_count()
    return max(1, (os.cpu_count() or 1) // 2)


def threads_each(jobs: int) -> int:
    """Return one thread or two a worker: more do not pay for these networks, and nested pools fight."""
    return max(1, min(2, (os.cpu_count() or 1) // jobs))


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    task: Task | None = None


def run_locally(tasks: Sequence[Task], *, jobs: int, device: torch.device) -> Generator[Event, None, None]:
    """Train tasks in ``jobs`` processes and yield what happens, in order of time, until none is left.

    Runs that another process holds are tried again when all else is done, until they are finished there or can be taken
    over. Closing the iterator ends the workers; what they were training resumes from its last epoch.

    Parameters
    ----------
    tasks
        Runs to train, the first first.
    jobs
        How many at once; they share the threads.
    device
        Of all of them.

    Yields
    ------
    What a worker has to say: an epoch done, a run finished, held by another process, or failed.
    """
    todo = deque((task, 0.0) for task in tasks)
    slots: list[_Worker | None] = [None] * min(jobs, len(todo))
    try:
        while todo or any(w and w.task for w in slots):
            for number, worker in enumerate(slots):
                if todo and (worker is None or worker.task is None):
                    if worker is None or not worker.process.is_alive():  # none yet, or ended from outside meanwhile
                        slots[number] = worker = _start(number, device, threads_each(jobs))
                    worker.task, patience_s = todo.popleft()
                    with contextlib.suppress(OSError):  # it has just ended: who listens hears that its run failed
                        worker.connection.send((worker.task, patience_s))
            for number in _with_news(slots):
                event = _hear(slots[number])
                if event.what == "held":
                    todo.append((slots[number].task, _PATIENCE_S))  # type: ignore[union-attr,arg-type]
                if event.what == "failed":
                    slots[number] = None
                elif event.what in {"held", "finished"}:
                    slots[number].task = None  # type: ignore[union-attr]
                yield event
    finally:
        for worker in slots:
            if worker is not None:
                _end(worker)


def _start(number: int, device: torch.device, threads: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, device.type, threads), daemon=True)
    with environment(number, device, threads):
        process.start()
    there.close()  # so that the end of the process is the end of the pipe
    return _Worker(process, here)


@contextlib.contextmanager
def environment(number: int, device: torch.device, threads: int) -> Iterator[None]:
    """Set what a new process must find before it loads torch: its threads, and its accelerator where
    there are several.
    """
    values = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    if device.type == "cuda" and torch.cuda.device_count() > 1:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        names = visible.split(",") if visible else [str(k) for k in range(torch.cuda.device_count())]
        values["CUDA_VISIBLE_DEVICES"] = names[number % len(names)]
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however that ended.

    A pool's workers wait on a pipe that they hold open themselves, so that they would outlive a killed parent. What a
    worker was training resumes from its last epoch.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent watch").start()


def _work(connection: Connection, kind: str, threads: int) -> None:
    """Train what the pipe brings until it ends; a failure ends the process with exit code 1."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the grid decides
    end_with_parent()
    device = torch.device(kind)
    if kind == "cpu":
        keep_pages()
    while True:
        try:
            task, patience_s = connection.recv()
        except EOFError:
            return
        connection.send(Event(task.key, "started"))
        use_threads(task.recipe.input_px, most=threads)
        try:
            with logged(task):
                progress = _telling(connection, task.key)
                execute_task(task, device=device, patience_s=patience_s, progress=progress)
        except RunHeld as refused:
            connection.send(Event(task.key, "held", note=refused.owner))
        except BrokenPipeError:  # the grid is gone
            return
        except Exception as error:  # whatever it is, it stands in the log if one can be written; this process ends
            connection.send(Event(task.key, "failed", note=_words(error)))
            raise SystemExit(1) from error
        else:
            connection.send(Event(task.key, "finished"))
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def _words(error: Exception) -> str:
    return " ".join("".join(traceback.format_exception_only(error)).split())[:_NOTE]


def _telling(connection: Connection, key: str) -> Callable[[int, int], None]:
    return lambda done, total: connection.send(Event(key, "epoch", done))


def _with_news(slots: list[_Worker | None]) -> list[int]:
    """Wait until a worker says something or ends; return the numbers of those that did."""
    by_connection = {w.connection: k for k, w in enumerate(slots) if w is not None and w.task is not None}
    return sorted(by_connection[c] for c in wait(list(by_connection)))  # type: ignore[index]


def _hear(worker: _Worker | None) -> Event:
    """Return a worker's event; the end of its process is the failure of its run."""
    assert worker is not None and worker.task is not None
    try:
        event: Event = worker.connection.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        code = worker.process.exitcode or 0
        note = f"killed by {signal.Signals(-code).name}" if code < 0 else last_words(worker.task) or f"exit code {code}"
        return Event(worker.task.key, "failed", note=note)
    return event


def _end(worker: _Worker) -> None:
    worker.connection.close()
    if worker.task is not None:
        worker.process.terminate()
    worker.process.join(10)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
