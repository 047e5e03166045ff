"""Claimed parameter counts beside ours, as a table or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leukbench.errors import InputError
from leukbench.papers.files import is_file_name, paper_keys
from leukbench.papers.loader import load_paper
from leukbench.parameters.printed import PaperNetworks, Row
from leukbench.parameters.totals import total_rows
from leukbench.records import json_text


def count_parameters_of(papers: Sequence[str], *, trust_code: bool = False) -> list[Row]:
    """Return one row per parameter count that the papers (keys or files; none: all published) print, and network meant.

    Keys: ``paper, claim, metric, model, network, claimed, where, layer, n_classes, input_px``; ours for the study's
    number of classes as ``pytorch_total, pytorch_trainable, keras_total, keras_trainable, keras_nontrainable``, and the
    same under ``without_head`` and ``imagenet_head`` (1,000 classes; null for layers); ``difference`` (text, ours -
    claimed of the quantity that fits best at the study's number of classes, ``"0"`` where a reading explains the claim)
    and ``reading``. Ours are null where no network of the paper is meant.

    Raises
    ------
    InputError
        For an unknown paper, and unless ``trust_code`` for a paper file whose folder has a model.py, which would
        run here.
    """
    from leukbench.parameters.layers import layer_rows

    rows: list[Row] = []
    for key in papers or paper_keys():
        folder = str(Path(key).parent) if is_file_name(key) else ""
        if not trust_code and (code := own_code(key)):
            raise InputError(
                "this paper brings code of its own", where=str(code), expected="leave to run it: --trust-code",
                do="read it first: it runs with all of your rights; then give `leukbench params --trust-code`",
            )  # fmt: skip
        networks = PaperNetworks(load_paper(key), folder=folder)
        rows += total_rows(networks)
        rows += layer_rows(networks)
    return rows


def own_code(paper: str) -> Path | None:
    """Return the model.py that a paper's own folder brings; None for a paper of the suite, or where there is none."""
    code = Path(paper).with_name("model.py")
    return code if is_file_name(paper) and code.exists() else None


def parameters_text(papers: Sequence[str], format: str, *, trust_code: bool = False) -> str:
    """Return the counts as ``json``, or as ``md`` tables: one of whole networks and one of layers a paper.

    Raises InputError as :func:`count_parameters_of`.
    """
    rows = count_parameters_of(papers, trust_code=trust_code)
    if format == "json":
        return json_text(rows).rstrip("\n")
    from leukbench.report.format import table

    parts = []
    for paper in dict.fromkeys(row["paper"] for row in rows):
        of_paper = [row for row in rows if row["paper"] == paper]
        whole, layers = ([r for r in of_paper if bool(r["layer"]) == of_layer] for of_layer in (False, True))
        parts.append(f"## {paper}")
        parts += [table([_shown(r) for r in whole])] if whole else []
        parts += ["Layer by layer:", table([_shown_layer(r) for r in layers])] if layers else []
    return "\n\n".join(parts) if parts else "No paper named prints a number of parameters."


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _shown(row: Row) -> dict[str, str]:
    bare, imagenet = row["without_head"] or {}, row["imagenet_head"] or {}
    return {
        "claimed": f"{row['claimed']} {row['metric'].removeprefix('params_')} ({row['where']})",
        "network": row["network"] or row["model"] or "–",
        "classes": _number(row["n_classes"]),
        "PyTorch": _number(row["pytorch_total"]),
        "Keras": _number(row["keras_total"]),
        "trainable": _number(row["keras_trainable"]),
        "Keras, no head": _number(bare.get("keras_total")),
        "Keras, 1,000 classes": _number(imagenet.get("keras_total")),
        "ours - claimed": row["difference"],
        "reading": row["reading"],
    }


def _shown_layer(row: Row) -> dict[str, str]:
    return {
        "claimed": f"{row['claimed']} ({row['where']})",
        "network": row["network"] or row["model"] or "–",
        "PyTorch": _number(row["pytorch_total"]),
        "Keras": _number(row["keras_total"]),
        "ours - claimed": row["difference"],
        "reading": row["reading"],
    }
