"""What runs inside Blender: renders the scene in a folder with Cycles; see `cycles`.

It imports nothing of the project, so that any Blender's Python can run it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

SENSOR = 32.0


def main(folder: Path) -> None:
    """Renders 000.png and so on, with transparency where nothing is."""
    import bpy
    from mathutils import Matrix, Vector

    settings = json.loads((folder / "scene.json").read_text(encoding="utf-8"))
    with np.load(folder / "scene.npz", allow_pickle=False) as content:
        arrays = dict(content)

    bpy.ops.wm.read_factory_settings(use_empty=True)
    # Empty settings of the module leave it out; a Blender has it already.
    bpy.ops.preferences.addon_enable(module="cycles")
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = settings["samples"]
    scene.cycles.use_denoising = False
    scene.render.threads_mode = "FIXED"
    scene.render.threads = 1
    scene.render.resolution_x = scene.render.resolution_y = settings["size"]
    scene.render.resolution_percentage = 100
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.view_settings.view_transform = "Standard"

    mesh = bpy.data.meshes.new("shape")
    mesh.from_pydata(arrays["vertices"].tolist(), [], arrays["faces"].tolist())
    shape = bpy.data.objects.new("shape", mesh)
    scene.collection.objects.link(shape)
    mesh.materials.append(make_material(bpy))
    # Not the faces' colours but their light is mixed: sRGB to linear.
    colours = (arrays["colours"] / 255.0) ** 2.2
    colours = np.column_stack([colours, np.ones(len(colours))])
    for name, kind, values in (
        ("colour", "FLOAT_COLOR", colours),
        ("roughness", "FLOAT", arrays["roughness"]),
        ("metallic", "FLOAT", arrays["metallic"]),
    ):
        attribute = mesh.attributes.new(name, kind, "FACE")
        key = "color" if kind == "FLOAT_COLOR" else "value"
        attribute.data.foreach_set(key, np.ascontiguousarray(values, np.float32).ravel())

    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit = "HORIZONTAL"
    camera.sensor_width = SENSOR
    camera.clip_start = 0.01
    viewer = bpy.data.objects.new("camera", camera)
    scene.collection.objects.link(viewer)
    scene.camera = viewer
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.angle = 0.2
    sun = bpy.data.objects.new("sun", lamp)
    scene.collection.objects.link(sun)
    world = bpy.data.worlds.new("sky")
    scene.world = world
    world.use_nodes = True
    sky = world.node_tree.nodes["Background"]

    for view, (place, intrinsic) in enumerate(
        zip(arrays["worlds"], arrays["intrinsics"], strict=True)
    ):
        axes = place[:, :3]
        # A camera of Blender looks along -z with y up, those of the dataset along z with y down.
        pose = np.eye(4)
        pose[:3, :3] = (axes * np.array([[1], [-1], [-1]])).T
        pose[:3, 3] = -axes.T @ place[:, 3]
        viewer.matrix_world = Matrix(pose.tolist())
        size = settings["size"]
        camera.lens = SENSOR * float(intrinsic[0, 0]) / size
        camera.shift_x = 0.5 - float(intrinsic[0, 2]) / size
        camera.shift_y = float(intrinsic[1, 2]) / size - 0.5
        towards = Vector(arrays["suns"][view].tolist())
        sun.rotation_euler = towards.to_track_quat("Z", "Y").to_euler()
        lamp.energy = float(arrays["strengths"][view])
        sky.inputs["Strength"].default_value = float(arrays["skies"][view])
        sky.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
        scene.cycles.seed = view
        scene.render.filepath = str(folder / f"{view:03d}.png")
        bpy.ops.render.render(write_still=True)


def make_material(bpy: Any) -> Any:
    """A Principled material whose colour, roughness and metal are attributes of the faces."""
    material = bpy.data.materials.new("paint")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = nodes["Principled BSDF"]
    for name, output, socket in (
        ("colour", "Color", "Base Color"),
        ("roughness", "Fac", "Roughness"),
        ("metallic", "Fac", "Metallic"),
    ):
        attribute = nodes.new("ShaderNodeAttribute")
        attribute.attribute_name = name
        links.new(attribute.outputs[output], shader.inputs[socket])
    return material


if __name__ == "__main__":
    main(Path(sys.argv[-1]))
