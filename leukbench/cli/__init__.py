"""The command line: a subcommand for each stage and each tool. Thin: parts are imported when called."""

from __future__ import annotations

import os
import sys


def limit_threads() -> None:
    """Let pools have two threads at most, BLAS one, unless the user says otherwise; before NumPy and torch are loaded.

    Nested pools fight: with two threads the patient probe takes 8.5 s, not 0.5 s, and hashing 10,661 images 4, not 0.1.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(min(2, os.cpu_count() or 1)))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def main() -> None:
    """Run the command line; deliberate errors end in their message and exit code 2."""
    limit_threads()
    from leukbench import errors
    from leukbench.cli.app import app

    try:
        app()
    except (errors.LeukbenchError, ModuleNotFoundError) as error:
        print(errors.visible(f"leukbench: {errors.explained(error)}"), file=sys.stderr)
        raise SystemExit(2) from None
    except BrokenPipeError:  # whoever read our output has gone; Python would say so once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        print(errors.visible(f"leukbench: {errors.refused_by_the_system(error)}"), file=sys.stderr)
        raise SystemExit(2) from None
    except (MemoryError, RuntimeError) as error:
        if not errors.is_out_of_memory(error):
            raise
        print(errors.visible(f"leukbench: {errors.refused_for_memory(error)}"), file=sys.stderr)
        raise SystemExit(2) from None
