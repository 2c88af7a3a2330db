"""One reconstruction from the input to the report, the same for every front end.

The shell, the worker behind Blender and Python all describe what they want as a `Job` and call
`run`: read -> remove outliers -> observe -> reconstruct -> colours -> findings. torch is imported
only where a network is asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, OnetError
from ..inputs.content import unseen_points
from ..inputs.load import no_mask, read_input
from ..inputs.observation import Normals, Observation
from ..kinds import INPUT_NAMES, format_of
from ..matting import place
from ..mesh.mesh import Mesh
from ..models.catalogue import ModelEntry, default_model, find_model
from ..sentences import Sentence
from ..settings import Settings
from .findings import Findings

if TYPE_CHECKING:
    from ..inputs.pictures import Cutter
    from ..inputs.volumes import VoxelGrid
    from .reconstructor import Reconstruction

Progress = Callable[[str, float], None]

IMAGE_SIZE = 224
"""The edge in pixels at which pictures are observed, unless a network wants more."""

FIT_WITHIN = 0.01
"""The share of an input's size within which front ends count points as fitted."""

TOO_FEW_FIT = 0.5
"""Where a smaller share of the points is fitted, the mesh is doubted: of 109 shapes of `val`
of 300 to 3,000 points with a noise of 0.005 two are, a radiator and a spaceship of thin parts."""


@dataclass(frozen=True, eq=False)
class Job:
    """What to make a mesh of, with which model, and how.

    One of `path`, `points`, `mesh`, `voxels` and `pixels` is given:

    path: a file, see `inputs.load`.
    points: (N, 3) in any coordinates.
    mesh: is voxelised.
    voxels: a grid of occupied cells.
    pixels: (H, W, 3 or 4), the first row on top.

    kind: "image", "points", "voxels", or "auto": what the named model reads, else what the file's
        ending and content say.
    up_axis: the input's vertical; None or "auto" for the habit of the file format, z for arrays.
    mask: of a picture: a file, or an array (H, W) that is high where the object is.
    name: of arrays, for messages.
    colours: of points or occupied voxels (N, 3), or of the corners of a mesh's faces (F, 3, 3),
        uint8 sRGB.
    normals: of points: exact ones of samples of a mesh, or those that a file states.
    save_mask: the file, a PNG, to which is written where a picture is taken to show the object; one
        that is there stays.
    cut_out_file: of the network that cuts objects out, see `matting.place`; None for its usual
        place. Where it is not there, a picture without a plain background is taken whole.
    fit_within: the distance, as a share of the input's size, within which points count as fitted;
        None: the fit is not measured, which takes a moment.
    model: a name or a weights file; empty for the default model of the kind.
    folders: where models are looked for beside those that ship.
    device: see `devices.choose_device`.
    settings: how the mesh is made, which points are used, and whether it gets colours.
    notes: what was decided while the input was read.
    """

    path: Path | None = None
    points: NDArray[np.floating] | None = None
    mesh: Mesh | None = None
    voxels: VoxelGrid | None = None
    pixels: NDArray[Any] | None = None
    kind: str = "auto"
    up_axis: str | None = None
    mask: Path | NDArray[Any] | None = None
    name: str = ""
    colours: NDArray[np.uint8] | None = None
    normals: Normals | None = None
    save_mask: Path | None = None
    cut_out_file: Path | None = None
    fit_within: float | None = None
    model: str | Path = ""
    folders: Sequence[Path] = field(default=())
    device: str = "auto"
    settings: Settings = field(default_factory=Settings)
    notes: tuple[Sentence, ...] = ()


@dataclass(frozen=True, eq=False)
class Result:
    """What a job has made.

    made: the mesh, with colours where the input has some, and how it came about.
    findings: what is worth telling about the input.
    seen: what the network saw of a picture, (S, S, 3) uint8, the first row on top; None for others.
    """

    made: Reconstruction
    findings: Findings
    seen: NDArray[np.uint8] | None = None


def run(job: Job, progress: Progress | None = None) -> Result:
    """Makes the mesh of a job's input.

    progress: called with a stage and the fraction done; may raise `Cancelled`.
    Raises InputError for an input that can't be used, ModelError, DeviceError and NoSurfaceError.
    """
    entry = _named_model(job)
    job = read(job, _kind_of(entry))
    job, outliers = without_outliers(job)
    observation = observe(job, _image_size(entry))
    if job.save_mask is not None and observation.mask is not None:
        _write(observation.mask, job.save_mask)
    if progress is not None:
        progress("load", 0.0)
    from .reconstructor import Reconstructor

    model = job.model or default_model(observation.kind, job.folders).path
    reconstructor = Reconstructor(model, job.device, job.folders)
    made = reconstructor.reconstruct(observation, job.settings, progress)
    if job.colours is not None and job.settings.colours:
        made = replace(made, mesh=replace(made.mesh, colours=colours_at(made.mesh, job)))
    if observation.kind == "image" and job.settings.picture_colours:
        made = _with_picture_colours(made, observation, job)
    fit = _fit(job, observation, made.mesh)
    findings = Findings(
        fit=fit,
        within=job.fit_within or 0.0,
        outliers=outliers,
        is_mirrored=made.is_mirrored,
        background=observation.background,
        notes=(*job.notes, *observation.notes, *made.notes),
        doubts=(*observation.doubts, *made.doubts, *_doubts_of(fit)),
    )
    return Result(made, findings, seen_of(observation) if observation.kind == "image" else None)


