"""What artists do next: quads with colours, a texture, levels of detail, a mesh ready for use."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector
from mathutils.bvhtree import BVHTree

from onet_blender import activity
from onet_blender.next_step import levels, ready
from onet_blender.next_step.operators import OWNER
from onet_blender.scene import handwork, scene_io
from onet_blender.scene.meshes import COLOURS, make_mesh

HALF_RED = np.array([200, 30, 30]), np.array([30, 30, 200])


def add_ball(name: str = "ball", coloured: bool = True) -> bpy.types.Object:
    """A ball of radius 1 of triangles, active and selected: red on the right, blue on the left."""
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5, radius=1)
    template = bpy.context.active_object
    places = scene_io.column(template.data.vertices, "co", 3, np.float32)
    faces = np.array([list(face.vertices) for face in template.data.polygons])
    bpy.data.objects.remove(template)
    colours = np.where(places[:, :1] > 0, *HALF_RED).astype(np.uint8) if coloured else None
    item = bpy.data.objects.new(name, make_mesh(name, places, faces, colours))
    bpy.context.collection.objects.link(item)
    item.select_set(True)
    bpy.context.view_layer.objects.active = item
    bpy.context.view_layer.update()
    return item


def colours_of(mesh: bpy.types.Mesh) -> np.ndarray:
    return scene_io.column(mesh.color_attributes[COLOURS].data, "color_srgb", 4, np.float32)


def places_of(item: bpy.types.Object) -> np.ndarray:
    places = scene_io.column(item.data.vertices, "co", 3, np.float32)
    return scene_io.transformed(places, item.matrix_world)


def corners_of_faces(mesh: bpy.types.Mesh) -> set[int]:
    return {len(face.vertices) for face in mesh.polygons}


def test_quads_keep_shape_colours_and_material() -> None:
    item = add_ball()
    paint = bpy.data.materials.new("paint")
    item.data.materials.append(paint)
    assert bpy.ops.onet.quads(faces=2000) == {"FINISHED"}
    assert corners_of_faces(item.data) == {4}
    assert 1000 < len(item.data.polygons) < 4000
    places = places_of(item)
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), 1, atol=0.03)
    away = np.abs(places[:, 0]) > 0.1
    red = colours_of(item.data)[:, 0] > 0.5
    np.testing.assert_array_equal(red[away], places[away, 0] > 0)
    assert list(item.data.materials) == [paint]
    assert all(face.use_smooth for face in item.data.polygons)
    assert not item.data.validate()
    assert "quads" in str(activity.message(OWNER))


@pytest.mark.parametrize("size", [0.001, 1.0, 1000.0])
def test_quads_of_meshes_of_any_size_with_the_shortest_of_edges(size: float) -> None:
    """QuadriFlow itself refuses edges below 0.0001."""
    item = add_ball()
    ends = item.data.edges[0].vertices
    places = [item.data.vertices[end].co.copy() for end in ends]
    item.data.vertices[ends[1]].co = places[0].lerp(places[1], 1e-6)
    item.data.transform(Matrix.Scale(size, 4))
    bpy.ops.onet.quads(faces=1000)
    assert corners_of_faces(item.data) == {4}
    assert "quads" in str(activity.message(OWNER))
    np.testing.assert_allclose(np.linalg.norm(places_of(item), axis=1), size, rtol=0.05)
    assert COLOURS in item.data.color_attributes


def test_open_meshes_are_remeshed_too() -> None:
    item = add_ball(coloured=False)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="DESELECT")
    bpy.ops.object.mode_set(mode="OBJECT")
    for face in item.data.polygons[:40]:
        face.select = True
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.delete(type="FACE")
    bpy.ops.object.mode_set(mode="OBJECT")
    assert bpy.ops.onet.quads(faces=1500) == {"FINISHED"}
    assert len(item.data.polygons) > 500
    assert str(activity.message(OWNER))


@pytest.mark.parametrize("scale", [(2, 3, 0.5), (-1, 1, 1)])
def test_ready_for_use_leaves_the_shape_where_it_was(scale: tuple[float, ...]) -> None:
    item = add_ball()
    item.matrix_world = Matrix.LocRotScale(Vector((1, 2, 3)), Euler((0.3, 0.4, 0.5)), Vector(scale))
    bpy.context.view_layer.update()
    before, volume = places_of(item), signed_volume(item)
    assert bpy.ops.onet.ready(collection=True) == {"FINISHED"}
    bpy.context.view_layer.update()
    np.testing.assert_allclose(places_of(item), before, atol=1e-5)
    assert signed_volume(item) == pytest.approx(volume, rel=1e-4)
    np.testing.assert_allclose(item.scale, (1, 1, 1), atol=1e-6)
    low, high = before.min(0), before.max(0)
    base = (*((low + high) / 2)[:2], low[2])
    np.testing.assert_allclose(item.location, base, atol=1e-5)
    assert [home.name for home in item.users_collection] == ["ball"]


def signed_volume(item: bpy.types.Object) -> float:
    """As drawn: Blender turns the faces of mirrored objects."""
    corners = places_of(item)[np.array([list(face.vertices) for face in item.data.polygons])]
    volume = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    return float(volume * np.sign(item.matrix_world.determinant()))


def test_sharp_edges_are_those_of_a_cube() -> None:
    bpy.ops.mesh.primitive_cube_add()
    item = bpy.context.active_object
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.subdivide(number_cuts=3)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.onet.ready()
    assert sum(edge.use_edge_sharp for edge in item.data.edges) == 12 * 4


def test_ready_is_no_change_by_hand_and_quads_are() -> None:
    item = add_ball()
    handwork.note(item)
    bpy.ops.onet.ready()
    assert not handwork.is_changed(item)
    bpy.ops.onet.quads(faces=500)
    bpy.context.view_layer.update()
    assert handwork.is_changed(item)


def test_a_texture_has_the_colours() -> None:
    item = add_ball()
    assert bpy.ops.onet.texture(pixels=256) == {"FINISHED"}
    (material,) = item.data.materials
    image = next(node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE")
    assert image.packed_file is not None
    pixels = np.array(image.pixels[:], dtype=np.float32).reshape(256, 256, 4)
    uv = scene_io.column(item.data.uv_layers.active.data, "uv", 2, np.float32)
    corners = np.array([loop.vertex_index for loop in item.data.loops])
    places = places_of(item)[corners]
    row, column = (np.clip((uv * 256).astype(int), 0, 255)[:, axis] for axis in (1, 0))
    seen = pixels[row, column]
    away = np.abs(places[:, 0]) > 0.15
    agree = (seen[:, 0] > seen[:, 2]) == (places[:, 0] > 0)
    assert agree[away].mean() > 0.99
    assert COLOURS in item.data.color_attributes
    assert bpy.context.scene.render.engine != "CYCLES"
    assert bpy.context.selected_objects == [item]


def test_without_colours_there_is_no_texture() -> None:
    item = add_ball(coloured=False)
    with pytest.raises(RuntimeError, match="ball has no colours to bake"):
        bpy.ops.onet.texture()
    assert not item.data.uv_layers


def test_three_levels_of_detail() -> None:
    item = add_ball()
    count = len(item.data.polygons)
    assert bpy.ops.onet.levels() == {"FINISHED"}
    made = [bpy.data.objects[f"ball_LOD{level}"] for level in range(3)]
    assert made[0] == item
    counts = [len(one.data.polygons) for one in made]
    assert counts[0] == count
    for ratio, found in zip(levels.RATIOS, counts, strict=True):
        assert found == pytest.approx(ratio * count, rel=0.05)
    assert len({round(one.location.x, 3) for one in made}) == 3
    assert all(COLOURS in one.data.color_attributes for one in made)
    assert {home.name for one in made for home in one.users_collection} == {"ball LOD"}
    full = BVHTree.FromObject(item, bpy.context.evaluated_depsgraph_get())
    for one in made:
        for vertex in one.data.vertices:
            assert full.find_nearest(vertex.co)[3] < 0.05


def test_levels_in_one_place_show_the_finest() -> None:
    item = add_ball()
    bpy.ops.onet.levels(side_by_side=False)
    assert not item.hide_get()
    assert bpy.data.objects["ball_LOD2"].hide_get()
    assert bpy.data.objects["ball_LOD2"].location == item.location


def test_each_is_one_undo_step() -> None:
    add_ball()
    bpy.ops.ed.undo_push(message="before")
    for name, objects in (("quads", 1), ("ready", 1), ("texture", 1), ("levels", 3)):
        before = len(bpy.data.objects["ball"].data.polygons)
        getattr(bpy.ops.onet, name)("EXEC_DEFAULT", True)
        assert len(bpy.data.objects) == objects
        bpy.ops.ed.undo()
        assert bpy.data.objects.keys() == ["ball"]
        assert len(bpy.data.objects["ball"].data.polygons) == before


def test_place_is_kept_in_files_that_never_had_it() -> None:
    assert scene_io.place_of(add_ball()) == Matrix.Identity(4)
    assert ready.place_of is scene_io.place_of


def test_small_parts_go_and_large_ones_stay() -> None:
    bpy.ops.mesh.primitive_cube_add(size=2)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.primitive_cube_add(size=0.1, location=(3, 0, 0))
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(0, 4, 0))
    bpy.ops.object.mode_set(mode="OBJECT")
    item = bpy.context.active_object
    assert ready.remove_small_parts(item, 0.01) == 1
    assert len(item.data.vertices) == 16
    assert len(item.data.polygons) == 12
    assert ready.remove_small_parts(item, 0.01) == 0
