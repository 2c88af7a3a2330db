"""What runs inside Blender: renders shapes as people photograph things, in a room; see
`photographs`.

It imports nothing of the project, so that any Blender's Python can run it:
`python -P room.py FOLDER` renders FOLDER/NAME.jpg for each FOLDER/NAME.npz (vertices (V, 3), y up
and the front towards -z, faces (F, 3), colours (F, 3) uint8) that has none yet.
"""

from __future__ import annotations

import math
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

PIXELS, SAMPLES = 320, 12
# Degrees above the horizon, millimetres of the lens, and how much of the picture the object fills.
HEIGHTS, LENSES, FILLED = (3, 28), (28, 70), (0.45, 0.7)
FLOORS = ("ShaderNodeTexBrick", "ShaderNodeTexChecker", "ShaderNodeTexNoise", "ShaderNodeTexWave")


def main(folder: Path) -> None:
    """Renders what is missing."""
    for path in sorted(folder.glob("*.npz")):
        target = path.with_suffix(".jpg")
        if not target.exists():
            with np.load(path, allow_pickle=False) as content:
                render(dict(content), target, np.random.default_rng(zlib.crc32(path.stem.encode())))


def render(shape: dict[str, Any], target: Path, rng: np.random.Generator) -> None:
    """One picture of one shape."""
    import bpy
    from mathutils import Vector

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.preferences.addon_enable(module="cycles")
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = SAMPLES, True
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.resolution_x = scene.render.resolution_y = PIXELS
    scene.render.image_settings.file_format = "JPEG"
    scene.render.image_settings.quality = 85
    # From y up to z up, standing on the floor.
    vertices = shape["vertices"].astype(np.float64)[:, [0, 2, 1]] * [1, -1, 1]
    vertices[:, 2] -= vertices[:, 2].min()
    mesh = bpy.data.meshes.new("shape")
    mesh.from_pydata(vertices.tolist(), [], shape["faces"].tolist())
    mesh.materials.append(_painted(bpy, mesh, shape["colours"]))
    scene.collection.objects.link(bpy.data.objects.new("shape", mesh))
    turn = rng.uniform(0, 2 * math.pi)
    for name, place, angle in (("floor", (0, 0, 0), 0.0), ("wall", None, math.pi / 2)):
        bpy.ops.mesh.primitive_plane_add(size=14)
        plane = bpy.context.active_object
        plane.name = name
        plane.data.materials.append(_textured(bpy, rng))
        if place is None:
            away = rng.uniform(1.2, 2.5)
            plane.location = (-away * math.sin(turn), away * math.cos(turn), 0)
            plane.rotation_euler = (angle, 0, turn)
    _lit(bpy, scene, rng)

    middle = Vector(((vertices.min(0) + vertices.max(0)) / 2).tolist())
    height = math.radians(rng.uniform(*HEIGHTS))
    # In front of the wall; the shape stands as it stands.
    around = turn + rng.uniform(-0.7, 0.7)
    way = Vector(
        (
            math.sin(around) * math.cos(height),
            -math.cos(around) * math.cos(height),
            math.sin(height),
        )
    )
    camera = bpy.data.cameras.new("camera")
    camera.lens = rng.uniform(*LENSES)
    size = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    distance = size * camera.lens / 36 / rng.uniform(*FILLED)
    viewer = bpy.data.objects.new("camera", camera)
    viewer.location = middle + way * max(distance, 0.9)
    viewer.location.z = max(viewer.location.z, 0.05)
    viewer.rotation_euler = (middle - viewer.location).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(viewer)
    scene.camera = viewer
    scene.render.filepath = str(target)
    bpy.ops.render.render(write_still=True)


def _lit(bpy: Any, scene: Any, rng: np.random.Generator) -> None:
    """A window's light and a sky."""
    lamp = bpy.data.lights.new("window", "AREA")
    lamp.energy, lamp.size = rng.uniform(60, 160), rng.uniform(0.3, 2)
    window = bpy.data.objects.new("window", lamp)
    window.location = (rng.uniform(-2, 2), rng.uniform(-2, 2), rng.uniform(2, 3))
    window.rotation_euler = (-window.location).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(window)
    world = bpy.data.worlds.new("sky")
    scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = rng.uniform(0.3, 0.7)
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)


def _painted(bpy: Any, mesh: Any, colours: Any) -> Any:
    """The shape's own colours."""
    values = np.column_stack([(colours / 255.0) ** 2.2, np.ones(len(colours))])
    attribute = mesh.attributes.new("colour", "FLOAT_COLOR", "FACE")
    attribute.data.foreach_set("color", np.ascontiguousarray(values, np.float32).ravel())
    material = bpy.data.materials.new("paint")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    source = nodes.new("ShaderNodeAttribute")
    source.attribute_name = "colour"
    material.node_tree.links.new(
        source.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"]
    )
    return material


def _textured(bpy: Any, rng: np.random.Generator) -> Any:
    """A floor or wall of two colours in some pattern."""
    material = bpy.data.materials.new("room")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    kind = FLOORS[int(rng.integers(len(FLOORS)))]
    pattern, ramp = nodes.new(kind), nodes.new("ShaderNodeMix")
    pattern.inputs["Scale"].default_value = rng.uniform(2, 9)
    ramp.data_type = "RGBA"
    hue = rng.uniform(0.15, 0.8, 3)
    light = np.clip(hue + rng.uniform(0.1, 0.35), 0, 1)
    ramp.inputs["A"].default_value = (*hue.tolist(), 1)
    ramp.inputs["B"].default_value = (*light.tolist(), 1)
    place = nodes.new("ShaderNodeTexCoord")
    links.new(place.outputs["Object"], pattern.inputs["Vector"])
    links.new(pattern.outputs["Fac"], ramp.inputs["Factor"])
    links.new(ramp.outputs["Result"], nodes["Principled BSDF"].inputs["Base Color"])
    return material


if __name__ == "__main__":
    main(Path(sys.argv[-1]))
