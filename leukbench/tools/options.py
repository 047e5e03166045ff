"""What an option may say, for the command line: checked before anything else is read."""

from __future__ import annotations


def known_format(text: str, *known: str) -> str:
    """Return the word of ``--format``.

    Raises
    ------
    InputError
        Where the command does not offer it.
    """
    from leukbench.errors import unknown_name

    if text not in known:
        raise unknown_name("format", text, known, where="--format")
    return text


def as_fraction(text: str, option: str = "--margin") -> float:
    """Return an option's value as a fraction.

    Raises
    ------
    InputError
        Where it is no number in [0, 1).
    """
    from leukbench.errors import InputError

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        what = f"a {option.removeprefix('--')} must be a fraction"
        raise InputError(what, where=option, expected="in (0, 1)", found=text)
    return value
