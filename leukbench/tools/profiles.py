"""Profiles: what of the plan to run, put in place as params.yaml."""

from __future__ import annotations

import itertools
from pathlib import Path

from leukbench.errors import InputError, unknown_name
from leukbench.params import Params, load_params, params_from_plain
from leukbench.paths import workspace, write_text
from leukbench.tools.plans import params_text, read_profile


def use_profile(name: str) -> str:
    """Put ``profiles/<name>.yaml`` in place as params.yaml once it is valid; without a name, list the profiles.

    A params.yaml that is no profile as it stands is kept as params.yaml.before, beside earlier ones. Raises InputError
    for an unknown name, or a profile that is not as params.yaml should be.
    """
    profiles = _profiles()
    present = workspace() / "params.yaml"
    if not name:
        return _profile_list(profiles, present)
    if name not in profiles:
        raise unknown_name("profile", name, profiles, where=str(workspace() / "profiles"))
    params = load_profile(profiles[name])
    if params.profile != name:
        raise InputError(
            "a profile does not bear its own name",
            where=f"{profiles[name]}, key profile",
            expected=name,
            found=params.profile,
        )
    kept = _keep_edited(present, profiles)
    write_text(present, params_text(profiles[name]))
    return (
        f"params.yaml is now profile {name}: {len(params.experiments)} experiments, {len(params.papers)} papers{kept}"
    )


def load_profile(file: Path) -> Params:
    """Return a profile as its params. Raises InputError, naming file and key, where it is not as it should be."""
    return params_from_plain(read_profile(file), where=str(file))


def _stands_for(file: Path, text: str) -> bool:
    """Say whether a params.yaml is what a profile stands for; one that cannot be read stands for nothing."""
    try:
        return params_text(file) == text
    except InputError:
        return False


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
    if any(_stands_for(file, text) for file in profiles.values()):
        return ""
    names = (f"params.yaml.before{f'.{n}' if n else ''}" for n in itertools.count())
    kept = next(f for f in map(present.with_name, names) if not f.exists() or f.read_text(encoding="utf-8") == text)
    write_text(kept, text)
    return f"; the one before had changes of its own and is kept as {kept.name}"


def _profile_list(profiles: dict[str, Path], present: Path) -> str:
    text = present.read_text(encoding="utf-8") if present.is_file() else ""
    lines = []
    for name, file in profiles.items():
        mark = "*" if _stands_for(file, text) else " "
        lines.append(f"{mark} {name}: {_about(file)}")
    if not any(line.startswith("*") for line in lines):
        lines.append("(params.yaml is none of these as it stands)" if text else "(there is no params.yaml)")
    return "\n".join([*lines, *_frozen_line(present)])


def _frozen_line(present: Path) -> list[str]:
    """Return the hash that locks margin, alpha and headlines of the params.yaml in place, beside the one that it has.

    Nothing where there is no params.yaml that can be read.
    """
    from leukbench.papers.loader import load_paper
    from leukbench.pipeline.frozen import frozen_now

    try:
        params = load_params(present)
    except InputError:
        return []
    now = frozen_now(params.verdicts, map(load_paper, params.papers))
    same = "as it says" if now == params.verdicts.sha256 else f"it says {params.verdicts.sha256 or 'none'}"
    return [f"verdicts.sha256 of params.yaml, for its margin, alpha and headlines as they stand: {now} ({same})"]


def _about(file: Path) -> str:
    """Return the first sentence of a profile's opening comment, which says what it is for."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), file.read_text(encoding="utf-8").splitlines())
    comment = " ".join(line.lstrip("# ").rstrip() for line in lines)
    return comment.split(". ")[0].rstrip(".") or "(it does not say what it is for)"
