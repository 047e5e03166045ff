"""The accelerator against the CPU. The same checks on the CPU itself, by default, keep them from rotting unseen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.support.gpu_checks import (
    CHECKS,
    every_proposed_network_agrees_with_the_cpu,
    every_proposed_network_trains_in_bf16,
)

pytestmark = pytest.mark.trains

Check = Callable[[torch.device], dict[str, Any]]
_SLOW_ON_A_CPU = {every_proposed_network_agrees_with_the_cpu, every_proposed_network_trains_in_bf16}


@pytest.mark.gpu
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_on_cuda(check: Check) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert all(value >= 0 for value in check(torch.device("cuda")).values())


@pytest.mark.parametrize("check", [c for c in CHECKS if c not in _SLOW_ON_A_CPU], ids=lambda check: check.__name__)
def test_on_the_cpu(check: Check) -> None:
    assert all(value >= 0 for value in check(torch.device("cpu")).values())


@pytest.mark.slow
@pytest.mark.parametrize("check", sorted(_SLOW_ON_A_CPU, key=lambda c: c.__name__), ids=lambda check: check.__name__)
def test_of_whole_networks_on_the_cpu(check: Check) -> None:
    assert all(value >= 0 for value in check(torch.device("cpu")).values())
