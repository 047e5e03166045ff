"""``python -m simulations [PART ...] [--replicates N]``: run the simulations and rewrite the tables of the pages."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from simulations import contrasts, coverage, few, methods, seeds, verdicts
from simulations.pages import write


@dataclass(frozen=True)
class Part:
    """Tables that are made together: how, from which seed, and with how many replicates of each case unless told."""

    make: Callable[[int], Mapping[str, list[str]]]
    seed: int
    replicates: int


def _of_coverage(n: int) -> dict[str, list[str]]:
    shots = coverage.all_shots(n)
    return {
        "coverage": coverage.by_design(shots),
        "grades": coverage.by_grade(shots),
        "tails": coverage.by_warning(shots),
    }


PARTS: Mapping[str, Part] = {
    "methods": Part(lambda n: {"methods": methods.rows(n)}, methods.SEED, 1500),
    "coverage": Part(_of_coverage, coverage.SEED, 300),
    "verdicts": Part(lambda n: {"verdicts": verdicts.error_rows(n)}, verdicts.SEED, 2000),
    "power": Part(lambda n: {"power": verdicts.power_rows(n)}, verdicts.SEED, 2000),
    "seeds": Part(lambda n: {"seeds": seeds.rows(n)}, seeds.SEED, 40_000),
    "few": Part(lambda n: {"few": few.rows(n)}, few.SEED, 300),
    "contrasts": Part(lambda n: {"contrasts": contrasts.rows(n)}, contrasts.SEED, 1000),
}


def tables_of(name: str, n: int) -> dict[str, list[str]]:
    """Return the tables of one part, each with a line that says how it was made."""
    part, start = PARTS[name], time.process_time()
    made = part.make(n)
    minutes = (time.process_time() - start) / 60
    error = 100 * (0.95 * 0.05 / n) ** 0.5
    how = (
        f"*{n} replicates, seed {part.seed}, {minutes:.0f} minutes of processor time; "
        f"Monte Carlo error of 95 % (or 5 %): {error:.1f} points. "
        f"`python -m simulations {name} --replicates {n}` makes it again.*"
    )
    return {table: [*rows, "", how] for table, rows in made.items()}


def main() -> None:
    """Run the parts named (all of them) and put their tables into the pages."""
    parser = argparse.ArgumentParser(prog="python -m simulations", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", default=list(PARTS), metavar="PART", help=f"any of {', '.join(PARTS)}; all if none is named"
    )
    parser.add_argument("--replicates", type=int, help="of each case (default: what the part has)")
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.parts) - set(PARTS)):
        parser.error(f"no such part: {', '.join(unknown)} (there are {', '.join(PARTS)})")
    for part in chosen.parts:
        write(tables_of(part, chosen.replicates or PARTS[part].replicates), Path(__file__).resolve().parents[1])
        print(f"{part}: done", flush=True)


if __name__ == "__main__":
    main()
