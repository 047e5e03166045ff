"""The help of every command with a ``--format`` names the formats that it takes."""

from __future__ import annotations

import inspect
import re

import pytest
import typer

from leukbench.cli.app import app

WITH_FORMAT = {
    name: option.help
    for name, command in typer.main.get_command(app).commands.items()
    for option in command.params
    if option.name == "format"
}
CALLBACKS = {c.name or c.callback.__name__: c.callback for c in app.registered_commands if c.callback is not None}


@pytest.mark.parametrize("name", WITH_FORMAT)
def test_the_help_names_the_formats_that_a_command_takes(name: str) -> None:
    [taken] = re.findall(r"known_format\(format, (.*?)\)", inspect.getsource(CALLBACKS[name]))
    assert set(re.split(r",? or |, ", WITH_FORMAT[name])) == set(re.findall(r'"(\w+)"', taken))