def _write(mask: NDArray[np.uint8], path: Path) -> None:
    from ..inputs.pictures import write_mask

    try:
        if not path.exists():
            write_mask(mask, path)
    except OSError as error:
        raise OnetError(
            "Could not write {path}: {reason}.", path=path, reason=error.strerror or error
        ) from error


def look(job: Job, edge: int | None = None) -> tuple[Observation, NDArray[np.uint8]]:
    """What a network would see of a job's picture, without asking the network.

    edge: pixels along the picture's side, the network's by default. Returns the observation and
    what it shows, (S, S, 3) uint8. Raises InputError for anything but pictures.
    """
    entry = _named_model(job)
    observation = observe(read(job, _kind_of(entry)), edge or _image_size(entry))
    if observation.kind != "image":
        raise InputError("{name} is not a picture.", name=observation.name or Sentence("The input"))
    return observation, seen_of(observation)


def read(job: Job, wanted: str | None = None) -> Job:
    """The job with the content of its file as arrays, and its kind and vertical known.

    wanted: the kind that the model reads, which decides about files that can be read in more than
    one way. A job of arrays comes back as it is.
    """
    if job.path is None:
        return _without_unseen(job)
    path = job.path
    if job.mask is not None and _kind_by_name(path) != "image":
        raise no_mask(path.name)
    content = read_input(path, (wanted or "auto") if job.kind == "auto" else job.kind)
    job = replace(job, path=None, kind=content.kind, name=path.name, notes=content.notes)
    colours = content.colours if job.settings.colours else None
    if content.pixels is not None:
        from ..inputs.pictures import read_mask

        mask = read_mask(job.mask) if isinstance(job.mask, Path) else job.mask
        return replace(job, pixels=content.pixels, mask=mask)
    if job.up_axis in (None, "auto"):
        job = replace(job, up_axis=content.up_axis)
    if content.grid is not None:
        colours = content.grid.colours if job.settings.colours else None
        return replace(job, voxels=content.grid, colours=colours)
    assert content.points is not None
    if content.faces is None or not content.has_faces:
        normals = None if content.normals is None else Normals(content.normals)
        if content.sights is not None:
            normals = Normals(content.sights, are_sights=True)
        return replace(job, points=content.points, colours=colours, normals=normals)
    painted = None if colours is None else colours[content.faces]
    return replace(job, mesh=Mesh(content.points, content.faces), colours=painted)


def _kind_by_name(path: Path) -> str:
    form = format_of(path)
    return "" if form is None else form.kinds[0]


def _without_unseen(job: Job) -> Job:
    """A job of points without those that a sensor did not see, which is noted."""
    if job.points is None or job.points.ndim != 2:
        return job
    unseen, notes = unseen_points(np.asarray(job.points))
    if not notes or unseen.all():
        return job
    return replace(_kept(job, ~unseen), notes=notes)


def _kept(job: Job, keep: NDArray[np.bool_]) -> Job:
    """The job with those of its points, (N,) true, and what is known of them."""
    assert job.points is not None
    colours = None if job.colours is None else job.colours[keep]
    normals = None if job.normals is None else job.normals.only(keep)
    return replace(job, points=job.points[keep], colours=colours, normals=normals)


def without_outliers(job: Job) -> tuple[Job, int | None]:
    """The job without stray points and their colours, and how many were removed.

    The number is None where the job does not ask for it or has no points.
    """
    if job.points is None or not job.settings.remove_outliers:
        return job, None
    from ..inputs.outliers import stray_points

    stray = stray_points(job.points)
    return _kept(job, ~stray), int(np.count_nonzero(stray))


