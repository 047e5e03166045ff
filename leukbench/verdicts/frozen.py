"""What is fixed before results exist: margin, alpha and the headline claims, as one hash."""

from __future__ import annotations

from collections.abc import Mapping

from leukbench.records import digest


def frozen_digest(margin: float, alpha: float, headlines: Mapping[str, str]) -> str:
    """Return the hash that locks margin, alpha and the headline claims (id and what is
    printed) before results exist."""
    return digest({"margin": margin, "alpha": alpha, "headlines": dict(headlines)})
