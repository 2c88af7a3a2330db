"""Morphs baked to shape keys and meshes, against cubes of known sizes."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from cube_morphs import (
    TOLERANCE,
    assert_is_cube,
    generate,
    half_at,
    keyframed,
    vertices_of,
)

from onet_blender.morph import baking
from onet_blender.runtime import engine_session
from onet_blender.scene import scene_io

# Baking


def test_baked_shape_keys_play_without_the_extension(morph: bpy.types.Object) -> None:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 11
    assert bpy.ops.onet.bake_morph(form="SHAPE_KEYS", steps=3) == {"FINISHED"}
    baked = bpy.context.active_object
    assert baked != morph
    assert morph.hide_render
    assert morph.hide_get()
    assert baked.onet.kind == ""
    keys = [key.name for key in baked.data.shape_keys.key_blocks]
    assert keys == ["Basis", "Frame 6", "Frame 11"]
    engine_session.close()
    bpy.data.objects.remove(morph)
    for frame, value in ((1, 0.0), (6, 0.5), (11, 1.0)):
        scene.frame_set(frame)
        points = scene_io.read_cloud(baked, bpy.context.evaluated_depsgraph_get())().points
        assert_is_cube(points - np.array(baked.location), half_at(value))
    # Halfway between two frames that were baked lies the mean of both.
    scene.frame_set(3, subframe=0.5)
    points = scene_io.read_cloud(baked, bpy.context.evaluated_depsgraph_get())().points
    mean = (half_at(0) + half_at(0.5)) / 2
    np.testing.assert_allclose(np.ptp(points[:, 0]) / 2, mean, atol=TOLERANCE)


def test_baked_meshes_are_seen_one_after_the_other(morph: bpy.types.Object) -> None:
    keyframed(morph)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 11
    morph.onet.morph.form, morph.onet.morph.steps = "MESHES", 3  # as chosen in the panel
    assert bpy.ops.onet.bake_morph() == {"FINISHED"}
    made = {item.name: item for item in bpy.data.objects if item.name.startswith("ONet Morph ")}
    assert sorted(made) == ["ONet Morph 1", "ONet Morph 11", "ONet Morph 6"]
    for frame, value in ((1, 0.0), (4, 0.0), (6, 0.5), (10, 0.5), (11, 1.0), (20, 1.0)):
        scene.frame_set(frame)
        (seen,) = [item for item in made.values() if not item.hide_render]
        assert not seen.hide_viewport
        assert_is_cube(vertices_of(seen), half_at(value))


def test_baking_follows_the_keyframes(morph: bpy.types.Object) -> None:
    assert baking.values_at(morph, [1, 6, 11]) == [0, 0.5, 1]
    keyframed(morph)
    assert baking.values_at(morph, [1, 3, 20]) == pytest.approx([0, 0.2, 1])
    assert baking.bake_frames(1, 250, 4) == [1, 84, 167, 250]
    assert baking.bake_frames(1, 3, 50) == [1, 2, 3]


def test_shape_keys_are_not_destroyed(morph: bpy.types.Object) -> None:
    morph.shape_key_add(name="Basis")
    before = vertices_of(morph)
    morph.onet.morph.value = 0.5
    np.testing.assert_array_equal(vertices_of(morph), before)
    with pytest.raises(RuntimeError, match="has shape keys"):
        bpy.ops.onet.update_morph()


def test_only_morphs_are_baked(sized: Path) -> None:
    generate(sized, 1)
    assert not bpy.ops.onet.bake_morph.poll()
    assert not bpy.ops.onet.update_morph.poll()
