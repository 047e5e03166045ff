"""Kills, full disks, want of memory, mutated inputs: nothing lost, nothing silent, no traceback. The commands of
docs/reliability.md at a small size.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leukbench import cli, paths
from leukbench.cohort.tables import read_split
from leukbench.errors import DataError, InputError
from leukbench.paths import replacing, write_text
from leukbench.tools.draft.tables import read_tables
from tests.support.mutations import KINDS, tried

ROOT = Path(__file__).resolve().parents[1]

# ------------------------------------------------------------------------------------------------ what a kill leaves


def test_what_a_killed_process_left_half_written_is_removed_by_the_next_that_writes_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    pid = os.fork()
    if not pid:
        with replacing(file) as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    left = [f.name for f in tmp_path.iterdir()]
    assert len(left) == 1 and left[0].startswith(".rows.csv.")
    write_text(file, "whole")
    assert [f.name for f in tmp_path.iterdir()] == ["rows.csv"] and file.read_text() == "whole"


def test_what_another_still_writes_and_what_is_called_otherwise_stays(tmp_path: Path) -> None:
    held, others = tmp_path / ".rows.csv.abcdefgh.csv", [".rows.csv.archive", ".rows.csv.ABCDEFGH.csv", ".rows.csv"]
    for name in others:
        (tmp_path / name).touch()
    with held.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        write_text(tmp_path / "rows.csv", "whole")
        assert held.exists()
    write_text(tmp_path / "rows.csv", "again")
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted([*others, "rows.csv"])


def test_who_reads_a_file_between_its_bytes_and_its_sum_waits_for_the_sum(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    write_text(file, "before", summed=True)
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        write_sum = paths._write_sum

        def slowly(path: Path, digest: str) -> None:
            os.write(writing, b".")
            time.sleep(0.3)
            write_sum(path, digest)

        paths._write_sum = slowly
        write_text(file, "after", summed=True)
        os._exit(0)
    os.read(reading, 1)
    assert paths.sum_file(file).read_text() != f"{paths.sha256_of(file)}  rows.csv\n"
    paths.check_whole(file, do="")
    os.waitpid(pid, 0)
    file.write_text("damaged")
    with pytest.raises(DataError, match="not as it was written"):
        paths.check_whole(file, do="")


def test_of_two_that_write_a_file_the_one_that_comes_last_leaves_its_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, replace = tmp_path / "rows.csv", Path.replace

    def overtaken(source: Path, target: Path) -> Path:
        done = replace(source, target)
        if target == file:
            monkeypatch.setattr(Path, "replace", replace)
            write_text(file, "the other's", summed=True)
        return done

    monkeypatch.setattr(Path, "replace", overtaken)
    write_text(file, "one's", summed=True)
    assert file.read_text() == "the other's"
    paths.check_whole(file, do="")


@pytest.mark.slow
@pytest.mark.trains
def test_killed_commands_end_in_the_same_files_when_they_are_run_again() -> None:
    done = _command("kills", "40", "7")
    assert done.returncode == 0, done.stderr[-2000:]


# ----------------------------------------------------------------------------------------------- disk, memory, two


@pytest.mark.slow
@pytest.mark.trains
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_and_the_like_end_in_a_sentence_and_lose_nothing() -> None:
    done = _command("full_disk")
    assert done.returncode == 0, done.stderr[-2000:]


def _command(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"tests.support.{name}", *arguments]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("can't start new thread"),
        ImportError("\n\nIMPORTANT: READ THIS\n\nOriginal error was: a.so: failed to map segment from shared object\n"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_want_of_memory_is_a_sentence_and_another_error_is_not(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("leukbench.cli.app.app", fails)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2 and "not enough memory" in capsys.readouterr().err
    for error in (RuntimeError("another"), ImportError("a.so: failed to map segment: Operation not permitted")):
        with pytest.raises(type(error), match=r"another|not permitted"):
            cli.main()


@pytest.mark.parametrize(("mib", "code"), [(100, 2), (200, 2), (380, 2), (1024, 0)])
def test_a_limit_of_memory_that_no_command_could_work_with_is_refused_before_anything_is_loaded(
    mib: int, code: int, tmp_path: Path
) -> None:
    rows = "".join(f"i{n},p{n % 8},{'AB'[n % 2]},{'AB'[n % 3 % 2]}\n" for n in range(64))
    (tmp_path / "a.csv").write_text(f"image_id,patient,label,predicted\n{rows}")
    command = [sys.executable, "-m", "leukbench", "score", str(tmp_path / "a.csv")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    limited = ["bash", "-c", f'ulimit -v {mib * 1024}; exec "$@"', "bash", *command]
    done = subprocess.run(limited, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stderr[-500:]
    assert "there is not enough memory" in done.stderr if code else "accuracy" in done.stdout


# ----------------------------------------------------------------------------------------------------- mutated inputs


@pytest.mark.long
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.01, pytest.param(1.0, marks=pytest.mark.slow)])
def test_mutated_inputs_are_taken_or_refused_by_their_file(name: str, share: float) -> None:
    ((_, outcome),) = tried([(name, max(8, int(share * KINDS[name].n)))], seed=3)
    assert not outcome.wrong and outcome.slowest_s < 10
    assert outcome.counts["refused"] > 0.3 * outcome.counts.total() and set(outcome.counts) <= {"taken", "refused"}


@pytest.mark.parametrize(
    "text", ["0", "[]", '{"cells": 1}', '{"cells": [{"outputs": 1}]}', '{"cells": [{"outputs": [1]}]}', "[" * 100_000]
)
def test_json_that_is_no_notebook_is_refused_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(text)
    with pytest.raises(InputError, match=r"a\.ipynb"):
        read_tables(tmp_path / "a.ipynb")


def test_rows_with_more_cells_than_the_header_are_refused_and_never_shifted(tmp_path: Path) -> None:
    """pandas would take the first cells for names of the rows, and read every value one column to the left."""
    file = tmp_path / "split.csv"
    header = "fold,role,image_id,origin,copy,label,group,patient"
    file.write_text(f"{header}\n0,test,i0,i0,0,ALL,g0,p0,more\n0,train,i1,i1,0,ALL,g1,p1,more\n")
    with pytest.raises(DataError, match="more cells than its header"):
        read_split(file)
