"""The options of work without a window: what may be given, on the command line or in a job file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onet_core.errors import OnetError
from onet_core.files import refusal
from onet_core.kinds import KIND_CHOICES

from ..properties.stored import QUALITY_SETTINGS
from ..runtime.chosen import RUNTIME_VARIABLE

COMMANDS = {
    "reconstruct": "Makes meshes from pictures, point clouds and voxel models.",
    "generate": "Invents shapes.",
    "morph": "Makes the shapes on the way between invented ones.",
}
FORMATS = ("blend", "glb", "obj", "ply", "stl")
# Those that keep shape keys and their animation.
ANIMATED_FORMATS = ("blend", "glb")
# Options that are programs. A job file may come from anywhere, and no file starts a program.
PROGRAMS = {"runtime"}
# What simplifying takes away, polishing wins back; a mesh that keeps all faces it hardly improves.
STEPS_AFTER_SIMPLIFYING = 30


def make_parser(command: str, program: str) -> argparse.ArgumentParser:
    """The options of one of `COMMANDS`; program: how the user calls it."""
    parser = argparse.ArgumentParser(prog=program, description=COMMANDS[command])

    def add(name: str, help: str, **settings: Any) -> None:
        parser.add_argument(name, help=help, **settings)

    add("--job", "a JSON file with these options, without the dashes; those given here come first")
    if command == "reconstruct":
        add("--input", "files, folders, or patterns such as 'scans/*.ply'", nargs="+", default=[])
        add(
            "--kind", "what the files are; auto looks at each", choices=KIND_CHOICES, default="auto"
        )
        verticals = ["auto", "y", "z"]
        add("--up", "the files' vertical; auto goes by format", choices=verticals, default="auto")
        add("--masks", "folder with a mask for each picture, by the same name", type=Path)
        add("--crop-outliers", "leave out points far from all others", action="store_true")
        add("--no-symmetry", "do not complete symmetric clouds by their mirror image",
            action="store_true")  # fmt: skip
        add("--no-denoise", "do not average the noise of dense clouds away", action="store_true")
        add("--no-snap", "do not draw the surface to the points of clouds", action="store_true")
        add("--no-colours", "leave out the colours of the files", action="store_true")
        pose = (
            "what pictures become stands on the floor: floor, the front towards the front view; "
            "camera, towards the camera of the file that Blender has open"
        )
        add("--pose", pose, choices=["floor", "camera"], default="floor")
    if command == "generate":
        add("--seed", "the first shape's number (0)", type=natural, default=0)
        add("--count", "how many shapes (1)", type=positive, default=1)
    if command == "morph":
        add("--seeds", "the numbers of two or more shapes", type=natural, nargs="+", default=[])
        add("--steps", "how many shapes on the way, both ends included (10)", type=steps,
            default=10)  # fmt: skip
        form = "meshes: a file for each shape; shape-keys: one file with a mesh that moves"
        add("--form", form, choices=["meshes", "shape-keys"], default="meshes")
    add("--output", "folder for the results", type=Path)
    add("--format", "kind of the results (glb)", choices=FORMATS, default="glb")
    add("--model", "name of a model or a weights file", default="")
    qualities = ", ".join(
        f"{name.lower()} is --resolution {preset['resolution']} "
        f"--refine {preset['refinement_steps']}"
        for name, preset in QUALITY_SETTINGS.items()
    )
    add("--quality", f"as in the panel: {qualities}", choices=[*map(str.lower, QUALITY_SETTINGS)],
        default="standard")  # fmt: skip
    add("--resolution", "cells along an axis; else by --quality", type=int)
    add("--threshold", "lower gives fatter shapes", type=float, default=0.0)
    add("--faces", "simplify to about this many faces", type=natural, default=0)
    polish = f"polishing steps; else by --quality, at least {STEPS_AFTER_SIMPLIFYING} with --faces"
    add("--refine", polish, type=natural)
    add("--smoothing", "steps that take bumps off; else as suits the model", type=natural,
        default=-1)  # fmt: skip
    add("--floor", "stand the results in the middle of the floor, instead of where their sources "
        "are", action="store_true")  # fmt: skip
    add("--flat", "show the faces instead of shading smooth", action="store_true")
    add("--overwrite", "make results again that are there already", action="store_true")
    add("--part", "K/N: only every N-th result, from the K-th on, for one of N machines", type=part,
        default=(1, 1))  # fmt: skip
    add("--jobs", "how many are computed at once (1); each takes memory of its own",
        type=positive, default=1)  # fmt: skip
    add("--device", "auto, cpu, cuda or mps", default="")
    source = f"the runtime's Python; else ${RUNTIME_VARIABLE} or the preferences"
    add("--runtime", source, type=Path)
    return parser


def natural(text: str) -> int:
    """A whole number, 0 or more."""
    if int(text) < 0:
        raise ValueError
    return int(text)


def positive(text: str) -> int:
    """A whole number, 1 or more."""
    if int(text) < 1:
        raise ValueError
    return int(text)


def steps(text: str) -> int:
    """A whole number, 2 or more."""
    if int(text) < 2:
        raise ValueError
    return int(text)


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
    parser = make_parser(command, program)
    options = parser.parse_args(arguments)
    if options.job:
        # The last of two equal options counts.
        options = parser.parse_args([*read_job(Path(options.job)), *arguments])
    wanted = {"output": options.output}
    if command != "generate":
        name = {"reconstruct": "input", "morph": "seeds"}[command]
        wanted[name] = getattr(options, name)
    for name, value in wanted.items():
        if not value:
            parser.error(f"--{name} is missing")
    if command == "morph":
        if len(options.seeds) < 2:
            parser.error("--seeds: a morph needs two shapes or more")
        if options.form == "shape-keys" and options.format not in ANIMATED_FORMATS:
            parser.error(f"--format: only {' and '.join(ANIMATED_FORMATS)} can hold shape keys")
    preset = QUALITY_SETTINGS[options.quality.upper()]
    if options.resolution is None:
        options.resolution = preset["resolution"]
    if options.refine is None:
        polish = STEPS_AFTER_SIMPLIFYING if options.faces else 0
        options.refine = max(polish, preset["refinement_steps"])
    return options


def read_job(path: Path) -> list[str]:
    """The options of a job file as the command line would have them.

    Paths in it are relative to its folder. Raises OnetError.
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
    found: list[str] = []
    for name, value in content.items():
        if value is False or value is None:
            continue
        values = [] if value is True else value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int | float) for item in values) or any(
            "\0" in str(item) for item in values
        ):
            raise OnetError(
                "The job file {path} has a {name} that is no text, number or list.",
                path=path,
                name=name,
            )
        if name in ("input", "output", "masks"):
            values = [path.parent.resolve() / str(item) for item in values]
        found += [f"--{name}", *map(str, values)]
    return found
