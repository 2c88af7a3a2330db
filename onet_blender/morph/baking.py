"""Morphs as ordinary Blender data, which play where this extension is not installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from onet_core.engine.client import Answer, Job

from .. import engine_session, reconstruction, scene_io
from ..generation import split_meshes
from ..runtime import runtime
from .codes import code_of

VALUE_PATH = "onet.morph.value"


def start(item: bpy.types.Object, values: Sequence[float], shared: bool) -> Job:
    """Hands the values to the worker, see `methods.morph_sequence`; raises OnetError."""
    kept = item.onet
    params = reconstruction.options(
        kept.chosen_model, resolution=kept.resolution, threshold=kept.threshold
    )
    params |= {"positions": list(values), "shared": shared}
    codes = np.stack([code_of(stop.code) for stop in kept.morph.stops])
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
) -> bpy.types.Object:
    """One object with a shape key for each frame; from frame to frame they fade over."""
    steps = answer.arrays["vertices"]
    lowest = steps[:, :, 2].min(1)
    steps = steps - np.stack([0 * lowest, 0 * lowest, lowest], axis=1)[:, None]
    made = _add(f"{item.name} (baked)", steps[0], answer.arrays["faces"], item, scene, view_layer)
    for frame, vertices in zip(frames, steps, strict=True):
        key = made.shape_key_add(name="Basis" if frame == frames[0] else f"Frame {frame}")
        key.data.foreach_set("co", vertices.ravel())
    blocks = made.data.shape_keys.key_blocks
    # Of two neighbours one goes from 1 to 0 while the other comes; the basis is what is left.
    for number in range(1, len(frames)):
        for other, value in ((number - 1, 0.0), (number, 1.0), (number + 1, 0.0)):
            if other < len(frames):
                blocks[number].value = value
                blocks[number].keyframe_insert("value", frame=frames[other])
    if len(frames) > 1:
        for curve in curves_of(made.data.shape_keys):
            for point in curve.keyframe_points:
                point.interpolation = "LINEAR"
    return made


def place_meshes(
    item: bpy.types.Object,
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
    frames: Sequence[int],
    answer: Answer,
) -> list[bpy.types.Object]:
    """One object for each frame, seen from its own frame until that of the next."""
    made = []
    for number, (frame, (vertices, faces)) in enumerate(
        zip(frames, split_meshes(answer), strict=True)
    ):
        if not len(faces):
            continue
        name = f"{item.name} {frame}"
        one = _add(name, scene_io.on_floor(vertices), faces, item, scene, view_layer)
        if number > 0:
            _show_from(one, frames[0] - 1, False)
        _show_from(one, frame if number > 0 else frames[0] - 1, True)
        if number + 1 < len(frames):
            _show_from(one, frames[number + 1], False)
        made.append(one)
    for one in made:
        one.select_set(True, view_layer=view_layer)
    scene.frame_set(scene.frame_current)  # so that only the one of this frame is seen
    return made


def _add(
    name: str,
    vertices: NDArray[Any],
    faces: NDArray[Any],
    item: bpy.types.Object,
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
) -> bpy.types.Object:
    mesh = scene_io.make_mesh(name, vertices, faces, smooth=item.onet.smooth)
    for material in item.data.materials:
        mesh.materials.append(material)
    return scene_io.add_object(name, mesh, item.matrix_world.copy(), scene, view_layer)


def _show_from(item: bpy.types.Object, frame: int, visible: bool) -> None:
    for path in ("hide_viewport", "hide_render"):
        setattr(item, path, not visible)
        item.keyframe_insert(path, frame=frame)
