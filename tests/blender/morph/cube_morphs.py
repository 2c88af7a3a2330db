"""Morphs between cubes of known sizes."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from onet_blender.morph import baking
from onet_blender.scene import scene_io
from onet_core.pipeline.morphing import between

RESOLUTION = 32
TOLERANCE = 0.02
# Seeds whose cubes differ in size.
SEEDS = (3, 8)


def generate(model: Path, *seeds: int) -> list[bpy.types.Object]:
    made = []
    for seed in seeds:
        bpy.ops.onet.generate(seed=seed, count=1, model=str(model), resolution=16)
        made.append(bpy.context.active_object)
    for item in made:
        item.select_set(True)
    return made


def latent(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(2).astype(np.float32)


def half_at(value: float) -> float:
    """Half the edge of the cube that the slider's value means."""
    return 0.05 * (5 + between(latent(SEEDS[0]), latent(SEEDS[1]), value)[0])


def vertices_of(item: bpy.types.Object) -> np.ndarray:
    return scene_io.column(item.data.vertices, "co", 3, np.float32)


def assert_is_cube(vertices: np.ndarray, half: float) -> None:
    """It stands on the floor, in the middle of x and y."""
    np.testing.assert_allclose(vertices.min(0), [-half, -half, 0], atol=TOLERANCE)
    np.testing.assert_allclose(vertices.max(0), [half, half, 2 * half], atol=2 * TOLERANCE)


def keyframed(item: bpy.types.Object) -> None:
    """The slider goes from 0 in frame 1 to 1 in frame 11, evenly."""
    for frame, value in ((1, 0.0), (11, 1.0)):
        item.onet.morph.value = value
        item.keyframe_insert("onet.morph.value", frame=frame)
    for curve in baking.curves_of(item):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"
