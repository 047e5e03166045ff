"""``python -m simulations [PART ...] [--replicates N]``: run the simulations and rewrite the tables of the pages."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from simulations import contrasts, coverage, few, verdicts
from simulations.pages import write

PARTS = ("coverage", "verdicts", "power", "few", "contrasts")

SEEDS = dict(zip(PARTS, (coverage.SEED, verdicts.SEED, verdicts.SEED, few.SEED, contrasts.SEED), strict=True))


def tables_of(part: str, n: int) -> dict[str, list[str]]:
    """Return the tables of one part, each with a line that says how it was made."""
    start, seed = time.process_time(), SEEDS[part]
    made: dict[str, list[str]] = {}
    if part == "coverage":
        shots = coverage.all_shots(n)
        made = {
            "coverage": coverage.by_design(shots),
            "grades": coverage.by_grade(shots),
            "tails": coverage.by_warning(shots),
        }
    elif part in ("contrasts", "few"):
        made = {part: contrasts.rows(n) if part == "contrasts" else few.rows(n)}
    else:
        made = {part: verdicts.error_rows(n) if part == "verdicts" else verdicts.power_rows(n)}
    minutes = (time.process_time() - start) / 60
    error = 100 * (0.95 * 0.05 / n) ** 0.5
    how = (
        f"*{n} replicates, seed {seed}, {minutes:.0f} minutes of processor time; "
        f"Monte Carlo error of 95 % (or 5 %): {error:.1f} points. "
        f"`python -m simulations {part} --replicates {n}` makes it again.*"
    )
    return {name: [*rows, "", how] for name, rows in made.items()}


def main() -> None:
    """Run the parts named (all of them) and put their tables into the pages."""
    parser = argparse.ArgumentParser(prog="python -m simulations", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", default=PARTS, metavar="PART", help=f"any of {', '.join(PARTS)}; all if none is named"
    )
    parser.add_argument("--replicates", type=int, default=400, help="of each case (default: %(default)s)")
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.parts) - set(PARTS)):
        parser.error(f"no such part: {', '.join(unknown)} (there are {', '.join(PARTS)})")
    for part in chosen.parts:
        write(tables_of(part, chosen.replicates), Path(__file__).resolve().parents[1])
        print(f"{part}: done", flush=True)


if __name__ == "__main__":
    main()
