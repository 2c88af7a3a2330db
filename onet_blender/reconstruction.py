"""What the operators do, as plain functions: request -> worker -> new object.

A `Request` is prepared on the main thread from datablocks, computed by the worker, and turned into
an object by `place`. Nothing in the scene changes before the worker's answer has arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from onet_core.engine.client import Answer, Job, Progress
from onet_core.engine.protocol import Arrays
from onet_core.errors import InputError

from . import engine_session, scene_io
from .preferences import runtime
from .properties import NETWORK_KINDS


@dataclass(frozen=True)
class Request:
    """One call of the worker and where its mesh will go.

    matrix: world transform of the new object; overlays: the mesh arrives in world coordinates and
    belongs into that object's space (else it arrives in the object's own); stands: lift the mesh so
    that it stands on the object's origin plane; replaces: name of an object whose mesh is replaced.
    """

    method: str
    params: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)
    name: str = "ONet"
    source: str = ""
    matrix: Matrix = field(default_factory=Matrix)
    overlays: bool = False
    stands: bool = False
    replaces: str = ""


def options(
    model: str = "AUTO",
    *,
    resolution: int = 128,
    refinement_steps: int = 0,
    faces: int = 0,
    threshold: float = 0.0,
    device: str = "",
) -> dict[str, Any]:
    """The parameters that all requests share.

    model: a name or file, AUTO for the one that suits; faces, threshold: 0 for as many as there are
    and for the model's own; device: empty for the preferences' choice.
    """
    chosen = runtime()
    settings: dict[str, Any] = {
        "resolution": resolution,
        "refinement_steps": refinement_steps,
        "normals": False,
    }
    if faces:
        settings["faces"] = faces
    if threshold:
        settings["threshold"] = threshold
    return {
        "model": "" if model in ("", "AUTO") else model,
        "settings": settings,
        "device": device or chosen.device,
        "folders": [str(folder) for folder in chosen.folders],
    }


def request_from_object(
    item: bpy.types.Object, kind: str, depsgraph: bpy.types.Depsgraph, params: Mapping[str, Any]
) -> Request:
    """A mesh over an object: kind POINTS (its vertices or points) or VOXELS (its faces).

    Raises InputError for objects without them, or flattened by their scale.
    """
    matrix = item.matrix_world.copy()
    if kind == "POINTS":
        arrays: Arrays = {"points": scene_io.world_points(item, depsgraph)}
        scene_io.into_object_space(arrays["points"][:1], matrix)
    elif kind == "VOXELS":
        vertices, triangles = scene_io.world_triangles(item, depsgraph)
        arrays = {"vertices": vertices, "faces": triangles}
        scene_io.into_object_space(vertices[:1], matrix)
    else:
        raise InputError("A picture was asked for, but an object was given.")
    return Request(
        "reconstruct",
        {**params, "kind": NETWORK_KINDS[kind], "name": item.name, "up_axis": "z"},
        arrays,
        name=f"{item.name} (ONet)",
        source=item.name,
        matrix=matrix,
        overlays=True,
    )


def request_from_picture(
    image: bpy.types.Image, location: Vector, params: Mapping[str, Any]
) -> Request:
    """A mesh of unit size that stands at a place in the world; InputError without pixels."""
    return Request(
        "reconstruct",
        {**params, "kind": "image", "name": image.name},
        {"pixels": scene_io.picture_pixels(image)},
        name=f"{Path(image.name).stem} (ONet)",
        source=image.name,
        matrix=Matrix.Translation(location),
        stands=True,
    )


def request_from_seed(
    seed: int,
    other_seed: int,
    factor: float,
    location: Vector,
    params: Mapping[str, Any],
    replaces: str = "",
) -> Request:
    """A new shape, between those of two seeds; replaces: an object to give it to, if it exists."""
    blend = f" {factor:.2f} {other_seed}" if factor else ""
    return Request(
        "generate",
        {**params, "seed": seed, "other_seed": other_seed, "factor": factor},
        name=f"ONet {seed}{blend}",
        source=f"seed {seed}{blend}",
        matrix=Matrix.Translation(location),
        stands=True,
        replaces=replaces,
    )


def start(request: Request) -> Job:
    """Hands the request to the worker; raises OnetError where there is none to be had."""
    return engine_session.client(runtime()).start(request.method, request.params, request.arrays)


def compute(request: Request, on_progress: Progress | None = None) -> Answer:
    """Waits for the worker's answer; raises its error."""
    return start(request).result(on_progress)


def place(context: bpy.types.Context, request: Request, answer: Answer) -> bpy.types.Object:
    """Makes the answer a selected, active object; InputError comes before any change."""
    vertices, faces = answer.arrays["vertices"], answer.arrays["faces"]
    if request.overlays:
        vertices = scene_io.into_object_space(vertices, request.matrix)
        if request.matrix.determinant() < 0:
            faces = faces[:, ::-1]  # a mirrored object shows its faces mirrored back
    if request.stands:
        vertices = vertices - np.array([0, 0, vertices[:, 2].min()])
    mesh = scene_io.make_mesh(request.name, vertices, faces, answer.arrays.get("colours"))
    target = bpy.data.objects.get(request.replaces) if request.replaces else None
    if target is not None and target.type == "MESH" and target.onet.model:
        old, target.data = target.data, mesh
        if old.users == 0:
            bpy.data.meshes.remove(old)
        made = target
    else:
        made = scene_io.add_object(context, request.name, mesh, request.matrix)
    made.onet.model = answer.values["model"]
    made.onet.source = request.source
    return made


def summary(made: bpy.types.Object, answer: Answer) -> str:
    """One line for the user about what was made."""
    seconds = sum(answer.values["seconds"].values())
    return (
        f"{made.name}: {len(made.data.polygons):,} faces in {seconds:.1f} s "
        f"with the model {answer.values['model']!r}"
    )
