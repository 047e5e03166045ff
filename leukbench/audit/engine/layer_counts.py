"""Parameters that usual layers of printed shapes can have: kernels, strides, paddings, dilations, separable and
depth-wise ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Shape = tuple[int, ...]
KERNELS = (3, 1, 5, 7, 2, 4, 6, 9, 11, 13, 15, 8, 10)
STRIDES = (1, 2, 3, 4, 5)
DILATIONS = (1, 2, 3, 4, 6, 8, 12)
BATCH_NORM_VALUES = (4, 2, 3, 1)
"""Values a channel: scale, shift and the two statistics (Keras' total), the trained two (PyTorch), without a scale,
the shift alone."""


@dataclass(frozen=True)
class Count:
    """A number of parameters and the arithmetic that gives it."""

    value: int
    words: str


def sides_after(side: int, kernel: int) -> Iterator[int]:
    """Yield each side that a convolution of this kernel can make of a side, with the usual strides, paddings and
    dilations.

    out = ⌊(side + 2p − d(k − 1) − 1)/s⌋ + 1 for p from none to what keeps the side, and ⌈side/s⌉ for padding "same".

    Parameters
    ----------
    side, kernel
        In pixels.

    Returns
    -------
    Sides in pixels, one at a time.
    """
    for stride, dilation in itertools.product(STRIDES, DILATIONS):
        reach = dilation * (kernel - 1)
        if dilation > 1 and (kernel == 1 or reach >= side):
            continue
        yield -(-side // stride)
        for padding in range(reach // 2 + 1):
            if side + 2 * padding > reach:
                yield (side + 2 * padding - reach - 1) // stride + 1


def _kernels_for(before: int, after: int) -> list[int]:
    return [k for k in KERNELS if after in set(sides_after(before, k))]


def convolution_counts(
    before: Shape, after: Shape, *, separable: bool = False, depthwise: bool = False, transposed: bool = False
) -> Iterator[Count]:
    """Yield the counts that a convolution between two shapes (height, width, channels) can have, most usual first.

    With a kernel of a × b: plain (a·b·c_in/groups + 1)·c_out; depth-wise (a·b + 1)·c_out; separable a·b·c_in·m +
    (c_in·m + 1)·c_out for a depth multiplier m; each with a bias or without.

    Parameters
    ----------
    before, after
        (height, width, channels) of the layer's input and output.
    separable, depthwise, transposed
        The kind of convolution, plain where none is said.

    Returns
    -------
    Counts of parameters, one at a time, with what each stands for.
    """
    (h, w, c_in), (h2, w2, c_out) = before, after
    rows, columns = (list(KERNELS), list(KERNELS)) if transposed else (_kernels_for(h, h2), _kernels_for(w, w2))
    pairs = [(k, k) for k in rows if k in columns] + [(a, b) for a, b in itertools.product(rows, columns) if a != b]
    for a, b in pairs:
        kernel = f"{a}²" if a == b else f"{a}·{b}"
        for bias in (1, 0):
            plus = " + 1" if bias else ""
            if separable:
                for m in (1, 2, 4):
                    weights = f"{kernel}·{c_in}" + (f"·{m}" if m > 1 else "")
                    pointwise = f"({c_in * m}{plus})·{c_out}"
                    for between, extra in (
                        (0, ""),
                        (c_in * m, f" + {c_in * m}"),
                    ):  # PyTorch's first half has a bias of its own
                        value = a * b * c_in * m + between + (c_in * m + bias) * c_out
                        yield Count(value, f"{weights}{extra} + {pointwise}")
            elif depthwise:
                yield Count((a * b + bias) * c_out, f"({kernel}{plus})·{c_out}")
            else:
                for groups in _groups(c_in, c_out):
                    inner = f"{kernel}·{c_in // groups}"
                    yield Count((a * b * (c_in // groups) + bias) * c_out, f"({inner}{plus})·{c_out}")


def separable_of_some_input(count: int, c_out: int) -> bool:
    """Whether a separable convolution to ``c_out`` maps has this count for some number of maps that come in.

    >>> separable_of_some_input(9 * 8 + (8 + 1) * 32, 32), separable_of_some_input(9 * 8 + (8 + 1) * 32 + 1, 32)
    (True, False)
    """
    for kernel, m, bias, between in itertools.product(KERNELS, (1, 2, 4), (0, 1), (0, 1)):
        each = m * (kernel**2 + c_out + between)
        rest = count - bias * c_out
        if rest > 0 and rest % each == 0:
            return True
    return False


def _groups(c_in: int, c_out: int) -> tuple[int, ...]:
    usual = dict.fromkeys((1, 2, 4, 8, 16, 32, 64, c_in))
    return tuple(g for g in usual if g and c_in % g == 0 and c_out % g == 0)


def dense_counts(before: int, after: int) -> Iterator[Count]:
    """Yield the counts of a dense layer, with a bias and without."""
    yield Count((before + 1) * after, f"({before} + 1)·{after}")
    yield Count(before * after, f"{before}·{after}")


def batch_norm_counts(channels: int) -> Iterator[Count]:
    """Yield the counts of a batch normalisation in the usual conventions."""
    for values in BATCH_NORM_VALUES:
        yield Count(values * channels, f"{values}·{channels}")
    yield Count(4 * channels + 1, f"4·{channels} + 1")  # PyTorch's state also counts the batches seen


def pooled_sides(side: int, kernel: int, strides: Sequence[int] = STRIDES) -> set[int]:
    """Return each side that pooling with this kernel can make of a side: any usual stride, padding, rounded down or
    up.

    Parameters
    ----------
    side, kernel
        In pixels.
    strides
        That are tried.

    Returns
    -------
    Sides in pixels.
    """
    found = set()
    for stride in strides:
        found.add(-(-side // stride))
        for padding in range(kernel // 2 + 1):
            rest = side + 2 * padding - kernel
            if rest >= 0:
                found |= {rest // stride + 1, -(-rest // stride) + 1}
    return found