def observe(job: Job, image_size: int = IMAGE_SIZE) -> Observation:
    """What the network looks at, in its own frame. The job holds arrays, see `read`.

    image_size: edge of an observed picture in pixels. Raises InputError where nothing is given, or
    what is given can't be used.
    """
    up_axis = "z" if job.up_axis in (None, "auto") else str(job.up_axis)
    if job.points is not None:
        from ..inputs.point_clouds import prepare_points

        return prepare_points(job.points, up_axis, job.name, job.normals)
    if job.mesh is not None:
        from ..inputs.voxelise import voxelise_mesh

        return voxelise_mesh(job.mesh, up_axis, job.name)
    if job.voxels is not None:
        from ..inputs.voxels import prepare_voxels

        return prepare_voxels(job.voxels, up_axis, job.name)
    if job.pixels is not None:
        from ..inputs.pictures import prepare_picture, read_mask

        mask = read_mask(job.mask) if isinstance(job.mask, Path) else job.mask
        return prepare_picture(job.pixels, mask, image_size, job.name, cutter_of(job))
    raise InputError("Nothing to reconstruct was given: neither a file nor arrays.")


def cutter_of(job: Job) -> Cutter | None:
    """What finds the object of a picture, None where that is not wanted or its network not here."""
    file = job.cut_out_file or place.network_file()
    if not job.settings.cut_out or not place.is_there(file):
        return None

    def cut(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
        # Only where there is no other way: it brings torch.
        from ..matting.cut_out import object_mask

        return object_mask(colours, file)

    return cut


def colours_at(mesh: Mesh, job: Job) -> NDArray[np.uint8]:
    """The colours (V, 3) that a mesh's vertices get from the nearest places of a job's input."""
    from ..mesh.nearest import colours_from_mesh, colours_from_points

    assert job.colours is not None
    if job.points is not None:
        return colours_from_points(mesh.vertices, job.points, job.colours)
    if job.voxels is not None:
        return colours_from_points(mesh.vertices, job.voxels.centres(), job.colours)
    if job.mesh is None:
        raise InputError("Only points, meshes and voxels can have colours.")
    return colours_from_mesh(mesh.vertices, job.mesh.vertices, job.mesh.faces, job.colours)


def picture_colours(mesh: Mesh, job: Job) -> NDArray[np.uint8]:
    """Colours (V, 3) for a mesh that was made of a job's picture, as it was made, z up.

    Raises InputError where the picture shows nothing to take colours from.
    """
    from ..inputs.background import enlargement, framed_mask
    from ..models.pictures.painting import EDGE
    from ..models.pictures.texture.painted import painted

    observation, seen = look(job, EDGE)
    mask = observation.mask
    if mask is None:
        return painted(mesh, seen)
    shown = framed_mask(mask, len(seen))
    return painted(mesh, seen, shown=shown, enlarged=enlargement(mask, len(seen)))


def _with_picture_colours(
    made: Reconstruction, observation: Observation, job: Job
) -> Reconstruction:
    """Where the picture shows nothing to take colours from the mesh has none, with a note."""
    try:
        # What was cut out once need not be found again.
        colours = picture_colours(made.mesh, replace(job, mask=observation.mask))
    except InputError as error:
        return replace(made, notes=(*made.notes, error.sentence))
    return replace(made, mesh=replace(made.mesh, colours=colours))


def seen_of(observation: Observation) -> NDArray[np.uint8]:
    """A picture as the network gets it, (S, S, 3), the first row on top."""
    return np.rint(observation.data.transpose(1, 2, 0) * 255).astype(np.uint8)


def _fit(job: Job, observation: Observation, mesh: Mesh) -> float | None:
    """The share of the points (0 to 1) that the mesh is as near to as the job says."""
    if job.fit_within is None or observation.kind != "points":
        return None
    from ..mesh.nearest import share_near

    points = observation.frame.to_source(observation.data)
    reach = job.fit_within * observation.frame.scale
    return share_near(points, mesh.vertices, mesh.faces, reach)


def _doubts_of(fit: float | None) -> tuple[Sentence, ...]:
    """Why a mesh is not of its points, by the share of them that it is near to."""
    if fit is None or fit >= TOO_FEW_FIT:
        return ()
    return (
        Sentence(
            "Only {percent} % of the points lie near the mesh, so it may not be what was scanned: "
            "leave one object, without noise",
            percent=math.floor(100 * fit),
        ),
    )


def _named_model(job: Job) -> ModelEntry | None:
    return find_model(job.model, folders=job.folders) if job.model else None


def _kind_of(entry: ModelEntry | None) -> str | None:
    """What a model reads; None where none is named, it reads nothing, or that is not known yet."""
    if (
        entry is None
        or entry.description is None
        or entry.description.input_kind not in INPUT_NAMES
    ):
        return None
    return entry.description.input_kind


def _image_size(entry: ModelEntry | None) -> int:
    """The edge at which a picture is observed; networks for smaller ones reduce it themselves.

    So a model makes the same of a picture whether it is named or the default, and what is seen can
    be shown.
    """
    described = None if entry is None else entry.description
    wanted = 0 if described is None else int(described.inputs.get("image_size", 0))
    return max(IMAGE_SIZE, wanted)
