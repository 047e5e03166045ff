"""The sources: size, licence, what each needs, and what of it is here."""

from __future__ import annotations

from leukbench.paths import source_folder
from leukbench.report.format import table
from leukbench.sources import load_source, source_names
from leukbench.sources.base import SourceCard
from leukbench.sources.dirt import walk


def sources_table() -> str:
    """Return the sources as a Markdown table, all from their cards but for what is here, and how to get them."""
    cards = [load_source(name).card for name in source_names()]
    rows = [
        {
            "name": card.name,
            "title": card.title,
            "images": f"{card.n_images():,}",
            "patients": _patients(card),
            "licence": card.licence,
            "size": _size(card),
            "needed": _needed(card),
            "here": _here(card),
        }
        for card in cards
    ]
    ways = [
        f"{card.name}\n" + "\n".join(f"  {p.name}: {p.command}" for p in card.portals) for card in cards if card.portals
    ]
    return "\n\n".join([table(rows), "How to get them (DIR stands for a folder of yours):", *ways])


def _patients(card: SourceCard) -> str:
    stated = sum(card.n_patients.values())
    if not stated:
        return "not stated"
    unknown = [pool for pool, n in card.n_patients.items() if n and card.evidence[pool] == "absent"]
    if len(unknown) == len([n for n in card.n_patients.values() if n]):
        return f"{stated:,}, no ids"
    return f"{stated:,}" + (f", no ids in {', '.join(unknown)}" if unknown else "")


def _size(card: SourceCard) -> str:
    """Return the size of the smallest download whose size is known."""
    sizes = [p.size_bytes for p in card.portals if p.size_bytes]
    if card.synthetic:
        return "made here"
    return f"{min(sizes) / 1e6:,.0f} MB" if sizes else "unknown"


def _needed(card: SourceCard) -> str:
    """Return what the easiest way to a source needs, folders of the user's own left out."""
    if card.synthetic:
        return "nothing"
    accounts = [p.account for p in card.portals if p.name != "folder"]
    free = [p.name for p in card.portals if p.name != "folder" and p.account == "none"]
    return f"no account ({', '.join(free)})" if free else "; ".join(accounts) or "a folder of yours"


def _here(card: SourceCard) -> str:
    """Return where the source lies below ``data/``, or that it does not."""
    folder = source_folder(card.name)
    if card.synthetic:
        made = sorted(f.name for f in folder.parent.glob(f"{card.name}-*-*") if f.is_dir())
        return ", ".join(made) or "no; made when needed"
    if not folder.is_dir():
        return "no"
    if card.needs and not any((folder / part).exists() for part in card.needs):
        return f"a folder without {' or '.join(card.needs)}"
    listed = set(load_source(card.name).listing(folder)["path"])
    files = {f.relative_to(folder).as_posix(): f.stat().st_size for f in walk(folder)}
    size = f"{sum(files.values()) / 1e6:,.0f} MB"
    n_listed = f"{len(listed & files.keys()):,} of {len(listed):,} listed files" if listed else f"{len(files):,} files"
    return f"yes, {folder}: {n_listed}, {size}"
