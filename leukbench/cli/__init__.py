"""The command line: a subcommand for each stage and each tool. Thin: parts are imported when called."""

from __future__ import annotations

import io
import os
import sys

from leukbench.process import check_room, limit_threads


def _write_everything() -> None:
    r"""Let a terminal whose encoding lacks a character show its code, as ``\u2265``, so that nothing is lost or ends in
    a traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors != "backslashreplace":
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Run the command line; deliberate errors end in their message and exit code 2."""
    limit_threads()
    _write_everything()
    from leukbench import errors

    try:
        check_room()
        from leukbench.cli.app import app

        app()
    except (errors.LeukbenchError, ModuleNotFoundError) as error:
        print(errors.visible(f"leukbench: {errors.explained(error)}"), file=sys.stderr)
        raise SystemExit(2) from None
    except BrokenPipeError:  # whoever read our output has gone; Python would say so once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        if errors.is_out_of_memory(error):
            said = errors.refused_for_memory(error)
        elif isinstance(error, OSError):
            said = errors.refused_by_the_system(error)
        else:
            raise
        print(errors.visible(f"leukbench: {said}"), file=sys.stderr)
        raise SystemExit(2) from None
