"""Between messages and the pipeline: what the worker's methods unpack and pack."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..mesh.mesh import Mesh
from ..pipeline.sequence import Shapes
from ..sentences import Sentence
from ..settings import Settings
from .protocol import Arrays

if TYPE_CHECKING:
    from ..inputs.observation import Normals
    from ..inputs.volumes import VoxelGrid
    from ..pipeline.job import Job
    from ..pipeline.reconstructor import Reconstruction

Params = Mapping[str, Any]
Report = Callable[[str, float], None]
Answer = tuple[dict[str, Any], Arrays]


def folders_of(params: Params) -> list[Path]:
    return [Path(folder) for folder in params.get("folders", [])]


def settings_of(params: Params) -> Settings:
    return Settings.of(params.get("settings", {}))


def job_of(params: Params, arrays: Arrays) -> Job:
    """The job of a message.

    params: kind (image, points, voxels, auto), path (absolute) or arrays (`points` (N, 3);
    `vertices` (V, 3) and `faces` (F, 3) to voxelise; `voxels` (X, Y, Z); `pixels` (H, W, 3 or 4),
    first row on top, and a `mask` (H, W); each may be the bytes of a file instead, `pixels_file`
    and `mask_file` (N,), see `decode_picture`), up_axis, mask (a file), model ("" for the default),
    folders, device, settings (fields of `Settings`), name; for voxels also origin (3,), the lower
    corner of the first cell, and pitch, the edge of a cell, which are else chosen to fill the unit
    cube; fit: a share of the size; cut_out_file, save_mask: see `Job`. The array `colours`,
    (N, 3) of the points or (F, 3, 3) of the triangles' corners, gives the mesh colours;
    `normals` (N, 3) are those of points, where they are known exactly; `stated_normals` (N, 3)
    those that a file had, `sights` (N, 3) lead from the points to the scanners that saw them.
    """
    from ..pipeline.job import Job

    name = str(params.get("name", ""))
    job = Job(
        kind=params.get("kind", "auto"),
        up_axis=params.get("up_axis"),
        mask=Path(params["mask"]) if params.get("mask") else arrays.get("mask"),
        name=name,
        colours=arrays.get("colours"),
        normals=_normals(arrays),
        save_mask=Path(params["save_mask"]) if params.get("save_mask") else None,
        cut_out_file=Path(params["cut_out_file"]) if params.get("cut_out_file") else None,
        fit_within=float(params["fit"]) if "fit" in params else None,
        model=params.get("model", ""),
        folders=folders_of(params),
        device=params.get("device", "auto"),
        settings=settings_of(params),
    )
    if "path" in params:
        path = Path(params["path"])
        if not path.is_absolute():
            raise InputError("{path} is a relative path: give all of it.", path=path)
        return dataclasses.replace(job, path=path)
    if "points" in arrays:
        return dataclasses.replace(job, points=arrays["points"])
    if "vertices" in arrays and "faces" in arrays:
        return dataclasses.replace(job, mesh=mesh_of(arrays, name))
    if "voxels" in arrays:
        return dataclasses.replace(job, voxels=_grid(params, arrays, name))
    return _with_picture(job, arrays)


def _normals(arrays: Arrays) -> Normals | None:
    from ..inputs.observation import Normals

    if "normals" in arrays:
        return Normals(arrays["normals"], is_exact=True)
    if "sights" in arrays:
        return Normals(np.asarray(arrays["sights"], dtype=np.float64), are_sights=True)
    if "stated_normals" in arrays:
        return Normals(np.asarray(arrays["stated_normals"], dtype=np.float64))
    return None


def _grid(params: Params, arrays: Arrays, name: str) -> VoxelGrid:
    from ..inputs.volumes import VoxelGrid

    grid = VoxelGrid.of_array(arrays["voxels"], name)
    if "origin" not in params or "pitch" not in params:
        return grid
    origin = np.asarray(params["origin"], dtype=np.float64)
    return dataclasses.replace(grid, origin=origin, pitch=float(params["pitch"]))


def _with_picture(job: Job, arrays: Arrays) -> Job:
    """The job with the pixels and the mask that were sent, as arrays or as the bytes of files."""
    from ..inputs.pictures import decode_picture, mask_of_pixels, turned_like

    pixels, mask = arrays.get("pixels"), job.mask
    if "pixels_file" in arrays:
        pixels = decode_picture(arrays["pixels_file"], job.name)
    if "mask_file" in arrays:
        content = decode_picture(arrays["mask_file"], f"The mask of {job.name}")
        mask = mask_of_pixels(content)
    elif isinstance(mask, np.ndarray) and "pixels_file" in arrays:
        # It was painted over the picture as Blender shows it.
        mask = turned_like(mask, arrays["pixels_file"])
    return dataclasses.replace(job, pixels=pixels, mask=mask)


def mesh_of(arrays: Arrays, name: str) -> Mesh:
    """The given mesh; raises InputError where its arrays do not belong together."""
    vertices, faces = arrays["vertices"], arrays["faces"]
    fits = (
        vertices.ndim == 2
        and vertices.shape[1] == 3
        and faces.ndim == 2
        and faces.shape[1] == 3
        and faces.dtype.kind in "iu"
    )
    if not fits or (faces.size and not 0 <= faces.min() <= faces.max() < len(vertices)):
        raise InputError(
            "{name} has faces that point at vertices that it does not have.",
            name=name or Sentence("The mesh"),
        )
    return Mesh(vertices, faces)


def answer_of(made: Reconstruction) -> Answer:
    info = {
        "seconds": made.seconds,
        "evaluations": made.evaluations,
        "model": made.model,
        "matrix": made.frame.matrix.tolist(),
        "up_axis": made.frame.up_axis,
        "mirrored": made.is_mirrored,
        "view": None if made.view is None else dataclasses.asdict(made.view),
    }
    arrays: Arrays = {
        "vertices": made.mesh.vertices,
        "faces": np.asarray(made.mesh.faces, dtype=np.int32),
    }
    if made.mesh.normals is not None:
        arrays["normals"] = made.mesh.normals
    if made.mesh.colours is not None:
        arrays["colours"] = made.mesh.colours
    if made.code is not None:
        arrays["code"] = made.code
    return info, arrays


def figures_of_shapes(shapes: Shapes) -> dict[str, Any]:
    return {
        "seconds": shapes.seconds,
        "evaluations": shapes.evaluations,
        "model": shapes.model,
        "vertex_counts": [len(mesh.vertices) for mesh in shapes.meshes],
        "face_counts": [len(mesh.faces) for mesh in shapes.meshes],
    }


def joined_meshes(meshes: Sequence[Mesh]) -> Arrays:
    return {
        "vertices": np.concatenate([mesh.vertices for mesh in meshes]).astype(np.float32),
        "faces": np.concatenate([mesh.faces for mesh in meshes]).astype(np.int32),
    }
