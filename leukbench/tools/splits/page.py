"""What was found about a split as a page for people, in Markdown or HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import Any

from leukbench.report.format import on_one_line, percent, table
from leukbench.tools.splits.collection import missing_text

Plain = dict[str, Any]
Block = tuple[str, Any]
_KINDS = {
    "identical_file": "the same file",
    "identical_pixels": "the same pixels in other files",
    "near_identical": "nearly the same picture (flipped, turned by quarters, cropped, brighter)",
}
_SHARED = {
    "patient": "patients",
    "origin": "origins",
    "spelling": "patients in spellings that differ in case, blanks, dashes or leading zeros alone",
}
_ABOVE_CHANCE = {
    "class": "The class can be told in part without looking at what is shown: a network may learn that instead.",
    "patient": "The patient can be told from the picture: where patients are on both sides, a network may name "
    "the patient instead of the disease.",
    "part of the split": "The parts look different, as from other devices or days: what is learned on one may not hold "
    "on the other.",
}
_SHOWN = 30


def markdown_page(facts: Plain) -> str:
    """Return the findings as Markdown."""
    shape = {"h1": "# {}", "h2": "## {}", "p": "{}"}
    parts = [table(what) if kind == "table" else shape[kind].format(what) for kind, what in _blocks(facts)]
    return "\n\n".join(part for part in parts if part)


def html_page(facts: Plain) -> str:
    """Return the findings as one HTML page without scripts, styles from elsewhere or pictures."""
    body = "\n".join(_element(kind, what) for kind, what in _blocks(facts))
    style = (
        "body{font:16px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 "
        "1em}table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .6em;text-align:left}"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Check of a '
        f"split</title><style>{style}</style></head><body>\n{body}\n</body></html>"
    )


def _element(kind: str, what: Any) -> str:
    if kind != "table":
        return f"<{kind}>{html.escape(str(what)).replace('**', '')}</{kind}>"
    if not what:
        return ""
    head = "".join(f"<th>{html.escape(str(key))}</th>" for key in what[0])
    rows = "".join("<tr>" + "".join(f"<td>{html.escape(str(v))}</td>" for v in row.values()) + "</tr>" for row in what)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _blocks(facts: Plain) -> Iterator[Block]:
    facts = on_one_line(facts)
    yield "h1", "Check of a split"
    yield "p", _verdict(facts)
    yield from (("p", text) for text in facts["notes"])
    if facts["missing"]:
        yield "p", missing_text(facts["missing"])
    yield "h2", "Parts"
    yield "table", _parts(facts["parts"])
    yield from _shared(facts)
    yield from _pairs(facts)
    yield from _gain(facts)
    yield from _probes(facts)


def _verdict(facts: Plain) -> str:
    if not facts["crosses"]:
        n, lost = facts["n_images"], facts["n_without_patient"]
        whose = "Whose the images are is not said" if lost == n else f"Whose {lost} of the {n} images are is not said"
        unknown = f" {whose}, so that patients on both sides cannot be seen." if lost else ""
        return "**Nothing was found that crosses the parts.**" + unknown
    shared = [(sum(1 for s in facts["shared"] if s["what"] == kind), words) for kind, words in _SHARED.items()]
    what = [f"{n} {words if n > 1 else re.sub('s(?= |$)', '', words, count=1)}" for n, words in shared if n]
    pairs = [(p["across_parts"], _KINDS[p["kind"]].split(" (")[0]) for p in facts["pairs"] if p["across_parts"]]
    what += [f"{n} pair{'s' if n > 1 else ''} of {kind}" for n, kind in pairs]
    verb = "is" if len(what) == 1 and what[0].startswith("1 ") else "are"
    return f"**The parts are not apart**: {', '.join(what)} {verb} in several parts."


def _parts(parts: Sequence[Plain]) -> list[Plain]:
    rows = []
    for part in parts:
        total = part["n_images"]
        row = {"part": part["part"] or "(none)", "images": total, "patients": part["n_patients"] or "–"}
        for fact in ("label", "device", "site"):
            for name in sorted({name for other in parts for name in other[fact]}):
                n = part[fact].get(name, 0)
                row[name if fact == "label" else f"{fact} {name}"] = f"{n} ({percent(n / total)} %)"
        rows.append(row)
    return rows


def _shared(facts: Plain) -> Iterator[Block]:
    for kind, words in _SHARED.items():
        found = [s for s in facts["shared"] if s["what"] == kind]
        if found:
            yield "h2", f"{words.capitalize()} in several parts"
            if kind == "spelling":
                yield "p", "They may be one person each; write one who is one in one way, two who are two in two."
            yield "table", [{kind: s["name"], "images": s["images"], "where": s["parts"]} for s in found[:_SHOWN]]
            yield from _more(found)


def _more(found: Sequence[Any]) -> Iterator[Block]:
    if len(found) > _SHOWN:
        yield "p", f"and {len(found) - _SHOWN} more, all in the CSV file."


def _pairs(facts: Plain) -> Iterator[Block]:
    yield "h2", "Pictures that stand there twice"
    if not facts["pairs"]:
        yield "p", "No two images are equal or nearly so."
        return
    yield "table", [
        {"kind": _KINDS[p["kind"]], "pairs": p["pairs"], "across parts": p["across_parts"],
         "of these across patients": p["across_patients"], "with other labels": p["across_labels"]}
        for p in facts["pairs"]
    ]  # fmt: skip
    if facts["examples"]:
        yield "p", "The closest across parts (all in the CSV file):"
        yield "table", [
            {"image": e["image_id_a"], "part": e["part_a"], "and image": e["image_id_b"], "in part": e["part_b"],
             "kind": e["kind"].replace("_", " "), "distance": f"{e['distance']:.4f}"}
            for e in facts["examples"]
        ]  # fmt: skip
    if facts["conflicts"]:
        yield from _conflicts(facts["conflicts"])


def _conflicts(conflicts: list[Plain]) -> Iterator[Block]:
    n = len(conflicts)
    pairs = f"{n} pairs of equal pixels have" if n > 1 else "1 pair of equal pixels has"
    yield "p", f"{pairs} two labels: one of each pair is wrong."
    yield (
        "table",
        [
            {"image": c["image_id_a"], "label": c["label_a"], "and image": c["image_id_b"], "labelled": c["label_b"]}
            for c in conflicts[:_SHOWN]
        ],
    )
    yield from _more(conflicts)


def _gain(facts: Plain) -> Iterator[Block]:
    yield "h2", "What a model could gain from it"
    rows = [
        {"part": t["part"], "images": t["n_images"], "share a patient with another part": t["patient"],
         "an origin": t["origin"], "an equal picture": t["identical"], "a near picture": t["near"],
         "any of these": f"{t['any']} ({percent(t['any'] / t['n_images'])} %)"}
        for t in facts["touched"]
    ]  # fmt: skip
    yield "table", rows
    if facts["crosses"]:
        yield (
            "p",
            (
                "A model that does no more than recognise the images, or the patients, of another part can be "
                "right on as many of each "
                "part as the last column says. How much of a score comes from it, only a training on a split "
                "that keeps them together shows "
                "(leukbench make-split)."
            ),
        )


def _probes(facts: Plain) -> Iterator[Block]:
    if not facts["probes"]:
        return
    yield "h2", "What colour, border and size alone tell"
    yield (
        "table",
        [
            {
                "of": p["what"],
                "right": f"{percent(p['value'])} %",
                "95 % by group": _limits(p["ci95"]),
                "chance": f"{percent(p['chance'])} %",
                "images": p["n_images"],
                "above chance": "yes" if p["above_chance"] else "not shown",
            }
            for p in facts["probes"]
        ],
    )
    above_chance = {p["what"] for p in facts["probes"] if p["above_chance"]}
    for what, words in _ABOVE_CHANCE.items():
        if what in above_chance:
            yield "p", words
    for c in facts["confounded"]:
        strength = f"(Cramér's V {c['cramers_v']:.2f}; 0 not at all, 1 wholly)"
        yield "p", f"{c['one'].capitalize()} goes with {c['other']} {strength}."


def _limits(limits: Sequence[float | None]) -> str:
    low, high = limits
    return "no interval" if low is None or high is None or low != low else f"{percent(low)} to {percent(high)}"
