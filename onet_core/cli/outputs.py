"""Which files a command reads, and which it writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, OnetError
from ..files import expand
from ..kinds import ENDINGS
from ..results import Origin, ResultFolder

FORMATS = ("ply", "obj", "glb", "off", "stl")


def assert_no_source(folder: Path, inputs: Sequence[Path]) -> None:
    """Raises InputError where a folder for masks has inputs: the masks would be inputs, too."""
    if folder.resolve() in {path.resolve().parent for path in inputs}:
        raise InputError(
            "The folder {folder} for masks has the pictures themselves: choose another.",
            folder=folder,
        )


def inputs_of(inputs: Sequence[Path], results: ResultFolder) -> list[Path]:
    """The inputs, each once, folders replaced by the files in them that look like inputs.

    What earlier runs made in the folder of the results is no input of this one.
    """
    found = expand([str(path) for path in inputs], ENDINGS)
    paths = [path for path in found if not results.is_result(path)]
    if not paths:
        raise InputError("All files that were given are results of this folder's earlier runs.")
    return paths


def output_file(output: Path, suffix: str | None, count: int, what: str) -> Path | None:
    """The output where it is named as a file of one mesh; None for a folder.

    suffix: the format that was asked for. Raises InputError where that can't be.
    """
    if output.is_dir() or output.suffix[1:].lower() not in FORMATS:
        if output.is_file():
            raise InputError(
                "The output {output} is a file, but no mesh's: name a folder, or a file that "
                "ends with .{names}.",
                output=output,
                names=", .".join(FORMATS),
            )
        return None
    if count != 1:
        raise InputError(
            "The output {output} is one file, but there are {count} {what}.",
            output=output,
            count=count,
            what=what,
        )
    if suffix is not None and suffix != output.suffix[1:].lower():
        raise InputError(
            "The output {output} does not end with .{suffix}, as --format says.",
            output=output,
            suffix=suffix,
        )
    return output


def put(results: ResultFolder, written: Path, target: Path, origin: Origin) -> str:
    """Puts a mesh that was written in its place, and records what it was made from.

    Returns what went wrong, in a sentence; nothing where all went well.
    """
    try:
        results.put(written, target, origin)
    except OSError as error:
        return str(
            OnetError(
                "Could not write {path}: {reason}.", path=target, reason=error.strerror or error
            )
        )
    except OnetError as error:
        return str(error)
    return ""
