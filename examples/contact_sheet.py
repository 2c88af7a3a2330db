"""Renders inputs beside their results: `python contact_sheet.py -- INPUTS RESULTS SHEET.png`.

Runs in Blender (`blender --background --python ...`) or with the `bpy` module. Each input file in
INPUTS that has a result RESULTS/<stem>.glb becomes a row: what was given, the mesh, its wireframe.
The scene itself is saved beside the picture, as SHEET.blend.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

PICTURES = {".png", ".jpg", ".jpeg"}
CELL = 1.5  # Blender units between the middles of neighbouring cells
PIXELS = 360  # pixels of a cell's edge
FEW_POINTS = 10_000  # up to so many points are shown at full size


def material(name: str, colour: tuple[float, float, float], **inputs: float) -> bpy.types.Material:
    """A plain material; `inputs` are further values of its Principled shader."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1)
    for key, value in {"Roughness": 0.6, **inputs}.items():
        shader.inputs[key].default_value = value
    return made


def import_mesh(path: Path) -> bpy.types.Object:
    """The meshes of a file as one object with its transform applied, without materials."""
    before = set(bpy.data.objects)
    match path.suffix.lower():
        case ".ply":
            bpy.ops.wm.ply_import(filepath=str(path))
        case ".obj":
            bpy.ops.wm.obj_import(filepath=str(path), forward_axis="Y", up_axis="Z")
        case ".glb":
            bpy.ops.import_scene.gltf(filepath=str(path))
        case suffix:
            raise SystemExit(f"{path}: no importer for {suffix} files here.")
    meshes = [item for item in set(bpy.data.objects) - before if item.type == "MESH"]
    bpy.context.view_layer.update()
    for item in meshes:
        item.data.transform(item.matrix_world)
        item.matrix_world = Matrix.Identity(4)
        item.data.materials.clear()
    if len(meshes) != 1:
        raise SystemExit(f"{path}: one mesh was expected, {len(meshes)} were found.")
    return meshes[0]


def vertices_of(item: bpy.types.Object) -> np.ndarray:
    coordinates = np.empty(3 * len(item.data.vertices), dtype=np.float32)
    item.data.vertices.foreach_get("co", coordinates)
    return coordinates.reshape(-1, 3)


def place(item: bpy.types.Object, like: np.ndarray, column: int, row: int) -> None:
    """Turns an object into a three-quarter view in its cell; `like` (N, 3) gives place and size."""
    low, high = like.min(0), like.max(0)
    turn = Matrix.Rotation(np.radians(20), 4, "X") @ Matrix.Rotation(np.radians(-35), 4, "Z")
    item.matrix_world = (
        Matrix.Translation((column * CELL, 0, -row * CELL))
        @ turn
        @ Matrix.Scale(1 / float((high - low).max()), 4)
        @ Matrix.Translation(-Vector((low + high) / 2))
    )


def show_points(item: bpy.types.Object, paint: bpy.types.Material) -> None:
    """Makes every vertex of the object a small ball, the smaller the more there are."""
    places = vertices_of(item)
    size = float(np.ptp(places, axis=0).max())
    radius = 0.007 * min(1.0, float(np.sqrt(FEW_POINTS / len(places))))
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=1, radius=radius * size)
    ball = bpy.context.object
    ball.data.materials.append(paint)
    ball.parent = item
    item.instance_type = "VERTS"


def show_picture(path: Path, row: int) -> None:
    """Hangs the picture in the first cell of its row, lit by itself."""
    image = bpy.data.images.load(str(path))
    bpy.ops.mesh.primitive_plane_add(size=1.25)
    plane = bpy.context.object
    plane.scale.x = image.size[0] / max(image.size)
    plane.scale.y = image.size[1] / max(image.size)
    plane.rotation_euler.x = np.pi / 2
    plane.location = (0, 0, -row * CELL)
    paint = bpy.data.materials.new("picture")
    paint.use_nodes = True
    nodes, links = paint.node_tree.nodes, paint.node_tree.links
    nodes.clear()
    texture, light, glass, mix, out = (
        nodes.new(kind)
        for kind in (
            "ShaderNodeTexImage",
            "ShaderNodeEmission",
            "ShaderNodeBsdfTransparent",
            "ShaderNodeMixShader",
            "ShaderNodeOutputMaterial",
        )
    )
    texture.image = image
    links.new(texture.outputs["Color"], light.inputs["Color"])
    links.new(texture.outputs["Alpha"], mix.inputs[0])
    links.new(glass.outputs[0], mix.inputs[1])
    links.new(light.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], out.inputs["Surface"])
    plane.data.materials.append(paint)


