"""Make the pages of a profile again from its committed folder alone, in a workspace of its own."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from leukbench.errors import InputError
from leukbench.params import load_params
from leukbench.paths import workspace_at
from leukbench.pipeline.record import RECORD, Record, ledger_digest, read_record, unpack
from leukbench.pipeline.report import write_pages


def report_from(folder: Path, to: Path | None = None) -> str:
    """Make the pages of a profile again from its committed folder, below ``to`` (default: in place).

    Raises
    ------
    DataError
        Where the folder holds no record.
    InputError
        Where a paper's ledger has changed since: claims would stand beside verdicts on others.
    """
    folder = folder.resolve()
    record = read_record(folder)
    _check_ledgers(record, folder)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        unpack(record, folder, home)
        with workspace_at(home):
            write_pages(load_params())
        target, made = to or folder.parent, home / "reports"
        shutil.copytree(made, target, dirs_exist_ok=True)
        for old in (target / record.profile / "figures").glob("[!.]*"):
            if not (made / record.profile / "figures" / old.name).exists():
                old.unlink(missing_ok=True)  # of an earlier report
    return f"{target / record.profile}: made again from {RECORD}"


def _check_ledgers(record: Record, folder: Path) -> None:
    changed = sorted(key for key, was in record.papers.items() if ledger_digest(key) != was)
    if changed:
        raise InputError(
            "the ledger of a paper has changed since these results were held against it",
            where=str(folder / RECORD),
            expected="paper.yaml of " + ", ".join(changed) + " as it was then",
            found="another text",
            do="check out the commit that made the report, or run compare and report in the profile",
        )
