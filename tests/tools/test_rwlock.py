"""DVC's lock file: set aside where a kill left it half written, and only then."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from leukbench.tools.rwlock import set_aside

WHOLE = '{"write": {}, "read": {"/a": [{"pid": 1, "cmd": "repro"}]}}'


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