def show_wireframe(
    item: bpy.types.Object,
    column: int,
    row: int,
    like: np.ndarray,
    body: bpy.types.Material,
    lines: bpy.types.Material,
) -> None:
    """A copy of the mesh, and its edges as thin bars over it."""
    for paint, wire in ((body, False), (lines, True)):
        copy = item.copy()
        copy.data = item.data.copy()
        copy.data.materials.clear()
        copy.data.materials.append(paint)
        bpy.context.collection.objects.link(copy)
        place(copy, like, column, row)
        if wire:
            modifier = copy.modifiers.new("wire", "WIREFRAME")
            modifier.thickness = 0.003 / copy.matrix_world.to_scale()[0]
            modifier.use_even_offset = False  # it would draw spikes at sharp corners


def build(inputs: Path, results: Path) -> int:
    """Fills the empty scene; returns the number of rows."""
    clay = material("clay", (0.82, 0.80, 0.77))
    teal = material("result", (0.05, 0.35, 0.42))
    ink = material("ink", (0.02, 0.02, 0.03))
    rows = 0
    for path in sorted(inputs.iterdir()):
        result_file = results / f"{path.stem}.glb"
        if not result_file.exists() or path.suffix.lower() in {".md", ".py"}:
            continue
        result = import_mesh(result_file)
        result.data.shade_smooth()
        result.data.materials.append(teal)
        like = vertices_of(result)
        if path.suffix.lower() in PICTURES:
            show_picture(path, rows)
        else:
            given = import_mesh(path)
            given.data.materials.append(clay)
            if len(given.data.polygons) == 0:
                show_points(given, clay)
            place(given, like, 0, rows)
        place(result, like, 1, rows)
        show_wireframe(result, 2, rows, like, clay, ink)
        rows += 1
    return rows


def render(rows: int, sheet: Path, columns: int = 3) -> None:
    """Lights the scene from above left and renders all cells with a camera without perspective."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = 16
    scene.cycles.use_denoising = True
    scene.view_settings.view_transform = "Standard"
    world = bpy.data.worlds.new("white")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.6
    scene.world = world
    scene.render.film_transparent = True
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy = 2.5
    sun.data.angle = 0.2
    sun.rotation_euler = (np.radians(50), np.radians(-15), np.radians(-30))
    scene.collection.objects.link(sun)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type = "ORTHO"
    camera.data.ortho_scale = CELL * max(columns, rows)
    camera.location = (CELL * (columns - 1) / 2, -10, -CELL * (rows - 1) / 2)
    camera.rotation_euler = (np.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = columns * PIXELS, rows * PIXELS
    scene.render.resolution_percentage = 100
    bpy.ops.render.render()
    whiten(sheet)


def whiten(sheet: Path) -> None:
    """Saves the render over plain white, which a lit world would tint."""
    scratch = sheet.with_suffix(".render.png")
    bpy.data.images["Render Result"].save_render(str(scratch))
    rendered = bpy.data.images.load(str(scratch))
    pixels = np.empty(4 * rendered.size[0] * rendered.size[1], dtype=np.float32)
    rendered.pixels.foreach_get(pixels)
    pixels = pixels.reshape(-1, 4)
    pixels[:, :3] = pixels[:, :3] * pixels[:, 3:] + (1 - pixels[:, 3:])
    pixels[:, 3] = 1
    rendered.pixels.foreach_set(pixels.ravel())
    rendered.filepath_raw = str(sheet)
    rendered.file_format = "PNG"
    rendered.save()
    scratch.unlink()


def main() -> None:
    inputs, results, sheet = (Path(word).resolve() for word in sys.argv[sys.argv.index("--") + 1 :])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rows = build(inputs, results)
    if rows == 0:
        raise SystemExit(f"No result in {results} belongs to an input in {inputs}.")
    render(rows, sheet)
    bpy.ops.wm.save_as_mainfile(filepath=str(sheet.with_suffix(".blend")), compress=True)


if __name__ == "__main__":
    main()
