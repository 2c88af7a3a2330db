"""The worker's moving mesh as an object with shape keys."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from onet_core.engine.client import Answer

from ..morph.baking import fade
from ..scene import scene_io
from ..scene.known import object_now, scene_of
from ..scene.meshes import MeshArrays, discard, mesh_in_pieces
from ..scene.pieces import Pieces, in_background
from ..scene.sources import remember_source
from .reading import Request


def place_in_pieces(
    context: bpy.types.Context, request: Request, answer: Answer, smooth: bool
) -> Pieces[bpy.types.Object]:
    """A new object, selected and active, whose shape keys play the frames.

    Its basis is the reference's mesh. Raises InputError where the scene is gone meanwhile, before
    anything is made.
    """
    scene_of(request.scene, request.known)
    frames: list[int] = answer.values["frames"]
    reference = frames.index(request.params["reference"])
    being_turned = in_background(lambda: _turned(request, answer))
    yield being_turned
    rest, steps, faces = being_turned.result()
    colours = answer.arrays.get("colours")
    mesh = yield from mesh_in_pieces(
        request.name, lambda: MeshArrays.of(rest, faces, colours), smooth
    )
    try:
        made = bpy.data.objects.new(request.name, mesh)
        made.shape_key_add(name="Basis")
        blocks: list[bpy.types.ShapeKey | None] = []
        for number, frame in enumerate(frames):
            if number == reference:
                blocks.append(None)
                continue
            block = made.shape_key_add(name=f"Frame {frame}", from_mix=False)
            block.data.foreach_set("co", (rest + steps[number]).astype(np.float32).ravel())
            blocks.append(block)
            yield None
        fade(made, blocks, frames)
        scene = scene_of(request.scene, request.known)
    except BaseException:
        discard([mesh])  # and the object with it
        raise
    layer = context.view_layer if context.scene == scene else scene.view_layers[0]
    scene_io.put_into_scene(made, request.matrix.copy(), scene, layer)
    kept = made.onet
    kept.model, kept.source = answer.values["model"], request.source
    remember_source(made, object_now(request.source, request.known))
    return made


def _turned(
    request: Request, answer: Answer
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """Vertices (V, 3) at rest, how they move (T, V, 3), and faces, in the new object's space."""
    there = scene_io.transformed(answer.arrays["vertices"], request.turn)
    rest = scene_io.into_object_space(there, request.matrix)
    linear = np.linalg.inv(np.array(request.matrix, np.float64)[:3, :3]) @ request.turn[:3, :3]
    faces = answer.arrays["faces"]
    if request.matrix.determinant() < 0:
        faces = faces[:, ::-1]
    return rest, answer.arrays["moves"] @ linear.T, faces
