"""Margin, alpha and headline claims against the hash that was frozen before results existed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from leukbench.errors import InputError
from leukbench.params import VerdictParams

if TYPE_CHECKING:
    from leukbench.papers.schema import Paper


def frozen_now(verdicts: VerdictParams, papers: Iterable[Paper]) -> str:
    """Return the hash of margin and alpha and of the papers' headline claims as they stand."""
    from leukbench.verdicts.frozen import frozen_digest

    headlines = {claim: printed for paper in papers for claim, printed in paper.headlines().items()}
    return frozen_digest(verdicts.margin, verdicts.alpha, headlines)


def check_frozen(verdicts: VerdictParams, papers: Iterable[Paper]) -> None:
    """Raise InputError where margin, alpha or headline claims are not those that were frozen before results existed."""
    now = frozen_now(verdicts, papers)
    if verdicts.sha256 != now:
        raise InputError(
            "margin, alpha or headline claims differ from those that were frozen",
            where="params.yaml, verdicts.sha256",
            expected=verdicts.sha256 or "a hash",
            found=now,
            do="restore them; or, where no result exists yet or a figure was transcribed wrongly, put the "
            "found hash there (`leukbench profile` prints it too)",
        )
