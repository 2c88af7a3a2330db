"""Morphs as ordinary Blender data, which play where this extension is not installed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from onet_core.engine.client import Answer, Job

from ..properties.stored_models import stored_model
from ..runtime import engine_session
from ..runtime.chosen import runtime
from ..scene import reconstruction, scene_io
from ..scene.generation import split_meshes
from ..scene.meshes import MeshArrays, discard, mesh_in_pieces, standing
from ..scene.pieces import Pieces, in_background
from .codes import stacked

VALUE_PATH = "onet.morph.value"


def start(item: bpy.types.Object, values: Sequence[float], shared: bool) -> Job:
    """Hands the values to the worker, see `methods.morph_sequence`; raises OnetError."""
    kept = item.onet
    choices = {"resolution": kept.resolution, "threshold": kept.threshold}
    params = reconstruction.options(stored_model(kept.chosen_model), choices)
    params |= {"positions": list(values), "shared": shared}
    codes = stacked([stop.code for stop in kept.morph.stops])
    return engine_session.client(runtime()).start("morph_sequence", params, {"codes": codes})


def bake_frames(start: int, end: int, steps: int) -> list[int]:
    """At most `steps` whole frames from start to end, both included, evenly apart."""
    return sorted({round(frame) for frame in np.linspace(start, end, steps)})


def values_at(item: bpy.types.Object, frames: Sequence[int]) -> list[float]:
    """The slider at frames: as it is keyframed, else going from 0 to 1 once."""
    data = item.animation_data
    curves = [] if data is None or data.action is None else curves_of(item)
    curve = next((curve for curve in curves if curve.data_path == VALUE_PATH), None)
    if curve is not None:
        return [min(1.0, max(0.0, curve.evaluate(frame))) for frame in frames]
    return [(frame - frames[0]) / max(1, frames[-1] - frames[0]) for frame in frames]


def curves_of(owner: Any) -> list[bpy.types.FCurve]:
    """The animation curves of a datablock that has an action."""
    data = owner.animation_data
    if bpy.app.version < (4, 4):
        return list(data.action.fcurves)
    # Since 4.4 an action holds the curves of several owners, each in a slot.
    return [
        curve
        for layer in data.action.layers
        for strip in layer.strips
        for bag in [strip.channelbag(data.action_slot)]
        if bag is not None
        for curve in bag.fcurves
    ]


def place_shape_keys(
    item: bpy.types.Object,
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
    frames: Sequence[int],
    answer: Answer,
) -> Pieces[list[bpy.types.Object]]:
    """One object with a shape key for each frame; from frame to frame they fade over."""
    name = f"{item.name} (baked)"
    made = yield from object_with_keys(name, frames, answer, item.onet.shade_smooth)
    _show(made, item, scene, view_layer)
    return [made]


def object_with_keys(
    name: str, frames: Sequence[int], answer: Answer, smooth: bool = True
) -> Pieces[bpy.types.Object]:
    """The shapes of a `morph_sequence` that share their faces, as one object in no scene yet."""
    lowered = in_background(lambda: _on_floor_each(answer.arrays["vertices"]))
    yield lowered
    steps = lowered.result()
    compute = partial(MeshArrays.of, steps[0], answer.arrays["faces"])
    mesh = yield from mesh_in_pieces(name, compute, smooth)
    made = bpy.data.objects.new(name, mesh)
    try:
        for frame, vertices in zip(frames, steps, strict=True):
            made.shape_key_add(name="Basis" if frame == frames[0] else f"Frame {frame}")
            yield None
            made.data.shape_keys.key_blocks[-1].data.foreach_set("co", vertices.ravel())
            yield None
        fade(made, [None, *made.data.shape_keys.key_blocks[1:]], frames)
    except BaseException:
        discard([mesh])  # and the object with it
        raise
    return made


def _on_floor_each(steps: NDArray[Any]) -> NDArray[np.float32]:
    """Vertices (N, V, 3) of which each step stands on the plane z = 0."""
    lowered = np.array(steps, dtype=np.float32)
    lowered[:, :, 2] -= lowered[:, :, 2].min(1)[:, None]
    return lowered


def fade(
    made: bpy.types.Object,
    blocks: Sequence[bpy.types.ShapeKey | None],
    frames: Sequence[int],
) -> None:
    """Keys that have one shape key after the other come and go.

    blocks: one for each frame; None for the basis, which is what is left where none is seen.
    """
    # Of two neighbours one goes from 1 to 0 while the other comes.
    for number, block in enumerate(blocks):
        if block is None:
            continue
        for other, value in ((number - 1, 0.0), (number, 1.0), (number + 1, 0.0)):
            if 0 <= other < len(frames):
                block.value = value
                block.keyframe_insert("value", frame=frames[other])
    if len(frames) > 1:
        for curve in curves_of(made.data.shape_keys):
            for point in curve.keyframe_points:
                point.interpolation = "LINEAR"


def place_meshes(
    item: bpy.types.Object,
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
    frames: Sequence[int],
    answer: Answer,
) -> Pieces[list[bpy.types.Object]]:
    """One object for each frame, seen from its own frame until that of the next."""
    meshes: dict[int, bpy.types.Mesh] = {}
    try:
        for number, (frame, shape) in enumerate(zip(frames, split_meshes(answer), strict=True)):
            if len(shape[1]):
                compute, name = partial(standing, *shape), f"{item.name} {frame}"
                meshes[number] = yield from mesh_in_pieces(name, compute, item.onet.shade_smooth)
    except BaseException:
        discard(list(meshes.values()))
        raise
    made = []
    for number, mesh in meshes.items():
        one = bpy.data.objects.new(f"{item.name} {frames[number]}", mesh)
        if number > 0:
            _show_from(one, frames[0] - 1, False)
        _show_from(one, frames[number] if number > 0 else frames[0] - 1, True)
        if number + 1 < len(frames):
            _show_from(one, frames[number + 1], False)
        _show(one, item, scene, view_layer)
        made.append(one)
    for one in made:
        one.select_set(True, view_layer=view_layer)
    scene.frame_set(scene.frame_current)  # so that only the one of this frame is seen
    return made


def _show(
    made: bpy.types.Object,
    item: bpy.types.Object,
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
) -> None:
    """Puts a new object where the morph is, with its materials."""
    for material in item.data.materials:
        made.data.materials.append(material)
    scene_io.put_into_scene(made, item.matrix_world.copy(), scene, view_layer)


def _show_from(item: bpy.types.Object, frame: int, visible: bool) -> None:
    for path in ("hide_viewport", "hide_render"):
        setattr(item, path, not visible)
        item.keyframe_insert(path, frame=frame)
