"""Mutated inputs of every kind, read in one process: taken, refused in a sentence, or a traceback, a hang, a swollen
process?

``python -m tests.support.mutations`` tries the counts of :data:`KINDS` (over 100,000) and prints the table of
docs/reliability.md; ``python -m tests.support.mutations images 500`` tries one kind so many times.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from leukbench.errors import LeukbenchError

ROOT = Path(__file__).parents[2]
LONGEST_S = 10
MOST_BYTES = 1 << 30
Read = Callable[[Path], object]
_TOKENS = (
    *(b"1e400", b"-1", b"nan", b"9" * 30, b"null", b"\x00", b"\xff", b"\xe2\x80\xae", b"\x1b[31m", b"'", b'"', b"\n"),
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b"&a ",
        b"*a",
        b": ",
        b"|",
        b"`",
        b"<script>",
        b"</td>",
        b"<td colspan='99999999'>",
        b",",
    ),
    *(b"0", b"100", b"%", b"../", b"=cmd()", b"\t", b";", b"\xc2\xa0", b"1,234.5", b"0.0", b"true", b"\r\n\r\n"),
)


@dataclass(frozen=True)
class Kind:
    """A kind of input: ``seeds`` are whole files by name, ``read`` takes one; ``n``: how many mutations are tried."""

    n: int
    seeds: Callable[[], dict[str, bytes]]
    read: Read


@dataclass
class Outcome:
    """What came of one kind's inputs; ``wrong``: one example of each traceback, hang, or refusal without a file."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, bytes] = field(default_factory=dict)
    slowest_s: float = 0.0


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with one to four places changed, taken out, repeated, moved or put in."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(made)) if made else 0
        kind = rng.randrange(8)
        if kind == 0 and made:
            made[at] = rng.randrange(256)
        elif kind == 1:
            del made[at : at + rng.randint(1, 40)]
        elif kind == 2:
            made[at:at] = made[at : at + rng.randint(1, 80)]
        elif kind == 3:
            made[at:at] = rng.choice(_TOKENS)
        elif kind == 4:
            _other_digit(made, rng)
        elif kind == 5:
            token = rng.choice(_TOKENS)
            made[at : at + len(token)] = token
        elif kind == 6:
            _other_line(made, rng)
        else:
            made[at : at + rng.randint(1, 8)] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
    return bytes(made[: rng.randrange(len(made))] if made and rng.random() < 0.03 else made)


def _other_digit(made: bytearray, rng: random.Random) -> None:
    digits = [i for i, byte in enumerate(made) if 48 <= byte <= 57]
    if digits:
        made[rng.choice(digits)] = rng.choice(b"0123456789")


def _other_line(made: bytearray, rng: random.Random) -> None:
    lines = bytes(made).split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[i] = rng.choice([lines[j], b"", lines[i] * 2, lines[i] + b"," + lines[j]])
    made[:] = b"\n".join(lines)


class _TooLong(BaseException):
    """A reader that took more than LONGEST_S."""


def _ring(signal_number: int, frame: object) -> None:
    raise _TooLong


def try_kind(kind: Kind, n: int, *, seed: int) -> Outcome:
    """Read ``n`` mutated inputs of a kind in this process, each within LONGEST_S and MOST_BYTES."""
    rng, outcome, seeds = random.Random(seed), Outcome(), kind.seeds()
    names = [*seeds]
    before = signal.signal(signal.SIGALRM, _ring)
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        for turn in range(n):
            name = names[turn % len(names)]
            file = Path(folder) / name
            file.write_bytes(data := mutated(seeds[name], rng))
            what, seconds = _read_once(kind.read, file)
            outcome.slowest_s = max(outcome.slowest_s, seconds)
            outcome.counts[what.partition(":")[0]] += 1
            if not what.startswith(("taken", "refused")):
                outcome.wrong.setdefault(what, data)
    signal.signal(signal.SIGALRM, before)
    return outcome


def _read_once(read: Read, file: Path) -> tuple[str, float]:
    """Return what came of one reading, and its seconds of processor time."""
    started = time.process_time()
    signal.setitimer(signal.ITIMER_REAL, 6 * LONGEST_S)
    try:
        read(file)
        what = "taken"
    except LeukbenchError as error:
        what = "refused" if file.name in str(error) else f"unnamed: {str(error)[:200]}"
    except OSError as error:  # the command line says these in a sentence with the file
        what = "refused" if error.errno else f"traceback: {_place(error)}"
    except _TooLong:
        what = "too long"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        what = f"traceback: {_place(error)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = time.process_time() - started
    return "too long" if seconds > LONGEST_S else what, seconds


def _place(error: Exception) -> str:
    """Return an error's kind, and the last place of ours that it came through."""
    import traceback

    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/leukbench/" in f.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}"


# ----------------------------------------------------------------------------------------------------------- what reads


def _params(file: Path) -> object:
    from leukbench.params import load_params

    return load_params(file)


