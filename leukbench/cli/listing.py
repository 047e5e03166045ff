"""What there is to choose from: the sources with what they need and what is here, and the profiles."""

from __future__ import annotations

import itertools
from pathlib import Path

from leukbench.errors import InputError, unknown_name
from leukbench.params import load_params
from leukbench.paths import source_folder, workspace, write_text
from leukbench.report.format import table
from leukbench.sources import load_source, source_names
from leukbench.sources.base import SourceCard


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
    files = {f.relative_to(folder).as_posix(): f.stat().st_size for f in folder.rglob("*") if f.is_file()}
    size = f"{sum(files.values()) / 1e6:,.0f} MB"
    n_listed = f"{len(listed & files.keys()):,} of {len(listed):,} listed files" if listed else f"{len(files):,} files"
    return f"yes, {folder}: {n_listed}, {size}"


# ------------------------------------------------------------------------------------------------------- profiles


def use_profile(name: str) -> str:
    """Put ``profiles/<name>.yaml`` in place as params.yaml once it is valid; without a name, list the profiles.

    A params.yaml that is no profile as it stands is kept as params.yaml.before. Raises InputError for an unknown name, or a
    profile that is not as params.yaml should be.
    """
    profiles = _profiles()
    present = workspace() / "params.yaml"
    if not name:
        return _profile_list(profiles, present)
    if name not in profiles:
        raise unknown_name("profile", name, profiles, where=str(workspace() / "profiles"))
    params = load_params(profiles[name])
    if params.profile != name:
        raise InputError(
            "a profile does not bear its own name", where=f"{profiles[name]}, key profile", expected=name, found=params.profile
        )  # fmt: skip
    kept = _keep_edited(present, profiles)
    write_text(present, profiles[name].read_text(encoding="utf-8"))
    return f"params.yaml is now profile {name}: {len(params.cells)} cells, {len(params.papers)} papers{kept}"


def _profiles() -> dict[str, Path]:
    folder = workspace() / "profiles"
    found = {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    if not found:
        raise InputError(
            "there are no profiles here", where=str(folder), expected="files <name>.yaml", found="none",
            do="run leukbench in the project's folder, or set LEUKBENCH_HOME to it",
        )  # fmt: skip
    return found


def _keep_edited(present: Path, profiles: dict[str, Path]) -> str:
    """Save a params.yaml that equals no profile, so that nobody's edits are lost; return what to say about it."""
    if not present.is_file():
        return ""
    text = present.read_text(encoding="utf-8")
    if any(file.read_text(encoding="utf-8") == text for file in profiles.values()):
        return ""
    write_text(present.with_name("params.yaml.before"), text)
    return "; the one before had changes of its own and is kept as params.yaml.before"


def _profile_list(profiles: dict[str, Path], present: Path) -> str:
    text = present.read_text(encoding="utf-8") if present.is_file() else ""
    lines = []
    for name, file in profiles.items():
        mark = "*" if file.read_text(encoding="utf-8") == text else " "
        lines.append(f"{mark} {name}: {_about(file)}")
    if not any(line.startswith("*") for line in lines):
        lines.append("(params.yaml is none of these as it stands)" if text else "(there is no params.yaml)")
    return "\n".join(lines)


def _about(file: Path) -> str:
    """Return the first sentence of a profile's opening comment, which says what it is for."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), file.read_text(encoding="utf-8").splitlines())
    comment = " ".join(line.lstrip("# ").rstrip() for line in lines)
    return comment.split(". ")[0].rstrip(".") or "(it does not say what it is for)"
