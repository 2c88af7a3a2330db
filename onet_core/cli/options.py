"""The options of the commands, from the table of settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..setting_type import SHELL, Setting
from ..settings import MESH_SETTINGS, TABLE, todays_options
from .outputs import FORMATS

Command = Callable[..., Any]


class TodaysCommand(click.Command):
    """A command that understands the options of earlier versions."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, todays_options(args))


def setting(name: str, required: bool = False) -> Callable[[Command], Command]:
    """The option of one setting. required: it can't be left out, whatever the table says."""
    item = TABLE[name]
    words = f"--{item.option}"
    if item.type is bool:
        words += f"/--no-{item.option}"
    about = f"{item.help}."
    if item.automatic and not required:
        about += f" [default: {item.automatic}]"
    return click.option(
        words,
        item.name,
        type=_type(item),
        default=item.default,
        show_default=item.default is not None,
        required=required,
        help=about,
    )


def settings_for(*kinds: str) -> Callable[[Command], Command]:
    """The options of all `Settings` that concern any of these kinds of input."""

    def add(command: Command) -> Command:
        for item in reversed(MESH_SETTINGS):
            if SHELL in item.offered and set(kinds) & set(item.kinds):
                command = setting(item.name)(command)
        return command

    return add


def output_options(command: Command) -> Command:
    """Where the meshes go."""
    output = click.option(
        "-o",
        "--output",
        required=True,
        type=click.Path(path_type=Path, readable=False),
        help="Folder for the meshes, which is made where it is missing, or for one mesh a file "
        "such as chair.glb.",
    )
    form = click.option(
        "--format",
        "suffix",
        type=click.Choice(FORMATS, case_sensitive=False),
        help="Kind of the mesh files. GLB is always y up, as that format demands. "
        "[default: what the output's name says, else ply]",
    )
    return output(form(command))


def _type(item: Setting) -> Any:
    if item.choices:
        return click.Choice([choice.value for choice in item.choices])
    if item.type is int and item not in MESH_SETTINGS:
        low, high = (None if end is None else int(end) for end in (item.low, item.high))
        return click.IntRange(low, high)
    return item.type
