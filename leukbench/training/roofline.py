"""What a device can do at best: measured peak and bandwidth, and the least time that a step's operations need on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(call: Callable[[], object], device: torch.device, *, at_least_s: float) -> float:
    """Return the seconds of one call, the median of five blocks that last ``at_least_s`` together."""
    for _ in range(3):
        call()
    synchronise(device)
    started = time.perf_counter()
    call()
    synchronise(device)
    n = max(1, int(at_least_s / 5 / max(time.perf_counter() - started, 1e-6)))
    blocks = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(n):
            call()
        synchronise(device)
        blocks.append((time.perf_counter() - started) / n)
    return sorted(blocks)[2]


@dataclass(frozen=True)
class Device:
    """Measured limits: matrix products in FLOP/s, and bytes read plus written in a second by a large copy."""

    flops: float
    bytes_s: float
    launch_s: float = 0.0  # the least time of one operation


def measure_device(
    device: torch.device, *, side: int = 8192, seconds: float = 1.0, kind: torch.dtype | None = None
) -> Device:
    """Return the device's limits, measured by a square product (of ``kind``, else bf16; on a CPU fp32) and a copy of
    sixteen times its elements in bytes.
    """
    kind = kind or (torch.float32 if device.type == "cpu" else torch.bfloat16)
    a, b = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    product_s = seconds_of(lambda: a @ b, device, at_least_s=seconds)
    source = torch.empty(side * side * 4, device=device, dtype=torch.float32)
    target = torch.empty_like(source)
    copy_s = seconds_of(lambda: target.copy_(source), device, at_least_s=seconds)
    return Device(flops=2 * side**3 / product_s, bytes_s=2 * source.numel() * 4 / copy_s)


def _flops(func: Any, args: Any, kwargs: Any, out: Any) -> float:
    """Return an operation's floating-point operations; torch's own counter is wrong for the backward of grouped
    convolutions.
    """
    from torch.utils.flop_counter import (
        flop_registry,  # here: it imports triton where that is installed, and takes its time
    )

    if func._schema.name == "aten::convolution_backward":
        gradient, weight, wanted = args[0], args[2], args[-1]
        return float(2 * gradient.numel() * weight[0].numel() * sum(wanted[:2]))
    count = flop_registry.get(func.overloadpacket)
    return float(count(*args, **kwargs, out_val=out)) if count else 0.0


@dataclass
class Work(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts each operation that runs inside: floating-point operations and bytes in and out; views move nothing."""

    ops: list[tuple[str, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        read = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        written = [t for t in tree_leaves(out) if isinstance(t, torch.Tensor)]
        if func.is_view or func._schema.name in {
            "aten::detach",
            "aten::_unsafe_view",
            "aten::empty",
            "aten::empty_like",
        }:
            return out
        size = float(sum(t.numel() * t.element_size() for t in [*read, *written]))
        self.ops.append((func._schema.name, _flops(func, args, kwargs, out), size))
        return out

    def least_s(self, limits: Device) -> float:
        """Return the sum over operations of the slower of computing and moving: what eager execution cannot
        undercut.
        """
        return sum(max(flops / limits.flops, size / limits.bytes_s, limits.launch_s) for _, flops, size in self.ops)

    def flops(self) -> float:
        """Return all floating-point operations counted."""
        return sum(flops for _, flops, _ in self.ops)

    def bytes(self) -> float:
        """Return all bytes moved."""
        return sum(size for _, _, size in self.ops)