def _paper(file: Path) -> object:
    from leukbench.audit.findings import audit_papers
    from leukbench.audit.render import render_markdown
    from leukbench.papers.loader import read_paper

    paper = read_paper(file)
    return render_markdown(audit_papers([paper]), [paper])


def _predictions(file: Path) -> object:
    from leukbench.tools.score.predictions import load_predictions

    return load_predictions(file)


def _scored(file: Path) -> object:
    from leukbench.tools.score.score import score

    return score(file, None, "md")


def _drafted(file: Path) -> object:
    from leukbench.tools.draft.audit import draft_of

    return draft_of(file).paper()


def _picture(file: Path) -> object:
    from leukbench.sources.pictures import picture

    return picture(file.read_bytes(), where=str(file))


def _unpacked(file: Path) -> object:
    from leukbench.sources.archives import unpack

    folder = file.with_name("unpacked")
    try:
        return unpack(file, folder, max_bytes=1 << 20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _collection(file: Path) -> object:
    from leukbench.tools.splits.collection import read_collection

    for n in range(4):
        (file.parent / f"i{n}.png").touch()
    return read_collection(file, file.parent)


def _labels(file: Path) -> object:
    from leukbench.sources.base import read_csv_rows

    return read_csv_rows(file, columns=tuple(_LABELS.decode().partition("\n")[0].split(",")))


def _split(file: Path) -> object:
    from leukbench.cohort.tables import read_groups, read_split

    return read_groups(file) if file.name == "groups.csv" else read_split(file)


# --------------------------------------------------------------------------------------------------------------- seeds

_PREDICTIONS = b"image_id,label,patient,fold,score_ALL,score_HEM\n" + b"".join(
    f"i{n},{'ALL' if n % 3 else 'HEM'},p{n // 2},{n % 2},0.{20 + 5 * (n % 9)},0.{80 - 5 * (n % 9)}\n".encode()
    for n in range(24)
)
_LABELS = b"image_id,label,patient\n" + b"".join(f"i{n},{'ALL' if n % 2 else 'HEM'},p{n}\n".encode() for n in range(9))
_TABLE = b"""Table 2: Results of five folds, 1219 ALL and 648 HEM images.

| Model | Accuracy (%) | Precision | Recall | F1 | AUC | TP | FP | FN | TN |
|---|---|---|---|---|---|---|---|---|---|
| ResNet-50 | 91.2 | 0.92 | 0.94 | 0.93 | 0.971 | 1146 | 100 | 73 | 548 |
| Proposed | 97.5 +- 0.4 | 0.98 | 0.98 | 0.98 | 0.99 | 1195 | 24 | 24 | 624 |

The proposed network reaches 97.5 % at 2.3 M parameters.
"""
_OF_CSV = b"Model,Accuracy (%),F1,Parameters\nA,91.2,0.93,23.5 M\nProposed,97.5,0.98,2.3 M\n"
_JATS = b"""<?xml version="1.0"?><article xmlns:x="urn:x"><body><p>It reaches 97.5 %.</p>
<table-wrap id="t1"><label>Table 1</label>
<caption><p>Results</p></caption><table><thead><tr><th rowspan="2">Model</th><th colspan="2">Scores</th></tr>
<tr><th>Accuracy (%)</th><th>F1</th></tr></thead><tbody><tr><td>A</td><td>91.2</td><td>0.93</td></tr>
<tr><td>B</td><td>97.5</td><td>0.98</td></tr></tbody></table></table-wrap></body></article>"""
_HTML = b"""<html><body><table><tr><th>Model</th><th>Accuracy</th><th>Recall</th></tr><tr><td rowspan=2>A</td>
<td>91.2</td><td>0.9</td></tr><tr><td>97.5</td><td>0.98</td></tr></table></body></html>"""


def _notebook() -> bytes:
    report = "     precision    recall  f1-score   support\n\n   ALL       0.98      0.97      0.98      1219\n"
    report += "   HEM       0.95      0.96      0.95       648\n\n    accuracy                       0.97      1867\n"
    outputs = [
        {"output_type": "stream", "text": [report]},
        {"output_type": "execute_result", "data": {"text/plain": ["array([[1180, 39],\n", "       [24, 624]])"]}},
        {"output_type": "execute_result", "data": {"text/html": [_HTML.decode()]}},
    ]
    return json.dumps({"cells": [{"cell_type": "code", "outputs": [o]} for o in outputs], "nbformat": 4}).encode()


def _parquet() -> bytes:
    import pandas as pd

    buffer = io.BytesIO()
    pd.read_csv(io.BytesIO(_PREDICTIONS)).to_parquet(buffer)
    return buffer.getvalue()


def _pictures() -> dict[str, bytes]:
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    made: dict[str, bytes] = {}
    for kind in ("png", "jpg", "bmp", "tiff", "webp", "gif"):
        done, data = cv2.imencode(f".{kind}", rng.integers(0, 255, (24, 31, 3)).astype(np.uint8))
        made |= {f"image.{kind}": bytes(data)} if done else {}
    return made | {"deep.png": bytes(cv2.imencode(".png", rng.integers(0, 65535, (9, 9)).astype(np.uint16))[1])}


def _archives() -> dict[str, bytes]:
    from tests.support.hostile import FILES, tar_of, zip_of

    files = {f"r/{name}": data for name, data in FILES.items()}
    tar = tar_of(FILES)
    plain = gzip.decompress(tar) if tar[:2] == b"\x1f\x8b" else tar
    return {"a.tar.gz": tar, "a.tar": plain, "a.zip": zip_of({**files, "r/big": bytes(3000)})}


def _papers() -> dict[str, bytes]:
    from leukbench.papers.files import paper_file, paper_keys

    return {f"{key}.yaml": paper_file(key).read_bytes() for key in paper_keys(made_up=True)}


_DATALIST = json.dumps({
    "training": [{"image": f"i{n}.png", "label": n % 2, "patient": f"p{n}"} for n in range(2)],
    "test": [{"image": f"i{n}.png", "label": n % 2, "patient": f"p{n}"} for n in range(2, 4)],
}).encode()  # fmt: skip
_PARTS = b"image,label,patient,split\n" + b"".join(
    f"i{n}.png,{'ALL' if n % 2 else 'HEM'},p{n},{'train' if n < 2 else 'test'}\n".encode() for n in range(4)
)
_SPLIT = b"fold,role,image_id,origin,copy,label,group,patient\n" + b"".join(
    f"0,{'test' if n < 3 else 'train'},i{n},i{n},0,{'ALL' if n % 2 else 'HEM'},g{n},p{n}\n".encode() for n in range(9)
)
_GROUPS = b"image_id,group,reason,evidence\n" + b"".join(
    f"i{n},g{n // 2},patient,verified\n".encode() for n in range(9)
)

KINDS: dict[str, Kind] = {
    "params": Kind(20_000, lambda: {"params.yaml": (ROOT / "profiles/embedded.yaml").read_bytes()}, _params),
    "papers": Kind(600, _papers, _paper),
    "predictions": Kind(20_000, lambda: {"predictions.csv": _PREDICTIONS}, _predictions),
    "scores": Kind(400, lambda: {"predictions.csv": _PREDICTIONS}, _scored),
    "parquet": Kind(8_000, lambda: {"predictions.parquet": _parquet()}, _predictions),
    "labels": Kind(10_000, lambda: {"labels.csv": _LABELS}, _labels),
    "images": Kind(14_000, _pictures, _picture),
    "archives": Kind(8_000, _archives, _unpacked),
    "articles": Kind(6_000, lambda: {"a.xml": _JATS, "a.html": _HTML}, _drafted),
    "tables": Kind(6_000, lambda: {"a.md": _TABLE, "a.csv": _OF_CSV}, _drafted),
    "notebooks": Kind(3_000, lambda: {"a.ipynb": _notebook()}, _drafted),
    "check-split": Kind(10_000, lambda: {"a.csv": _PARTS, "a.json": _DATALIST}, _collection),
    "splits": Kind(4_000, lambda: {"split.csv": _SPLIT, "groups.csv": _GROUPS}, _split),
}


def tried(wanted: Sequence[tuple[str, int]], *, seed: int = 0) -> Iterator[tuple[str, Outcome]]:
    """Try kinds of inputs in this process, whose memory may grow by MOST_BYTES."""
    for name, n in wanted:
        kind = KINDS[name]
        for seed_name, data in kind.seeds().items():  # all that is imported, and a whole input must be taken
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / seed_name).write_bytes(data)
                kind.read(Path(folder) / seed_name)
        used = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, resource.RLIM_INFINITY))
        yield name, try_kind(kind, n, seed=seed)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def row(name: str, outcome: Outcome) -> str:
    """Return a kind's row of the Markdown table."""
    wanted = ("taken", "refused", "unnamed", "traceback", "too long")
    counts = [outcome.counts.total(), *(outcome.counts[k] for k in wanted)]
    return f"| {name} | {' | '.join(f'{n:,}' for n in counts)} | {outcome.slowest_s:.1f} |"


HEAD = """| input | tried | taken | refused, file named | refused, file not named | traceback | over 10 s | longest, s |
|---|---|---|---|---|---|---|---|"""


def main(arguments: list[str]) -> None:
    """Print the table; examples of what went wrong go to standard error."""
    wanted = [(arguments[0], int(arguments[1]))] if arguments else [(name, kind.n) for name, kind in KINDS.items()]
    seed = int(arguments[2]) if len(arguments) > 2 else 0
    print(HEAD)
    for name, outcome in tried(wanted, seed=seed):
        print(row(name, outcome), flush=True)
        for what, data in outcome.wrong.items():
            print(f"{name}: {what}: {data[:300]!r}{'…' if len(data) > 300 else ''}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
