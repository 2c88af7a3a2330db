"""`onet move`: numbered files of a shape that moves -> one mesh that moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError, NoPointsError
from ..files import expand, numbers_in_order
from ..kinds import endings_of
from ..results import make_folder
from ..settings import Settings
from .options import TodaysCommand, setting, settings_for
from .terminal import Progress, errors

if TYPE_CHECKING:
    from ..movement.moving import Movement
    from ..pipeline.job import Job

GLB, NUMBERED = ".glb", ".ply"


@click.command(cls=TodaysCommand)
@click.argument(
    "inputs",
    metavar="INPUT...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, readable=False),
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, readable=False),
    help="A .glb file with a morph target for each frame, or a folder for numbered .ply files.",
)
@click.option(
    "--reference",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Which of the files, counted from 1, has the mesh that moves.",
)
@click.option(
    "--fps",
    type=click.FloatRange(min=0.01),
    default=24.0,
    show_default=True,
    help="Files for each second, for .glb.",
)
@setting("up_axis")
@setting("model")
@setting("device")
@settings_for("points")
def move(
    inputs: tuple[Path, ...],
    output: Path,
    reference: int,
    fps: float,
    up_axis: str,
    model: str | None,
    device: str | None,
    **options: Any,
) -> None:
    """Makes one mesh whose vertices move of scans of a moving shape, one INPUT for each frame.

    The files' points need not correspond. Files are taken in the order of the numbers in their
    names. The mesh is that of one frame; its vertices follow the points of the others.
    """
    from ..movement.moving import run_movement
    from ..pipeline.job import Job

    with errors():
        settings = Settings.of(options)
        paths = sorted(expand([str(path) for path in inputs], endings_of("points")), key=_order)
        if len(paths) < 2:
            raise InputError("A movement needs two frames or more: give more files.")
        if reference > len(paths):
            raise InputError(
                "There are {count} files, so --reference can't be {number}.",
                count=len(paths),
                number=reference,
            )
        is_glb = output.suffix.lower() == GLB
        if output.is_file() and not is_glb:
            raise InputError(
                "The output {output} is a file: name a folder, or a file that ends with .glb.",
                output=output,
            )
        job = Job(
            kind="points", up_axis=up_axis, model=model or "", device=device or "auto",
            settings=settings,
        )  # fmt: skip
        read = [_read(job, path) for path in paths]
        clouds = [one.points for one in read if one.points is not None]
        with Progress(output.name) as progress:
            found = run_movement(
                read[reference - 1], clouds, range(1, len(paths) + 1), reference, progress
            )
        make_folder(output.parent if is_glb else output)
        _write(found, output, fps, is_glb)
        made = found.result.made
        click.echo(
            f"{len(found.frames)} frames -> {output} ({len(made.mesh.vertices)} vertices, "
            f"{len(made.mesh.faces)} faces)"
        )
        for note in (*found.result.findings.sentences(), *found.notes):
            click.echo(f"  {note}.")


def _order(path: Path) -> tuple[list[tuple[int, str]], str]:
    return numbers_in_order(path.stem), str(path)


def _read(job: Job, path: Path) -> Job:
    """The job of a file's points, which may be none."""
    import numpy as np

    from ..pipeline.job import read

    try:
        return read(replace(job, path=path))
    except NoPointsError:
        return replace(job, name=path.name, points=np.empty((0, 3)))


def _write(found: Movement, output: Path, fps: float, is_glb: bool) -> None:
    from ..mesh.files import write_mesh
    from ..movement.files import write_moving_glb

    made = found.result.made
    if is_glb:
        seconds = [(frame - found.frames[0]) / fps for frame in found.frames]
        write_moving_glb(made.mesh, found.moves, seconds, output, made.frame.up_axis)
        return
    digits = max(4, len(str(found.frames[-1])))
    for number, frame in enumerate(found.frames):
        mesh = replace(made.mesh, vertices=found.vertices(number), normals=None)
        write_mesh(mesh, output / f"{frame:0{digits}d}{NUMBERED}", up_axis=made.frame.up_axis)
