"""YAML from anybody: what could not be meant is refused with its line, before anything is made of it. No pydantic."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from leukbench.errors import DIRECTIONS, InputError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_BYTES = 16 << 20
MAX_DEPTH = 40
MAX_VALUES = 1_000_000
"""Values after anchors are written out: a few lines of anchors that name each other stand for billions."""
MAX_NUMBER = 1e18


def read_yaml(file: Path, *, what: str = "a file", do: str = "") -> Any:
    """Return what a YAML file in UTF-8 says. ``what``: how the file is called in an error; ``do``: what to do
    where it cannot be read.

    Raises
    ------
    InputError
        Where it cannot be read, is no YAML in UTF-8, nests or multiplies beyond reason, gives a key twice, or holds a
        number out of range or a control character.
    """
    return yaml_of(text_of(file, what=what, do=do), where=str(file), what=what)


def text_of(file: Path, *, what: str = "a file", do: str = "") -> str:
    """Return the text of a YAML file. Raises InputError where it cannot be read, is too large or not in UTF-8."""
    try:
        data = file.read_bytes()
    except (OSError, ValueError) as error:  # a name that cannot be one
        found = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {what}", where=str(file), found=found, do=do) from error
    if len(data) > MAX_BYTES:
        raise InputError(
            f"{what} is too large", where=str(file), expected=f"{MAX_BYTES:,} bytes at most", found=f"{len(data):,}"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{what} is no YAML in UTF-8", where=str(file), found=str(error)) from error


def yaml_of(text: str, *, where: str, what: str = "a file") -> Any:
    """Return what a YAML text says. Raises InputError as :func:`read_yaml`, naming the line."""
    try:
        _check_depth(text, where, what)
        loader = _Loader(text)  # a safe loader, chosen above
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _Tree(where, what).check(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # dates and whole numbers that cannot be
        raise InputError(f"{what} is no YAML", where=where, found=str(error)) from error


def _check_depth(text: str, where: str, what: str) -> None:
    """Refuse deep nesting by walking events: libyaml's composer calls itself, and would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                line = event.start_mark.line + 1 if event.start_mark else 0
                raise InputError(
                    f"{what} nests too deep", where=f"{where}, line {line}", expected=f"at most {MAX_DEPTH} levels"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Tree:
    """Walks a composed document once, each anchor's content once."""

    def __init__(self, where: str, what: str) -> None:
        self.where, self.what = where, what
        self.sizes: dict[int, int] = {}

    def check(self, node: yaml.Node) -> int:
        """Return how many values a node stands for once its anchors are written out."""
        if (known := self.sizes.get(id(node))) is not None:
            if not known:
                raise self._error("an anchor that holds itself", node)
            return known
        self.sizes[id(node)] = 0
        size = 1
        if isinstance(node, yaml.MappingNode):
            self._keys(node)
            size += sum(self.check(key) + self.check(value) for key, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            size += sum(map(self.check, node.value))
        else:
            self._scalar(node)
        if size > MAX_VALUES:
            raise self._error(f"anchors that stand for more than {MAX_VALUES:,} values", node)
        self.sizes[id(node)] = size
        return size

    def _keys(self, node: yaml.MappingNode) -> None:
        seen: set[Hashable] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                name = (key.tag, key.value)
                if name in seen:
                    raise self._error(f"the key {key.value[:60]!r} twice", key)
                seen.add(name)

    def _scalar(self, node: yaml.Node) -> None:
        text = str(node.value)
        odd = next((c for c in text if c in DIRECTIONS or (unicodedata.category(c) == "Cc" and c not in "\n\t")), "")
        if odd:
            raise self._error(f"the control character U+{ord(odd):04X}", node)
        if node.tag in {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"} and self._out_of_range(text):
            raise self._error(f"the number {text[:40]}, which is out of range", node)

    @staticmethod
    def _out_of_range(text: str) -> bool:
        if len(text) > 60:
            return True
        try:
            number = float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").lower())
        except ValueError:  # hexadecimal, sexagesimal: short, so not large
            return False
        return not math.isfinite(number) or abs(number) > MAX_NUMBER

    def _error(self, found: str, node: yaml.Node) -> InputError:
        line = node.start_mark.line + 1 if node.start_mark else 0
        return InputError(f"{self.what} holds what cannot be meant", where=f"{self.where}, line {line}", found=found)
