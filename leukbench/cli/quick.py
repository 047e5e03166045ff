"""A Typer whose commands start without pydantic.

Typer from 0.26 on converts every parameter, even a ``--help`` that was not given, through a pydantic adapter, and
importing pydantic takes longer than all else that ``leukbench --help`` does. Our parameters are texts, paths, numbers
and flags, which need no adapter. Where Typer has no such hook (older versions,
perhaps later ones) its own conversion stays.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_SIMPLE: tuple[type, ...] = (str, Path, bool)


class _Texts:
    """Typer's contract of a conversion, for one of :data:`_SIMPLE` or a list of it."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        several = bool(param.multiple) or param.nargs == -1
        if value is None:
            return () if several else None
        return tuple(map(self.kind, value)) if several else self.kind(value)


def _simple_kind(annotation: Any) -> type | None:
    """Return the simple type that an annotation comes down to (of a list: of its items), or None."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        members = [a for a in typing.get_args(annotation) if a is not type(None)]
        return _simple_kind(members[0]) if len(members) == 1 else None
    if typing.get_origin(annotation) is list:
        return _simple_kind(typing.get_args(annotation)[0])
    return annotation if annotation in _SIMPLE else None


def _quicken(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if getattr(parameter, "_runtime_param", "") is None and hasattr(parameter, "type_descriptor"):
            kind = _simple_kind(parameter.type_descriptor.annotation)
            if kind is not None:
                parameter._runtime_param = _Texts(kind)
    return parameters


class QuickCommand(TyperCommand):
    """A command whose simple parameters need no adapter, and which :func:`only_with` knows while it runs."""

    running: Any = None  # the context of the command that runs

    def invoke(self, ctx: Any) -> Any:
        QuickCommand.running = ctx
        return super().invoke(ctx)

    def get_params(self, ctx: Any) -> list[Any]:
        return _quicken(super().get_params(ctx))


class QuickGroup(TyperGroup):
    """A group of commands whose simple parameters need no adapter."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _quicken(super().get_params(ctx))


class QuickTyper(typer.Typer):
    """A Typer of quick commands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(cls=QuickGroup, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Declare a command, as Typer does."""
        return super().command(name, **{"cls": QuickCommand, **options})


def only_with(what: str, *names: str) -> None:
    """Refuse options of the running command that were given although they would be passed over.

    Parameters
    ----------
    what
        What they go with, for the error.
    names
        Of the command's parameters.

    Raises
    ------
    InputError
        Naming those that were given.
    """
    from leukbench.errors import InputError

    context = QuickCommand.running
    given = [n for n in names if getattr(context.get_parameter_source(n), "name", "") == "COMMANDLINE"]
    if given:
        shown = [p.opts[0] if p.opts[0].startswith("-") else p.name for p in context.command.params if p.name in given]
        raise InputError(
            "what would be passed over", where=f"leukbench {context.info_name}", expected=f"it goes with {what}",
            found=", ".join(map(str, shown)), do="leave it out, or give what it goes with",
        )  # fmt: skip
