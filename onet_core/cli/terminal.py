"""What the commands show: errors in one line, progress, and what came out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from ..errors import OnetError
from ..sentences import Sentence

FAILED = 2


@contextmanager
def errors() -> Iterator[None]:
    """Turns an error that concerns the whole run into one line and exit status 2."""
    try:
        yield
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(FAILED)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        click.echo(f"Error: {error.filename} can't be used: {reason}.", err=True)
        sys.exit(FAILED)


class Progress:
    """A passing line on the terminal that says how far an input is; none where that is a file."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shown = sys.stderr.isatty()

    def __call__(self, stage: str, fraction: float) -> None:
        if self._shown:
            click.echo(f"\r{self._name}: {fraction:4.0%} {stage:<16}", err=True, nl=False)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._shown:
            click.echo(f"\r{'':{len(self._name) + 24}}\r", err=True, nl=False)


def report(
    source: str, target: Path, faces: int, seconds: float, findings: Sequence[Sentence] = ()
) -> None:
    """Says which mesh was made of what, and what is worth telling of it."""
    click.echo(f"{source} -> {target} ({faces} faces, {seconds:.1f} s)")
    for finding in findings:
        click.echo(f"  {finding}.")


def in_one_line(error: Exception) -> str:
    """The message of an error; of an unforeseen one, a sentence with its type."""
    if isinstance(error, OnetError):
        return str(error)
    first = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return f"an unexpected error stopped it ({type(error).__name__}: {first})."
