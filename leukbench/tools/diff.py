"""What moved between two reports: verdicts, findings, flags, and headlines beyond the noise of seeds and sampling."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leukbench.errors import InputError
from leukbench.paths import workspace
from leukbench.pipeline.record import RECORD, Record, read_record
from leukbench.records import json_text
from leukbench.report.format import page_table
from leukbench.tools.runs import diff_runs, find_folder

_SEEDS = 1.96
"""Standard deviations of the difference of two runs that differ in their seeds alone."""
_NEAR = 1e-9


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that moved. ``before`` or ``after`` is "" where it was not there."""

    kind: str  # verdict, finding, flag, headline
    of: str
    before: str
    after: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What moved in one profile; ``within_noise``: headlines that moved less than seeds alone would make them."""

    profile: str
    changes: tuple[Change, ...]
    within_noise: int
    same: int


def diff_of_any(first: str, second: str, profile: str, format: str) -> str:
    """Return what can explain that two runs differ, where both names are runs; else what moved between two reports."""
    runs = [find_folder(name) for name in (first, second)]
    if runs[0] is not None and runs[1] is not None:
        return diff_runs(runs[0], runs[1], format)
    return diff(first, second, profile, format)


def diff(first: str, second: str, profile: str, format: str) -> str:
    """Return what moved from the first report to the second, as Markdown (fit for a comment) or JSON.

    Parameters
    ----------
    first, second
        A profile's folder of reports/ each, or a commit each.
    profile
        Of commits: the profile to compare, or "" for all that both hold.

    Raises
    ------
    InputError
        Where a name is neither a folder nor a commit, or both hold no common profile.
    """
    with tempfile.TemporaryDirectory() as temporary:
        sides = [_records(name, Path(temporary) / side, profile) for name, side in ((first, "a"), (second, "b"))]
    common = [name for name in sides[0] if name in sides[1]]
    if not common:
        raise InputError(
            "nothing to compare", where=f"{first} and {second}", expected="a profile whose record both hold",
            found=f"{', '.join(sides[0]) or 'none'} and {', '.join(sides[1]) or 'none'}",
            do="name two folders of reports/ of one profile, or two commits after the record was first committed",
        )  # fmt: skip
    moved = [moved_between(sides[0][name], sides[1][name]) for name in common]
    return json_text(moved) if format == "json" else "\n".join(_markdown(m, first, second) for m in moved)


# ------------------------------------------------------------------------------------------------------ the two sides


def _records(name: str, temporary: Path, profile: str) -> dict[str, Record]:
    """Return the records of a folder or commit by profile."""
    folder = Path(name)
    if folder.is_dir():
        record = read_record(folder)
        return {record.profile: record}
    _check_out(name, temporary)
    found = sorted((temporary / "reports").glob(f"{profile or '*'}/{RECORD}"))
    return {record.profile: record for record in map(read_record, (file.parent for file in found))}


def _check_out(commit: str, to: Path) -> None:
    """Put the records of a commit below ``to``."""
    names = (
        _git("ls-tree", "-r", "--name-only", "--end-of-options", f"{commit}^{{commit}}", "--", "reports", of=commit)
        .decode()
        .split("\n")
    )
    wanted = [name for name in names if name.endswith(f"/{RECORD}")]
    to.mkdir(parents=True, exist_ok=True)
    if wanted:
        archive = _git("archive", "--format=tar", "--end-of-options", f"{commit}^{{commit}}", *wanted, of=commit)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(to, filter="data")


def _git(*words: str, of: str) -> bytes:
    try:
        done = subprocess.run(["git", *words], cwd=workspace(), capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        stderr = getattr(error, "stderr", b"") or str(error).encode()
        raise InputError(
            "neither a folder of reports nor a commit",
            where=of,
            expected="as reports/real-cpu, or as HEAD~1",
            found=stderr.decode(errors="replace").strip()[:200],
            do="name a folder that is there, or a commit of this repository",
        ) from error
    return done.stdout


# ------------------------------------------------------------------------------------------------------- what moved


def moved_between(before: Record, after: Record) -> Moved:
    """Return what moved between two records of one profile."""
    changes: list[Change] = []
    same = 0
    for kind, of in (("verdict", _verdicts), ("finding", _findings), ("flag", _flags)):
        found, equal = _compared(kind, of(before), of(after))
        changes += found
        same += equal
    headlines = list(_headlines(before, after))
    beyond = [change for change, noisy in headlines if not noisy]
    return Moved(
        profile=after.profile, changes=(*beyond, *changes), within_noise=len(headlines) - len(beyond), same=same
    )


def _compared(kind: str, a: Mapping[str, str], b: Mapping[str, str]) -> tuple[list[Change], int]:
    names = list(dict.fromkeys((*a, *b)))
    moved = [name for name in names if a.get(name, "") != b.get(name, "")]
    made = [Change(kind=kind, of=name, before=a.get(name, ""), after=b.get(name, "")) for name in moved]
    return made, len(names) - len(moved)


def _verdicts(record: Record) -> dict[str, str]:
    found = record.files["verdicts.json"]["verdicts"]
    return {f"{v['claim']}{' (headline)' if v['headline'] else ''}": v["verdict"] for v in found}


def _findings(record: Record) -> dict[str, str]:
    """Return findings against claims by what they say: their ids are numbered anew when another comes before them."""
    found = record.files["findings.json"]
    return {f"{f['paper']}, {f['check']}: {f['statement']}": f["status"] for f in found if f["status"] != "consistent"}


def _flags(record: Record) -> dict[str, str]:
    verdicts = record.files["verdicts.json"]
    flags = {f"{s['experiment']}, {s['arm']}, {s['model']}": "shortcut" for s in verdicts["shortcuts"] if s["flagged"]}
    for path, plain in record.files.items():
        if path.startswith("estimates/"):
            telling = {model for model, probe in plain["probes"].items() if probe["told"]}
            flags |= {f"{Path(path).stem}, {model}": "patients told from images" for model in telling}
    return flags


def _headlines(before: Record, after: Record) -> Iterator[tuple[Change, bool]]:
    """Yield headline estimates that moved, and whether by less than seeds alone would."""
    a, b = _headline_estimates(before), _headline_estimates(after)
    for name in dict.fromkeys((*a, *b)):
        if name not in a or name not in b:
            change = Change(kind="headline", of=name, before=_shown(a.get(name)), after=_shown(b.get(name)))
            yield change, False
        elif abs(a[name][0] - b[name][0]) > _NEAR:
            variance = max(a[name][1], b[name][1])
            noise = _SEEDS * (2 * variance) ** 0.5
            note = f"seeds alone: ±{100 * noise:.1f} points" if variance else "noise of seeds unknown: one seed was run"
            change = Change(kind="headline", of=name, before=_shown(a[name]), after=_shown(b[name]), note=note)
            yield change, abs(a[name][0] - b[name][0]) <= noise


def _headline_estimates(record: Record) -> dict[str, tuple[float, float]]:
    """Return (value, variance between seeds) of what each headline is held against, by claim, split and definition."""
    found: dict[str, tuple[float, float]] = {}
    for claim, question in record.files["verdicts.json"]["questions"].items():
        for r in (*question["faithful"], *question["honest"]) if question["headline"] else ():
            name = ", ".join(x for x in (claim, r["protocol"], r["reading"], r["definition"]) if x)
            if r["estimate"]["value"] is not None:
                found[name] = (r["estimate"]["value"], r["estimate"].get("seed_variance") or 0.0)
    return found


def _shown(estimate: tuple[float, float] | None) -> str:
    return "" if estimate is None else f"{100 * estimate[0]:.1f} %"


# ------------------------------------------------------------------------------------------------------- as it prints


def _markdown(moved: Moved, first: str, second: str) -> str:
    title = f"## {moved.profile}: {first} → {second}\n"
    if not moved.changes:
        return f"{title}\nNothing moved: {moved.same:,} verdicts, findings and flags are the same{_noise(moved)}.\n"
    titles: dict[str, Callable[[int], str]] = {
        "headline": lambda n: f"{n} headlines beyond the noise of seeds",
        "verdict": lambda n: f"{n} verdicts",
        "finding": lambda n: f"{n} findings",
        "flag": lambda n: f"{n} flags",
    }
    parts = [title]
    for kind, heading in titles.items():
        found = [change for change in moved.changes if change.kind == kind]
        if found:
            parts.append(f"### {heading(len(found))}\n\n{page_table([_row(change) for change in found])}\n")
    parts.append(f"{moved.same:,} verdicts, findings and flags are the same{_noise(moved)}.\n")
    return "\n".join(parts)


def _noise(moved: Moved) -> str:
    n = moved.within_noise
    return f"; {n} headline estimate{'' if n == 1 else 's'} moved within the noise of seeds" if n else ""


def _row(change: Change) -> dict[str, Any]:
    row = {"what": change.of, "before": change.before or "–", "after": change.after or "–"}
    return row | ({"note": change.note} if change.note else {})
