"""Two processes never hold one run; the lock goes with its owner, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from leukbench.training.locks import RunHeld, holding, owner_of

HOLDER = """
import sys, time
from pathlib import Path
from leukbench.training.locks import holding
with holding(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def start_holder(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    return child


def test_a_held_run_is_refused_by_its_owners_name(tmp_path: Path) -> None:
    with start_holder(tmp_path) as child:
        assert owner_of(tmp_path) is not None
        with pytest.raises(RunHeld, match=f"process {child.pid} on ") as caught, holding(tmp_path, patience_s=0.0):
            pass
        assert str(child.pid) in caught.value.owner
        child.communicate("\n")
    assert owner_of(tmp_path) is None and not (tmp_path / "lock").exists()


def test_a_killed_owner_leaves_a_file_but_no_lock(tmp_path: Path) -> None:
    with start_holder(tmp_path) as child:
        child.send_signal(signal.SIGKILL)
    assert (tmp_path / "lock").is_file() and owner_of(tmp_path) is None
    with holding(tmp_path, patience_s=0.0):
        assert f"process {os.getpid()} on " in (owner_of(tmp_path) or "")
    assert not (tmp_path / "lock").exists()


def test_who_waits_gets_the_lock_when_its_owner_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with start_holder(tmp_path) as child:
        threading.Timer(0.7, lambda: child.communicate("\n")).start()
        with holding(tmp_path):
            assert child.wait(5) == 0
    assert [record.message for record in caplog.records] == [
        f"waiting for run {tmp_path.name}, which is being trained by process {child.pid} on {os.uname().nodename}"
    ]


def test_only_one_of_many_holds_a_run_at_any_time(tmp_path: Path) -> None:
    inside, most, done = 0, 0, 0

    def work() -> None:
        nonlocal inside, most, done
        for _ in range(5):
            with holding(tmp_path):
                inside += 1
                most = max(most, inside)
                time.sleep(0.002)
                inside -= 1
                done += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (1, 20)


def test_an_error_inside_frees_the_run(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), holding(tmp_path):
        raise ZeroDivisionError
    assert owner_of(tmp_path) is None
