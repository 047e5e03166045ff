"""The command line: one subcommand a stage of the pipeline, and tools for readers. Thin: parts are imported when called."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; deliberate errors end in their message and exit code 2."""
    # at most two threads unless the user says otherwise: nested pools fight
    os.environ.setdefault("OMP_NUM_THREADS", str(min(2, os.cpu_count() or 1)))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: the patient probe takes 0.5 s instead of 8.5 s
    from leukbench.cli.app import app
    from leukbench.errors import LeukbenchError

    try:
        app()
    except LeukbenchError as error:
        print(f"leukbench: {error}", file=sys.stderr)
        raise SystemExit(2) from None
