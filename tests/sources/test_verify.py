"""Every kind of damage is named as what it is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from leukbench.errors import InputError
from leukbench.sources import load_source
from leukbench.sources.verify import VerifyReport, verify_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make = load_source("known_answer").make
    assert make is not None
    make(tmp_path / "x", images=12, seed=0)
    return tmp_path / "x"


def test_a_cohort_as_made_is_intact_and_complete(folder: Path) -> None:
    report = verify_source("known_answer", folder)
    assert report == VerifyReport(
        source="known_answer", n_listed=12, n_checked=12, missing=(), extra=(), truncated=(), altered=()
    )
    assert report.intact and report.complete
    assert report.summary().startswith("known_answer: intact, 12 of 12 listed files are here")


def test_missing_extra_truncated_and_altered_files_are_told_apart(folder: Path) -> None:
    missing, truncated, altered, *_ = (f.relative_to(folder).as_posix() for f in sorted(folder.rglob("*.png")))
    (folder / missing).unlink()
    (folder / truncated).write_bytes((folder / truncated).read_bytes()[:100])
    cv2.imwrite(str(folder / altered), np.zeros((32, 32, 3), np.uint8))
    (folder / "cells" / "stray.png").write_bytes(b"?")
    report = verify_source("known_answer", folder)
    assert (report.missing, report.truncated, report.altered) == ((missing,), (truncated,), (altered,))
    assert report.extra == ("cells/stray.png",) and report.n_checked == 11
    assert not report.intact and not report.complete
    text = report.summary()
    assert "NOT intact" in text and f"truncated: 1 ({truncated})" in text and f"missing: 1 ({missing})" in text


def test_a_long_list_is_shortened_with_its_rest_counted() -> None:
    report = VerifyReport(source="s", n_listed=9, n_checked=0, missing=tuple(map(str, range(9))), extra=(),
                          truncated=(), altered=())  # fmt: skip
    assert "missing: 9 (0, 1, and 7 more)" in report.summary(n_shown=2)
    assert report.intact and not report.complete


def test_the_same_bytes_with_one_flipped_bit_are_altered_or_truncated(folder: Path) -> None:
    file = sorted(folder.rglob("*.png"))[0]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    report = verify_source("known_answer", folder)
    assert report.truncated + report.altered == (file.relative_to(folder).as_posix(),)


def test_no_folder_and_no_source_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not here"):
        verify_source("known_answer", tmp_path / "nothing")
    with pytest.raises(InputError, match="did you mean 'known_answer'"):
        verify_source("known_anwser", tmp_path)
