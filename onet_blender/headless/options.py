"""The options of work without a window: what may be given, on the command line or in a job file.

They come from the table of settings, `onet_core.settings`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from onet_core.errors import InputError, OnetError
from onet_core.files import refusal
from onet_core.sentences import Sentence
from onet_core.setting_type import BATCH, Setting
from onet_core.settings import (
    COMMANDS,
    QUALITIES,
    TABLE,
    batch_settings,
    renamed,
    todays_options,
)

from ..runtime.chosen import RUNTIME_VARIABLE

# Those that keep shape keys and their animation.
ANIMATED_FORMATS = ("blend", "glb")
# Options that are programs. A job file may come from anywhere, and no file starts a program.
PROGRAMS = {"runtime"}
SEEDS_OF_A_MORPH = 2
# What a quality decides unless it is given.
OF_QUALITY = tuple(QUALITIES["standard"])


def make_parser(command: str, program: str) -> argparse.ArgumentParser:
    """The options of one of `COMMANDS`; program: how the user calls it."""
    parser = argparse.ArgumentParser(prog=program, description=COMMANDS[command].about)
    about = "a JSON file with these options, without the dashes; those given here come first"
    parser.add_argument("--job", type=Path, help=about)
    for item in batch_settings(BATCH, command):
        _add(parser, item)
    about = "K/N: only every N-th result, from the K-th on, for one of N machines"
    parser.add_argument("--part", help=about, type=part, default=(1, 1))
    return parser


def _add(parser: argparse.ArgumentParser, item: Setting) -> None:
    about = item.help.replace("%", "%%")
    if item.name == "runtime":
        about += f"; else ${RUNTIME_VARIABLE} or the preferences"
    elif item.name in OF_QUALITY:
        each = ", ".join(f"{name} {values[item.name]}" for name, values in QUALITIES.items())
        about += f" [by --quality: {each.replace('None', 'automatic')}]"
    elif item.automatic:
        about += f" [default: {item.automatic}]"
    elif item.default is not None:
        about += f" [default: {item.default}]"
    kind: dict[str, Any] = {}
    if item.type is bool:
        kind["action"] = argparse.BooleanOptionalAction
    elif item.choices:
        kind["choices"] = [choice.value for choice in item.choices]
    else:
        kind["type"] = _reader(item)
        kind["metavar"] = item.name.upper()
    if item.is_many:
        kind["nargs"] = "+"
    default = argparse.SUPPRESS if item.name in OF_QUALITY else item.default
    parser.add_argument(f"--{item.option}", dest=item.name, help=about, default=default, **kind)


def _reader(item: Setting) -> Any:
    """Reads the text of an option. 0 or -1 is automatic where it was so in 0.1.0."""

    def read(text: str) -> Any:
        try:
            value = item.unpacked(item.type(text))
            return value if value is None else item.checked_one(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"choose {item.allowed}, not {text!r}") from error
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def part(text: str) -> tuple[int, int]:
    """Two whole numbers K/N with 1 <= K <= N."""
    number, count = map(int, text.split("/"))
    if not 1 <= number <= count:
        raise ValueError
    return number, count


def parse(command: str, arguments: Sequence[str], program: str) -> argparse.Namespace:
    """The options; what the command line leaves out is taken from the job file.

    Raises OnetError where the job file can't be used, SystemExit (argparse) for bad options.
    """
    parser, given = make_parser(command, program), todays_options(arguments)
    options = parser.parse_args(given)
    if options.job:
        parser.set_defaults(**read_job(options.job, command))
        options = parser.parse_args(given)
    for item in batch_settings(BATCH, command):
        if item.is_required and not getattr(options, item.name):
            parser.error(f"--{item.option} is missing")
    if command == "morph":
        if len(options.seeds) < SEEDS_OF_A_MORPH:
            parser.error("--seeds: a morph needs two shapes or more")
        if options.form == "shape-keys" and options.format not in ANIMATED_FORMATS:
            parser.error(f"--format: only {' and '.join(ANIMATED_FORMATS)} can hold shape keys")
    for name, value in QUALITIES[options.quality].items():
        if not hasattr(options, name):
            setattr(options, name, value)
    return options


def read_job(path: Path, command: str = "reconstruct") -> dict[str, Any]:
    """The settings of a job file by name.

    Paths in it are relative to its folder; names of earlier versions are understood. Raises
    OnetError that names what can't be used.
    """
    reason = refusal(path)
    if reason is not None:
        raise OnetError("The job file {path} can't be read: {reason}.", path=path, reason=reason)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OnetError(
            "The job file {path} can't be read: {reason}.", path=path, reason=error.strerror
        ) from error
    except (ValueError, RecursionError) as error:
        raise OnetError(
            "The job file {path} is no JSON: {reason}.", path=path, reason=error
        ) from error
    if not isinstance(content, dict):
        raise OnetError(
            "The job file {path} has to hold one object, with options by name.", path=path
        )
    for name in PROGRAMS & set(content):
        raise OnetError(
            "The job file {path} names a program, {name}, which only the command line may: give "
            "--{name} there, or leave it out.",
            path=path,
            name=name,
        )
    try:
        return _job_values(path, command, content)
    except (ValueError, argparse.ArgumentTypeError, InputError) as error:
        message = (
            error.sentence if isinstance(error, InputError) else Sentence("{error}.", error=error)
        )
        raise OnetError(
            "The job file {path} can't be used: {reason}", path=path, reason=message
        ) from error


def _job_values(path: Path, command: str, content: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "part" in content:
        found["part"] = part(str(content["part"]))
    names = [item.name for item in batch_settings(BATCH, command)]
    given = {name: value for name, value in content.items() if name != "part"}
    for name, value in renamed(given, names):
        item = TABLE[name]
        values = value if isinstance(value, list) else [value]
        plain = all(isinstance(one, str | int | float) or one is None for one in values)
        if not plain or any("\0" in str(one) for one in values):
            raise ValueError(f"{name} is no text, number or list")
        if value is None:
            continue
        if item.is_path:
            values = [str(path.parent.resolve() / str(one)) for one in values]
        if item.type is not bool and not item.choices:
            values = [_reader(item)(str(one)) for one in values]
        found[name] = item.checked(values if item.is_many else values[-1])
    return found
