"""Which files a command reads, and which it writes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, OnetError
from ..files import expand
from ..kinds import ENDINGS
from ..results import Origin, ResultFolder
from ..sentences import Sentence

if TYPE_CHECKING:
    from ..pipeline.reconstructor import Reconstruction

FORMATS = ("ply", "obj", "glb", "off", "stl")


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


def save(
    made: Reconstruction, target: Path, results: ResultFolder, origin: Origin | None
) -> Sentence | None:
    """Writes a mesh, and records what it was made from where there is such an `origin`.

    Returns what the format could not hold, if anything, see `write_mesh`.
    """
    from ..mesh.files import write_mesh

    if origin is None:
        return write_mesh(made.mesh, target, up_axis=made.frame.up_axis)
    scratch = None
    try:
        scratch = results.scratch()
        written = scratch / f"mesh{target.suffix}"
        note = write_mesh(made.mesh, written, up_axis=made.frame.up_axis)
        results.put(written, target, origin)
        return note
    except OSError as error:
        raise OnetError(
            "Could not write {path}: {reason}.", path=target, reason=error.strerror or error
        ) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
