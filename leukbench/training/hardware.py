"""The hardware and software that a run happened on: recorded beside every result, never part of its key."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from leukbench.errors import InputError


def choose_device() -> torch.device:
    """Return the device to train on: ``LEUKBENCH_DEVICE`` where set, else CUDA where there is one, else the CPU.

    Raises
    ------
    InputError
        Where the variable asks for a device that is not there.
    """
    wanted = os.environ.get("LEUKBENCH_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")
    if wanted not in {"cpu", "cuda"} or (wanted == "cuda" and not torch.cuda.is_available()):
        raise InputError(
            "that device is not to be had",
            where="LEUKBENCH_DEVICE",
            expected="cpu" + (" or cuda" if torch.cuda.is_available() else ""),
            found=wanted,
        )
    return torch.device(wanted)


TINY_PX = 64
"""Images up to this side train with one thread on a CPU: two wait for each other longer than they work (60 against 34
s).
"""


def use_threads(side_px: int, *, most: int = 2) -> None:
    """Set the threads of CPU training, by the images' side and not by what else runs: another number gives other last
    bits.
    """
    torch.set_num_threads(1 if side_px <= TINY_PX else min(most, os.cpu_count() or 1))


_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h
_TOP_PAD_BYTES = 256 * 2**20


def keep_pages() -> bool:
    """Let the C library keep what tensors free in this process, and return whether it does: only glibc can be told.

    It hands tensors of 32 MiB and more back to the kernel after every use otherwise, and faults each page in again at
    the next: DDRNet at its batch of 128 spends 40 % of a step so. Results are the same bits; the peak of resident
    memory is 1.5 to 2 times as high. Call it before the first large tensor.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    wanted = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: -1, _M_TOP_PAD: _TOP_PAD_BYTES}
    return all(mallopt(name, value) for name, value in wanted.items())


def hardware_card(device: torch.device) -> dict[str, Any]:
    """Return what a reader needs to judge a time: processor, threads, accelerator, versions."""
    versions = {
        name: metadata.version(name)
        for name in ("torch", "torchvision", "timm", "numpy", "opencv-python-headless")
        if _has(name)
    }
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name(device) if device.type == "cuda" else "none",
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions,
        "commit": _commit(),
    }


def reset_peak_memory(device: torch.device) -> None:
    """Let :func:`peak_memory_mib` count from here, not from earlier runs of this process, where the system can.

    What the process holds from before, as freed memory that it keeps, still counts.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):  # Linux alone has it, and not in every sandbox
        _CLEAR.write_text("5", encoding="ascii")


def peak_memory_mib(device: torch.device) -> float:
    """Return the peak memory in MiB: allocated on the accelerator, or resident in this process."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 2**20
    with contextlib.suppress(OSError, StopIteration):
        lines = _STATUS.read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _has(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the project's commit, with ``+changes`` where the work tree differs; "" outside a checkout."""
    folder = Path(__file__).resolve().parent
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+changes", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
