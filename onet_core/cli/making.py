"""`onet reconstruct` and `onet generate`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError, NoSurfaceError
from ..kinds import INPUT_NAMES, is_doubtful
from ..results import Origin, ResultFolder, make_folder
from ..setting_type import NONE
from ..settings import Settings
from .options import TodaysCommand, output_options, setting, settings_for
from .outputs import FORMATS, assert_no_source, inputs_of, output_file, put
from .terminal import FAILED, Progress, errors, report

if TYPE_CHECKING:
    from ..pipeline.reconstructor import Reconstructor


@click.command(cls=TodaysCommand)
@click.argument(
    "inputs",
    metavar="INPUT...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, readable=False),
)
@output_options
@setting("kind")
@setting("up_axis")
@click.option(
    "--mask",
    type=click.Path(path_type=Path, readable=False),
    help="Picture that is white (or opaque) where the one input picture shows the object.",
)
@setting("save_masks")
@setting("model")
@setting("device")
@setting("jobs")
@settings_for(*INPUT_NAMES)
def reconstruct(
    inputs: tuple[Path, ...],
    output: Path,
    kind: str,
    up_axis: str,
    mask: Path | None,
    save_masks: Path | None,
    model: str | None,
    device: str | None,
    jobs: int,
    suffix: str | None,
    **options: Any,
) -> None:
    """Makes a mesh of every INPUT, a file or a folder of files.

    Writes OUTPUT/<name of the input>.<format>, or just OUTPUT where that is named as a mesh file,
    in the input's own coordinates (pictures have none: their meshes are in a unit cube with z up).
    Where two inputs have the same name, or the mesh would replace an input, a number is added.
    Files from earlier runs are replaced; a hidden record in OUTPUT says what was made from what,
    so that names stay and results never become inputs.

    An input that can't be used is reported in one line and skipped; the exit status is then 2,
    but not for a .txt, .csv or the like that lies in a folder and is something else.
    """
    with errors():
        settings = Settings.of(options)
        results = ResultFolder(output)
        paths = inputs_of(inputs, results)
        if mask is not None and len(paths) != 1:
            raise InputError(
                "A mask belongs to one picture, but there are {count} inputs.", count=len(paths)
            )
        file = output_file(output, suffix, len(paths), "inputs")
        if file is not None and file.resolve() == paths[0].resolve():
            raise InputError(
                "The output {output} is the input itself: choose another name.", output=output
            )
        if model is not None:
            _assert_reads(model, device)
        make_folder(output if file is None else file.parent)
        if save_masks is not None:
            make_folder(save_masks)
            assert_no_source(save_masks, paths)
        asked = {
            **asdict(settings),
            "model": model,
            "kind": kind,
            "up_axis": up_axis,
            "mask": mask and str(mask),
        }
        origins = [Origin(results.key_of(path), path.stem, asked, path) for path in paths]
        if file is None:
            results.clear_remains()
            targets = results.targets(origins, suffix or FORMATS[0], paths, overwrite=True)
        else:
            targets = [file]
    from ..pipeline.job import FIT_WITHIN, Job
    from .jobs import Task, outcomes

    def tasks() -> Iterator[Task]:
        for number, path in enumerate(paths):
            job = Job(
                path=path,
                kind=kind,
                up_axis=up_axis,
                mask=mask,
                save_mask=save_masks and save_masks / f"{targets[number].stem}.png",
                fit_within=FIT_WITHIN,
                model=model or "",
                device=device or "auto",
                settings=settings,
            )
            target = targets[number]
            if file is None:
                target = results.scratch() / f"mesh{target.suffix}"
            yield Task(number, job, target)

    failures = others = 0
    for task, outcome in outcomes(tasks(), min(jobs, len(paths))):
        path, target = paths[task.number], targets[task.number]
        error = outcome.error
        if file is None:
            error = error or put(results, task.written, target, origins[task.number])
            shutil.rmtree(task.written.parent, ignore_errors=True)
        if error:
            click.echo(f"Skipped {path}: {error}", err=True)
            # What a folder has beside its scans, such as license.txt, is no failure.
            is_other = outcome.is_input and is_doubtful(path) and path not in inputs
            failures += not is_other
            others += is_other
        else:
            report(str(path), target, outcome.faces, outcome.seconds, outcome.sentences)
    if others and others == len(paths):
        failures = others
    if failures:
        click.echo(f"{failures} of {len(paths)} inputs could not be used.", err=True)
        sys.exit(FAILED)


@click.command(cls=TodaysCommand)
@output_options
@setting("model", required=True)
@setting("seed")
@setting("count")
@setting("device")
@settings_for(NONE)
def generate(
    output: Path,
    model: str,
    seed: int,
    count: int,
    device: str | None,
    suffix: str | None,
    **options: Any,
) -> None:
    """Makes new shapes from random latents.

    Writes OUTPUT/<model>-<seed>.<format>, or just OUTPUT where that is named as a mesh file, in a
    unit cube with z up. The same seed gives the same shape.
    """
    from ..mesh.files import write_mesh
    from ..pipeline.sequence import at_once

    with errors():
        settings = Settings.of(options)
        file = output_file(output, suffix, count, "shapes")
        reconstructor = _loaded(model, device)
        reconstructor.latent(seed)
        make_folder(output if file is None else file.parent)
        together = at_once(reconstructor)
        for first in range(seed, seed + count, together):
            seeds = range(first, min(first + together, seed + count))
            with Progress(f"{Path(model).stem}-{first}") as progress:
                results = reconstructor.generate_all(seeds, settings, progress)
            for number, result in zip(seeds, results, strict=True):
                if isinstance(result, NoSurfaceError):
                    raise result
                target = file or output / f"{Path(model).stem}-{number}.{suffix or FORMATS[0]}"
                write_mesh(result.mesh, target, up_axis=result.frame.up_axis)
                seconds = sum(result.seconds.values())
                report(f"seed {number}", target, len(result.mesh.faces), seconds)


def _assert_reads(model: str, device: str | None) -> None:
    """Loads the model that was named; raises InputError where it reads nothing."""
    described = _loaded(model, device).description
    if described.input_kind not in INPUT_NAMES:
        raise InputError(
            "The model {name!r} reads nothing: use it with `onet generate`.", name=described.name
        )


def _loaded(model: str | Path, device: str | None) -> Reconstructor:
    from ..pipeline.reconstructor import Reconstructor

    return Reconstructor(model, device or "auto")
