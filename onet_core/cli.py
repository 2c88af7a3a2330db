"""The command line: `onet reconstruct`, `onet generate`, `onet models`, `onet convert`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .errors import InputError, NoSurfaceError, OnetError
from .files import assert_readable, expand
from .kinds import ENDINGS, INPUT_NAMES, KIND_CHOICES, UP_AXIS_CHOICES
from .results import Origin, ResultFolder, make_folder
from .sentences import Sentence
from .threads import spin_little

if TYPE_CHECKING:
    from .pipeline.reconstructor import Reconstruction, Reconstructor
    from .settings import Settings

# Everything that imports NumPy or torch is imported where it is used, so that `--help` and `models`
# answer at once.
FORMATS = ("ply", "obj", "glb", "off", "stl")
FAILED = 2
# As in the original's demo. Measured on an early network: after simplification to 5,000 faces it
# wins back what that lost (volumetric IoU 0.491 -> 0.500, before simplification 0.499); the full
# mesh, whose vertices lie on the surface already, it does not improve.
REFINEMENT_STEPS = 30
# A model of more categories is listed with their number.
_MOST_LISTED = 4
# On a GPU so many new shapes are made at once.
_TOGETHER = 8


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="onet")
def main() -> None:
    """Turns pictures, point clouds and coarse voxels into clean meshes (Occupancy Networks)."""
    spin_little(os.environ)


def _mesh_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that `reconstruct` and `generate` share."""
    options = [
        click.option(
            "-o",
            "--output",
            required=True,
            type=click.Path(path_type=Path),
            help="Folder for the meshes, which is made where it is missing, or for one mesh a file "
            "such as chair.glb.",
        ),
        click.option(
            "--resolution",
            default=128,
            show_default=True,
            help="Cells of the grid along each axis: more is finer and slower.",
        ),
        click.option(
            "--threshold",
            type=float,
            help="Probability at the surface, above 0 and below 1; lower is fatter. "
            "[default: the model's own]",
        ),
        click.option(
            "--refine",
            type=int,
            help="Steps of refinement, which pulls the faces to the surface. "
            f"[default: {REFINEMENT_STEPS} with --faces, else 0]",
        ),
        click.option(
            "--smoothing",
            type=int,
            help="Steps that take small bumps off; 0 keeps the surface as the network says. "
            "[default: the model's own]",
        ),
        click.option(
            "--faces", type=int, help="Simplify to about this many triangles. [default: keep all]"
        ),
        click.option(
            "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps."
        ),
        click.option(
            "--format",
            "suffix",
            type=click.Choice(FORMATS, case_sensitive=False),
            help="Kind of the mesh files. GLB is always y up, as that format demands. "
            "[default: what the output's name says, else ply]",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@click.argument(
    "inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@_mesh_options
@click.option(
    "--kind",
    type=click.Choice(KIND_CHOICES),
    default="auto",
    show_default=True,
    help="What the inputs are. auto: by suffix and content; a mesh with faces is voxels, without "
    "faces points.",
)
@click.option("--model", help="Name of a model, see `onet models`, or a weights file.")
@click.option(
    "--up",
    type=click.Choice(UP_AXIS_CHOICES),
    default="auto",
    show_default=True,
    help="Vertical axis of the inputs. auto: y for glb, obj, off, binvox and voxel arrays, else z.",
)
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    help="Picture that is white (or opaque) where the one input picture shows the object.",
)
@click.option(
    "--symmetry/--no-symmetry",
    default=True,
    show_default=True,
    help="Complete clouds of up to 1,000 points that are symmetric by their mirror image.",
)
@click.option(
    "--denoise/--no-denoise",
    default=True,
    show_default=True,
    help="Average the noise of dense clouds away before they are read, if the model is for that.",
)
@click.option(
    "--snap/--no-snap",
    default=True,
    show_default=True,
    help="Draw the surface to the points, where the model is for that and no threshold is given.",
)
@click.option(
    "--remove-outliers",
    is_flag=True,
    help="Ignore points far away from the rest, a common scanner artefact.",
)
@click.option(
    "--colours/--no-colours",
    default=True,
    show_default=True,
    help="Give the mesh the colours of the points or the mesh that it is made from.",
)
def reconstruct(
    inputs: tuple[Path, ...],
    output: Path,
    kind: str,
    model: str | None,
    up: str,
    mask: Path | None,
    device: str,
    suffix: str | None,
    **options: Any,
) -> None:
    """Makes a mesh of every INPUT, a file or a folder of files.

    Writes OUTPUT/<name of the input>.<format>, or just OUTPUT where that is named as a mesh file,
    in the input's own coordinates (pictures have none: their meshes are in a unit cube with z up).
    Where two inputs have the same name, or the mesh would replace an input, a number is added.
    Files from earlier runs are replaced; a hidden record in OUTPUT tells what was made from what,
    so that names stay and results never become inputs.

    An input that can't be used is reported in one line and skipped; the exit status is then 2.
    """
    with _errors():
        settings = _settings(**options)
        results = ResultFolder(output)
        paths = _expanded(inputs, results)
        if mask is not None and len(paths) != 1:
            raise InputError(f"A mask belongs to one picture, but there are {len(paths)} inputs.")
        file = _file(output, suffix, len(paths), "inputs")
        if file is not None and file.resolve() == paths[0].resolve():
            raise InputError(f"The output {output} is the input itself: choose another name.")
        if model is not None:
            _assert_reads(model, device)
        make_folder(output if file is None else file.parent)
        asked = {**asdict(settings), "model": model, "kind": kind, "up_axis": up}
        asked["mask"] = mask and str(mask)
        origins = [Origin(results.key_of(path), path.stem, asked, path) for path in paths]
        if file is None:
            results.clear_remains()
            targets = results.targets(origins, suffix or FORMATS[0], paths, overwrite=True)
        else:
            targets = [file]
    from .pipeline.job import FIT_WITHIN, Job, run

    failures = 0
    for path, origin, target in zip(paths, origins, targets, strict=True):
        job = Job(
            path=path,
            kind=kind,
            up_axis=up,
            mask=mask,
            fit_within=FIT_WITHIN,
            model=model or "",
            device=device,
            settings=settings,
        )
        try:
            assert_readable(path)
            with _Progress(path.name) as progress:
                result = run(job, progress)
                _save(result.made, target, results, origin if file is None else None)
        except Exception as error:
            click.echo(f"Skipped {path}: {_in_one_line(error)}", err=True)
            failures += 1
        else:
            _report(str(path), target, result.made, result.findings.sentences())
    if failures:
        click.echo(f"{failures} of {len(paths)} inputs could not be used.", err=True)
        sys.exit(FAILED)


@main.command()
@_mesh_options
@click.option("--model", required=True, help="Name of a generative model, or a weights file.")
@click.option("--seed", default=0, show_default=True, help="The first shape's seed.")
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many shapes, with seeds that follow each other.",
)
def generate(
    output: Path,
    model: str,
    seed: int,
    count: int,
    device: str,
    suffix: str | None,
    **options: Any,
) -> None:
    """Makes new shapes from random latents.

    Writes OUTPUT/<model>-<seed>.<format>, or just OUTPUT where that is named as a mesh file, in a
    unit cube with z up. The same seed gives the same shape.
    """
    with _errors():
        settings = _settings(**options)
        file = _file(output, suffix, count, "shapes")
        reconstructor = _reconstructor(model, device)
        reconstructor.latent(seed)
        make_folder(output if file is None else file.parent)
        together = 1 if reconstructor.device.type == "cpu" else _TOGETHER
        for first in range(seed, seed + count, together):
            seeds = range(first, min(first + together, seed + count))
            with _Progress(f"{Path(model).stem}-{first}") as progress:
                results = reconstructor.generate_all(seeds, settings, progress)
            for number, result in zip(seeds, results, strict=True):
                if isinstance(result, NoSurfaceError):
                    raise result
                target = file or output / f"{Path(model).stem}-{number}.{suffix or FORMATS[0]}"
                _save(result, target, ResultFolder(target.parent), None)
                _report(f"seed {number}", target, result)


@main.command()
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """Lists the models that are there, or shows the card of the one called NAME.

    A card tells what a model learned from, how well it does, and what it fails at.
    """
    from .models.catalogue import find_model, list_models

    if name is not None:
        from .models.card import model_card

        with _errors():
            described = find_model(name).description
            if described is None:
                raise InputError(f"{name} carries no description: convert it first.")
            click.echo(model_card(described), nl=False)
        return
    rows = [("NAME", "READS", "IOU", "CHAMFER-L1", "LEARNED FROM", "LICENCE")]
    broken = []
    for entry in list_models():
        if entry.description is None:
            broken.append(entry)
            continue
        known = entry.description
        categories = ", ".join(known.categories) or "-"
        if len(known.categories) > _MOST_LISTED:
            categories = f"{len(known.categories)} categories"
        iou, chamfer = (_figure(known.metrics, name) for name in ("iou", "chamfer_l1"))
        licence = known.licence or "-"
        rows.append((entry.name, known.input_kind, iou, chamfer, categories, licence))
    if len(rows) == 1 and not broken:
        click.echo("There are no models.")
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
    for entry in broken:
        click.echo(f"{entry.path} can't be used: {entry.error}", err=True)


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--half", is_flag=True, help="Store 16 bits a number: half the size.")
def convert(source: Path, target: Path, half: bool) -> None:
    """Converts SOURCE, a checkpoint (.pt) of the original code, to TARGET (.safetensors)."""
    with _errors():
        if target.suffix.lower() != ".safetensors":
            raise InputError(f"The target {target} must end with .safetensors.")
        from .models.weights import convert_checkpoint

        description = convert_checkpoint(source, target, half=half)
        click.echo(f"{source} -> {target} ({description.title}, reads {description.input_kind})")


def _assert_reads(model: str, device: str) -> None:
    """Loads the model that was named; raises InputError where it reads nothing."""
    described = _reconstructor(model, device).description
    if described.input_kind not in INPUT_NAMES:
        raise InputError(
            f"The model {described.name!r} reads nothing: use it with `onet generate`."
        )


def _reconstructor(model: str | Path, device: str) -> Reconstructor:
    from .pipeline.reconstructor import Reconstructor

    return Reconstructor(model, device)


def _settings(
    resolution: int,
    threshold: float | None,
    refine: int | None,
    smoothing: int | None,
    faces: int | None,
    symmetry: bool = True,
    denoise: bool = True,
    snap: bool = True,
    remove_outliers: bool = False,
    colours: bool = True,
) -> Settings:
    from .settings import Settings

    return Settings(
        resolution=resolution,
        threshold=threshold,
        refinement_steps=refine,
        smoothing=smoothing,
        faces=faces,
        symmetry=symmetry,
        denoise=denoise,
        snap=snap,
        remove_outliers=remove_outliers,
        colours=colours,
    )


def _expanded(inputs: Sequence[Path], results: ResultFolder) -> list[Path]:
    """The inputs, each once, folders replaced by the files in them that look like inputs.

    What earlier runs made in the folder of the results is no input of this one.
    """
    found = expand([str(path) for path in inputs], ENDINGS)
    paths = [path for path in found if not results.is_result(path)]
    if not paths:
        raise InputError("All files that were given are results of this folder's earlier runs.")
    return paths


def _file(output: Path, suffix: str | None, count: int, what: str) -> Path | None:
    """The output where it is named as a file of one mesh; None for a folder.

    suffix: the format that was asked for. Raises InputError where that can't be.
    """
    if output.is_dir() or output.suffix[1:].lower() not in FORMATS:
        if output.is_file():
            raise InputError(
                f"The output {output} is a file, but no mesh's: name a folder, or a file that ends "
                f"with .{', .'.join(FORMATS)}."
            )
        return None
    if count != 1:
        raise InputError(f"The output {output} is one file, but there are {count} {what}.")
    if suffix is not None and suffix != output.suffix[1:].lower():
        raise InputError(f"The output {output} does not end with .{suffix}, as --format says.")
    return output


def _save(made: Reconstruction, target: Path, results: ResultFolder, origin: Origin | None) -> None:
    """Writes a mesh, and records what it was made from where there is such an `origin`."""
    from .mesh.files import write_mesh

    if origin is None:
        write_mesh(made.mesh, target, up_axis=made.frame.up_axis)
        return
    scratch = None
    try:
        scratch = results.scratch()
        written = scratch / f"mesh{target.suffix}"
        write_mesh(made.mesh, written, up_axis=made.frame.up_axis)
        results.put(written, target, origin)
    except OSError as error:
        raise OnetError(
            "Could not write {path}: {reason}.", path=target, reason=error.strerror or error
        ) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _report(
    source: str, target: Path, result: Reconstruction, findings: Sequence[Sentence] = ()
) -> None:
    seconds = sum(result.seconds.values())
    click.echo(f"{source} -> {target} ({len(result.mesh.faces)} faces, {seconds:.1f} s)")
    for finding in findings:
        click.echo(f"  {finding}.")


def _in_one_line(error: Exception) -> str:
    """The message of an error; of one that nobody foresaw, what it is in a sentence."""
    if isinstance(error, OnetError):
        return str(error)
    first = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return f"an unexpected error stopped it ({type(error).__name__}: {first})."


def _figure(metrics: Mapping[str, Any], name: str) -> str:
    """What a model's description says of how good it is on all test shapes."""
    value = metrics.get(name)
    return f"{value:.3g}" if isinstance(value, float) else "-"


@contextmanager
def _errors() -> Iterator[None]:
    """Turns an error that concerns the whole run into one line and exit status 2."""
    try:
        yield
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(FAILED)


class _Progress:
    """A passing line on the terminal that says how far an input is; none where that is a file."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shown = sys.stderr.isatty()

    def __call__(self, stage: str, fraction: float) -> None:
        if self._shown:
            click.echo(f"\r{self._name}: {fraction:4.0%} {stage:<16}", err=True, nl=False)

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._shown:
            click.echo(f"\r{'':{len(self._name) + 24}}\r", err=True, nl=False)


if __name__ == "__main__":
    main()
