"""A report's command, typed again, is the run that made the report."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from training.measure.provenance import command_text


def command_and_choices(arguments: list[str]) -> tuple[str, dict[str, object]]:
    """The text that a report has of a run with the arguments, and the choices of the run."""
    message: list[tuple[str, dict[str, object]]] = []

    @click.command()
    @click.argument("weights")
    @click.option("--data", type=click.Path(path_type=Path))
    @click.option("--count", default=3000)
    @click.option("--symmetry/--no-symmetry", default=True)
    @click.option("--record", is_flag=True)
    @click.option("--of", multiple=True, type=int)
    def main(**choices: object) -> None:
        message.append((command_text("training.toy", click.get_current_context()), choices))

    main.main(arguments, standalone_mode=False)
    return message[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["points"],
        ["points", "--no-symmetry"],
        ["points", "--symmetry", "--record"],
        ["points", "--of", "8", "--of", "16"],
        ["points", "--data", "free 13", "--count", "300", "--no-symmetry", "--record"],
    ],
)
def test_the_command_of_a_report_makes_the_same_choices(arguments: list[str]) -> None:
    text, choices = command_and_choices(arguments)
    words = shlex.split(text)
    assert words[:3] == ["python", "-m", "training.toy"]
    assert command_and_choices(words[3:]) == (text, choices)


def test_defaults_and_folders_are_left_out(tmp_path: Path) -> None:
    text, _ = command_and_choices(["points", "--data", str(tmp_path / "free13"), "--count", "3000"])
    assert text == "python -m training.toy points --data free13"
