"""New shapes as plain functions: seeds -> worker -> a grid of objects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from onet_core.engine.client import Answer, Job
from onet_core.sentences import Sentence

from ..morph.codes import code_text
from ..properties import stored_models
from ..properties.generate import SPACING
from ..properties.mesh_settings import OF_SAMPLES
from ..runtime import engine_session
from ..runtime.chosen import runtime
from . import handwork, scene_io
from .free_place import beside
from .known import scene_of
from .meshes import discard, mesh_in_pieces, standing
from .pieces import Pieces


def start(seeds: Sequence[int], params: Mapping[str, Any]) -> Job:
    """Hands the seeds to the worker; params: see `reconstruction.options`."""
    asked = {**params, "seeds": list(seeds)}
    return engine_session.client(runtime()).start("sample", asked)


def start_thumbnails(seeds: Sequence[int], params: Mapping[str, Any], pixels: int) -> Job:
    """Asks the worker for pictures of shapes, `pixels` wide."""
    asked = {**params, "seeds": list(seeds), "pixels": pixels}
    return engine_session.client(runtime()).start("thumbnails", asked)


def grid_places(count: int, spacing: float) -> list[Vector]:
    """Where `count` objects stand, in rows along x that follow each other along y, as a square."""
    columns = math.ceil(math.sqrt(count))
    return [
        Vector((number % columns * spacing, number // columns * spacing, 0))
        for number in range(count)
    ]


def replaceable(item: bpy.types.Object | None) -> bpy.types.Object | None:
    """The object if it was generated and its mesh may be replaced, else None."""
    if item is None or item.type != "MESH" or item.onet.kind != "NONE":
        return None
    return item if scene_io.is_ours(item) else None


def place_in_pieces(
    context: bpy.types.Context,
    scene_name: str,
    seeds: Sequence[int],
    answer: Answer,
    params: Mapping[str, Any],
    choices: Mapping[str, Any],
    spacing: float = SPACING,
    replaces: str = "",
) -> Pieces[list[bpy.types.Object]]:
    """Makes each shape an object, from the 3D cursor on; all are selected, the first is active.

    Seeds without a surface leave their place empty. choices: settings that the objects keep.
    replaces: name of a generated object that gets the first shape. Raises InputError where the
    scene is gone or of another file.
    """
    scene_of(scene_name)
    shapes = [
        (seed, where, latent, shape)
        for seed, where, latent, shape in zip(
            seeds,
            grid_places(len(seeds), spacing),
            answer.arrays["latents"],
            split_meshes(answer),
            strict=True,
        )
        if len(shape[1])
    ]
    smooth, title = choices.get("shade_smooth", True), title_of(answer.values["model"])
    meshes: list[bpy.types.Mesh] = []
    try:
        for seed, _, _, shape in shapes:
            compute = partial(standing, *shape)
            meshes.append((yield from mesh_in_pieces(f"{title} {seed}", compute, smooth)))
        scene = scene_of(scene_name)
    except BaseException:
        discard(meshes)
        raise
    view_layer = context.view_layer if context.scene == scene else scene.view_layers[0]
    old = replaceable(bpy.data.objects.get(replaces)) if replaces else None
    origin = scene.cursor.location.copy()
    if old is None:
        standing_at = [(where, shape[0]) for _, where, _, shape in shapes]
        origin += _room_for(standing_at, origin, view_layer)
    made: list[bpy.types.Object] = []
    for (seed, where, latent, _), mesh in zip(shapes, meshes, strict=True):
        if old is not None:
            scene_io.replace_mesh(old, mesh)
            item, old = old, None
        else:
            matrix = Matrix.Translation(origin + where)
            item = scene_io.add_object(f"{title} {seed}", mesh, matrix, scene, view_layer)
        kept = item.onet
        kept.kind, kept.model = "NONE", answer.values["model"]
        kept.chosen_model, kept.source = params["model"], f"seed {seed}"
        stored_models.remember(kept.chosen_model)
        kept.code = code_text(latent)
        for key in OF_SAMPLES:
            if key in choices:
                setattr(kept, key, choices[key])
        handwork.note(item)
        made.append(item)
    for item in made:
        item.select_set(True, view_layer=view_layer)
    view_layer.objects.active = made[0]
    return made


def title_of(model: str) -> str:
    """What a model's shapes are called: "car" makes Car 3."""
    return model.replace("_", " ").replace("-", " ").capitalize()


def _room_for(
    shapes: Sequence[tuple[Vector, NDArray[Any]]], origin: Vector, layer: bpy.types.ViewLayer
) -> Vector:
    """How far shapes have to move to lie in nothing else.

    shapes: of each a place, from an origin, and vertices (V, 3), which stand on the floor there.
    """
    lows, highs = [], []
    for where, vertices in shapes:
        # Axis by axis NumPy is ten times as fast.
        low = np.array([column.min() for column in vertices.T])
        high = np.array([column.max() for column in vertices.T])
        base = np.array(origin + where) - [0, 0, low[2]]
        lows.append(low + base)
        highs.append(high + base)
    return beside(layer, np.min(lows, axis=0), np.max(highs, axis=0))


def split_meshes(answer: Answer) -> list[tuple[Any, Any]]:
    """Vertices (V, 3) and faces (F, 3) of each of the shapes that came together."""
    vertices = np.split(answer.arrays["vertices"], np.cumsum(answer.values["vertex_counts"])[:-1])
    faces = np.split(answer.arrays["faces"], np.cumsum(answer.values["face_counts"])[:-1])
    return list(zip(vertices, faces, strict=True))


def summary(made: Sequence[bpy.types.Object], asked: int, answer: Answer) -> Sentence:
    """The report on the shapes that were made."""
    seconds = sum(answer.values["seconds"].values())
    faces = sum(len(item.data.polygons) for item in made)
    model = answer.values["model"]
    if len(made) == 1:
        name = made[0].name
        message = Sentence(
            "{name}: {faces:,} faces in {seconds:.1f} s with the model {model!r}",
            name=name,
            faces=faces,
            seconds=seconds,
            model=model,
        )
    else:
        count = len(made)
        message = Sentence(
            "{count} shapes: {faces:,} faces in {seconds:.1f} s with the model {model!r}",
            count=count,
            faces=faces,
            seconds=seconds,
            model=model,
        )
    missing = asked - len(made)
    if not missing:
        return message
    return Sentence(
        "{message}. {missing} of the seeds have no surface and were left out",
        message=message,
        missing=missing,
    )
