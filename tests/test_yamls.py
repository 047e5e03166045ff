"""YAML from anybody: refused in a sentence that names the line, never a hang, a traceback or the end of the process."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leukbench.errors import InputError, LeukbenchError
from leukbench.papers.files import paper_file, paper_keys, read_mapping
from leukbench.papers.loader import read_paper
from leukbench.params import load_params
from leukbench.yamls import read_yaml, yaml_of

ROOT = Path(__file__).resolve().parents[1]
BILLIONS = "a: &a [1, 2]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefghij", "bcdefghijk", strict=True)
)
HOSTILE = {
    "brackets": ("[" * 100_000, "nests too deep"),
    "dashes": ("- " * 100_000 + "a", "nests too deep"),
    "question marks": ("? " * 50_000 + "a", "nests too deep"),
    "braces": ("{a: " * 100_000, "nests too deep"),
    "multiplying anchors": (BILLIONS, "more than 1,000,000 values"),
    "an anchor in itself": ("a: &a [*a]", "holds itself"),
    "a key twice": ("a:\n  b: 1\n  b: 2", "line 3"),
    "escape codes": ('a: "\\e[31mred"', "control character U+001B"),
    "a turned direction": ("a: abc\u202edef", "control character U+202E"),
    "a mark of direction": ("a: abc\u200fdef", "control character U+200F"),
    "1e400": ("a: 1.0e+400", "out of range"),
    "infinity": ("a: -.inf", "out of range"),
    "no number": ("a: .nan", "out of range"),
    "many digits": ("a: " + "9" * 5000, "out of range"),
    "no date": ("a: 2001-99-99", "no YAML"),
    "no base64": ("a: !!binary x", "no YAML"),
    "a Python object": ("a: !!python/object/apply:os.system [ls]", "no YAML"),
    "a list for a key": ("? [a]\n: b", "no YAML"),
    "an unknown anchor": ("a: *x", "no YAML"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_with_its_reason_and_at_once(name: str) -> None:
    text, reason = HOSTILE[name]
    started = time.process_time()
    with pytest.raises(InputError, match=reason.replace("+", r"\+")):
        yaml_of(text, where="here")
    assert time.process_time() - started < 5


@pytest.mark.parametrize("data", [b"a: \xff\xfe", b"a: \x00", b"\x00" * 40, b"a: \x1b[31m", b"a: [1"])
def test_bytes_that_are_no_text_are_refused_by_their_file(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "params.yaml"
    file.write_bytes(data)
    for read in (read_yaml, load_params, read_mapping, read_paper):
        with pytest.raises(InputError, match=r"params\.yaml"):
            read(file)  # type: ignore[operator]


def test_a_file_that_is_too_large_is_not_read_on(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_bytes(b"a: " + b"x" * (17 << 20))
    with pytest.raises(InputError, match="too large"):
        read_yaml(file)


def test_anchors_and_merges_that_are_meant_are_read() -> None:
    assert yaml_of("a: &a {x: 1}\nb: {<<: *a, y: 2}", where="") == {"a": {"x": 1}, "b": {"x": 1, "y": 2}}
    assert yaml_of("", where="") is None


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        yaml_of(text, where="here")
    except InputError:
        return


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with a few of them changed, repeated, taken out or put in."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at, kind = rng.randrange(len(made)), rng.randrange(5)
        if kind == 0:
            made[at] = rng.randrange(256)
        elif kind == 1:
            del made[at : at + rng.randint(1, 40)]
        elif kind == 2:
            made[at:at] = made[at : at + rng.randint(1, 80)]
        elif kind == 3:
            made[at:at] = rng.choice(
                [b"1e400", b"-", b"[", b"&a ", b"*a", b": ", b"\n", b"\xff", b"9" * 30, b"null", b"\x00"]
            )
        else:
            made[at] = rng.choice(b"0123456789")
    return bytes(made) or b" "


def count_refused(file: Path, read: object, data: bytes, *, n: int, seed: int) -> int:
    """Return how many of ``n`` mutated files are refused; whatever is no deliberate error goes through."""
    rng, refused = random.Random(seed), 0
    for _ in range(n):
        file.write_bytes(mutated(data, rng))
        started = time.process_time()
        try:
            read(file)  # type: ignore[operator]
        except LeukbenchError:
            refused += 1
        assert time.process_time() - started < 10
    return refused


@pytest.mark.parametrize("n", [60, pytest.param(20_000, marks=pytest.mark.slow)])
def test_mutated_params_are_read_or_refused(tmp_path: Path, n: int) -> None:
    data = (ROOT / "params.yaml").read_bytes()
    assert count_refused(tmp_path / "params.yaml", load_params, data, n=n, seed=n) > n / 3


@pytest.mark.parametrize("n", [15, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("key", paper_keys(made_up=True))
def test_mutated_papers_are_read_or_refused(tmp_path: Path, key: str, n: int) -> None:
    assert count_refused(tmp_path / "paper.yaml", read_paper, paper_file(key).read_bytes(), n=n, seed=n) > n / 5
