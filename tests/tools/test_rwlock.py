"""DVC's lock file: set aside where a kill left it half written, and only then."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from leukbench.tools.rwlock import set_aside

WHOLE = '{"write": {}, "read": {"/a": [{"pid": 2147483647, "cmd": "repro"}]}}'


@pytest.mark.parametrize("left", ["", WHOLE[:30], "\0" * 40, "[1"])
def test_a_half_written_lock_is_set_aside(tmp_path: Path, left: str) -> None:
    (tmp_path / "rwlock").write_text(left)
    assert "set aside" in set_aside(tmp_path)
    assert not (tmp_path / "rwlock").exists() and (tmp_path / "rwlock.unreadable").read_text() == left


def test_a_readable_lock_and_one_that_is_being_written_stay(tmp_path: Path) -> None:
    assert set_aside(tmp_path) == ""
    (tmp_path / "rwlock").write_text(WHOLE)
    assert set_aside(tmp_path) == "" and (tmp_path / "rwlock").read_text() == WHOLE
    (tmp_path / "rwlock").write_text("{")
    with (tmp_path / "rwlock.lock").open("a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        assert set_aside(tmp_path) == "" and (tmp_path / "rwlock").read_text() == "{"


def test_a_lock_whose_holder_is_another_program_now_is_set_aside_and_that_of_dvc_stays(tmp_path: Path) -> None:
    def held_by(pid: int) -> str:
        return json.dumps({"write": {"/b": {"pid": pid, "cmd": "repro"}}, "read": {"/a": [{"pid": pid, "cmd": "x"}]}})

    (tmp_path / "rwlock").write_text(held_by(os.getpid()))
    assert "another program" in set_aside(tmp_path)
    assert not (tmp_path / "rwlock").exists() and (tmp_path / "rwlock.left").read_text() == held_by(os.getpid())
    command = [sys.executable, "-c", "print(flush=True); input()", "dvc"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as dvc:
        assert dvc.stdout and dvc.stdout.readline()
        both = (
            held_by(dvc.pid).replace("/b", "/c")[:-1] + f', "other": {{"/d": {{"pid": {os.getpid()}, "cmd": "y"}}}}}}'
        )
        for left in (held_by(dvc.pid), both):
            (tmp_path / "rwlock").write_text(left)
            assert set_aside(tmp_path) == "" and str(dvc.pid) in left
        (tmp_path / "rwlock").write_text(held_by(dvc.pid))
        dvc.communicate(b"\n")
    assert set_aside(tmp_path) == "" and (tmp_path / "rwlock").read_text() == held_by(dvc.pid)
