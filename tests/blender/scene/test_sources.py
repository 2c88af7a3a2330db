"""What objects of all kinds hand to the worker: instances, volumes, colours, hidden ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from onet_blender.scene import reconstruction, scene_io
from onet_blender.scene.pieces import all_at_once
from onet_core.errors import InputError


def depsgraph() -> bpy.types.Depsgraph:
    return bpy.context.evaluated_depsgraph_get()


def link(item: bpy.types.Object) -> bpy.types.Object:
    bpy.context.scene.collection.objects.link(item)
    bpy.context.view_layer.objects.active = item
    return item


def add_mesh(name: str, points: np.ndarray, faces: list[list[int]] | None = None):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.asarray(points, dtype=float).tolist(), [], faces or [])
    return link(bpy.data.objects.new(name, mesh))


def add_box(name: str = "box") -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=2)
    made = bpy.context.active_object
    made.name = name
    return made


def bounds(points: np.ndarray) -> list[list[float]]:
    return np.round([points.min(0), points.max(0)], 3).tolist()


def test_instances_of_a_collection_are_seen() -> None:
    box = add_box()
    collection = bpy.data.collections.new("boxes")
    collection.objects.link(box)
    bpy.context.scene.collection.objects.unlink(box)
    empty = link(bpy.data.objects.new("instancer", None))
    empty.instance_type, empty.instance_collection = "COLLECTION", collection
    empty.location = (10, 0, 0)
    bpy.context.view_layer.update()
    assert bounds(scene_io.read_cloud(empty, depsgraph())().points) == [[9, -1, -1], [11, 1, 1]]
    surface = scene_io.read_surface(empty, depsgraph())()
    assert len(surface.triangles) == 12


def instancing_nodes(item: bpy.types.Object) -> bpy.types.NodeTree:
    """Geometry nodes that put a copy of `item` on each point, without making it real."""
    tree = bpy.data.node_groups.new("instances", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    start, end = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    copies = tree.nodes.new("GeometryNodeInstanceOnPoints")
    what = tree.nodes.new("GeometryNodeObjectInfo")
    what.inputs["Object"].default_value = item
    tree.links.new(start.outputs[0], copies.inputs["Points"])
    tree.links.new(what.outputs["Geometry"], copies.inputs["Instance"])
    tree.links.new(copies.outputs[0], end.inputs[0])
    return tree


def test_instances_of_geometry_nodes_are_seen() -> None:
    box = add_box()
    holder = add_mesh("holder", [[0, 0, 0], [20, 0, 5]])
    holder.modifiers.new("nodes", "NODES").node_group = instancing_nodes(box)
    holder.location = (1, 0, 0)
    bpy.context.view_layer.update()
    cloud = scene_io.read_cloud(holder, depsgraph())()
    assert len(cloud.points) == 16
    assert bounds(cloud.points) == [[0, -1, -1], [22, 1, 6]]
    assert len(scene_io.read_surface(holder, depsgraph())().triangles) == 24


def test_curves_and_text_have_faces() -> None:
    curve = bpy.data.curves.new("text", "FONT")
    curve.body, curve.extrude = "O", 0.2
    text = link(bpy.data.objects.new("text", curve))
    bpy.context.view_layer.update()
    assert len(scene_io.read_surface(text, depsgraph())().triangles) > 20


def add_volume(cells: int = 40) -> bpy.types.Object:
    """A Volume object: a ball of radius 1 at (3, 0, 0), twice as large along z."""
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1)
    ball = bpy.context.active_object
    item = link(bpy.data.objects.new("fog", bpy.data.volumes.new("fog")))
    filled = item.modifiers.new("fill", "MESH_TO_VOLUME")
    filled.object, filled.voxel_amount = ball, cells
    item.matrix_world = Matrix.LocRotScale((3, 0, 0), None, (1, 1, 2))
    ball.matrix_world = item.matrix_world
    bpy.context.view_layer.update()
    return item


def test_volumes_are_seen_where_they_are(models: Path) -> None:
    fog = add_volume()
    before = bpy.data.objects.keys(), bpy.data.meshes.keys()
    surface = scene_io.read_volume(fog, depsgraph())()
    assert (bpy.data.objects.keys(), bpy.data.meshes.keys()) == before
    low, high = surface.vertices.min(0), surface.vertices.max(0)
    np.testing.assert_allclose(low, [2, -1, -2], atol=0.2)
    np.testing.assert_allclose(high, [4, 1, 2], atol=0.2)
    assert bpy.ops.onet.reconstruct(
        kind="VOXELS", source="fog", model=str(models / "cube_voxels.safetensors"), resolution=32
    ) == {"FINISHED"}
    made = bpy.context.active_object
    points = scene_io.read_cloud(made, depsgraph())().points
    np.testing.assert_allclose(points.mean(0), [3, 0, 0], atol=0.2)
    np.testing.assert_allclose(np.ptp(points, axis=0), 0.6 * 4, atol=0.3)


def test_volumes_are_meshed_in_their_own_cells() -> None:
    """Blender's resampling to others would take most of the time, in its main thread."""
    counts = [
        len(scene_io.read_volume(add_volume(cells), depsgraph())().triangles) for cells in (40, 80)
    ]
    assert counts[1] / counts[0] == pytest.approx(4, rel=0.15)


def test_an_empty_volume_is_one_sentence() -> None:
    link(bpy.data.objects.new("fog", bpy.data.volumes.new("fog")))
    bpy.context.view_layer.update()
    before = bpy.data.objects.keys(), bpy.data.meshes.keys()
    with pytest.raises(RuntimeError, match="The volume fog is empty"):
        bpy.ops.onet.reconstruct(kind="VOXELS", source="fog")
    assert (bpy.data.objects.keys(), bpy.data.meshes.keys()) == before
    with pytest.raises(RuntimeError, match="fog has no points"):
        bpy.ops.onet.reconstruct(kind="POINTS", source="fog")


@pytest.mark.parametrize("domain", ["POINT", "CORNER"])
def test_corner_colours(domain: str) -> None:
    quad = add_mesh("quad", [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    attribute = quad.data.color_attributes.new("Col", "FLOAT_COLOR", domain)
    index = [0, 1, 2, 0, 2, 3] if domain == "CORNER" else [0, 1, 2, 3]
    for place, vertex in zip(attribute.data, index, strict=True):
        place.color_srgb = (vertex / 5, 0.6, 1, 1)
    surface = scene_io.read_surface(quad, depsgraph())()
    assert surface.colours.tolist() == [
        [[51 * vertex, 153, 255] for vertex in triangle] for triangle in surface.triangles.tolist()
    ]
    cloud = scene_io.read_cloud(quad, depsgraph())()
    assert cloud.colours[:, 0].tolist() == [0, 51, 102, 153]


def test_parts_without_colours_are_white() -> None:
    box = add_box()
    holder = add_mesh("holder", [[0, 0, 0]])
    holder.data.color_attributes.new("Col", "BYTE_COLOR", "POINT").data[0].color_srgb = (1, 0, 0, 1)
    joined = scene_io._joined([np.array([[255, 0, 0]], dtype=np.uint8), None], [1, 2])
    assert joined.tolist() == [[255, 0, 0], [255, 255, 255], [255, 255, 255]]
    assert scene_io.read_cloud(box, depsgraph())().colours is None
    assert scene_io.read_cloud(holder, depsgraph())().colours.tolist() == [[255, 0, 0]]


# Bad input


def in_a_hidden_collection(item: bpy.types.Object) -> None:
    collection = bpy.data.collections.new("hidden")
    bpy.context.scene.collection.children.link(collection)
    collection.objects.link(item)
    bpy.context.scene.collection.objects.unlink(item)
    bpy.context.view_layer.layer_collection.children["hidden"].exclude = True


def of_zero_scale(item: bpy.types.Object) -> None:
    item.scale = (1, 0, 1)


def of_no_vertices(item: bpy.types.Object) -> None:
    item.data.clear_geometry()


BAD: dict[str, tuple[Callable[[bpy.types.Object], None], str]] = {
    "excluded": (in_a_hidden_collection, "switched off"),
    "flat": (of_zero_scale, "scaled to nothing"),
    "empty": (of_no_vertices, "has no"),
}


@pytest.mark.parametrize("kind", ["POINTS", "VOXELS"])
@pytest.mark.parametrize("way", BAD)
def test_unusable_objects_are_one_sentence(models: Path, way: str, kind: str) -> None:
    box = add_box()
    prepare, message = BAD[way]
    prepare(box)
    bpy.context.view_layer.update()
    before = bpy.data.objects.keys(), bpy.data.meshes.keys()
    with pytest.raises(RuntimeError, match=message) as caught:
        bpy.ops.onet.reconstruct(kind=kind, source="box")
    assert "Traceback" not in str(caught.value)
    assert (bpy.data.objects.keys(), bpy.data.meshes.keys()) == before


def test_what_the_eye_hides_can_be_a_source(models: Path) -> None:
    """As one hides a scan to look at the mesh that was made from it."""
    box = add_box()
    box.hide_set(True)
    box.location = (7, 0, 0)
    bpy.ops.onet.reconstruct(
        kind="POINTS", source="box", model=str(models / "cube_points.safetensors"), resolution=16
    )
    assert bpy.context.active_object.matrix_world.translation.x == 7


def test_edit_mode_is_refused_with_a_reason() -> None:
    add_box()
    bpy.ops.object.mode_set(mode="EDIT")
    assert not bpy.ops.onet.reconstruct.poll()
    assert not bpy.ops.onet.reconstruct_again.poll()
    with pytest.raises(RuntimeError, match="object mode"):
        bpy.ops.onet.reconstruct()
    bpy.ops.object.mode_set(mode="OBJECT")


def test_negative_scale_is_fine(models: Path) -> None:
    box = add_box()
    box.scale = (-1, 2, 1)
    bpy.context.view_layer.update()
    params = reconstruction.options(str(models / "cube_voxels.safetensors"), {"resolution": 16})
    request = all_at_once(reconstruction.prepare_object(box, "VOXELS", depsgraph(), params))
    made = reconstruction.place(bpy.context, request, reconstruction.compute(request))
    surface = scene_io.read_surface(made, depsgraph())()
    vertices, triangles = surface.vertices, surface.triangles
    corners = vertices[triangles[:, ::-1]]  # as Blender draws a mirrored object
    assert np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() > 0


def test_a_source_of_another_scene_is_refused() -> None:
    elsewhere = bpy.data.scenes.new("elsewhere")
    lone = bpy.data.objects.new("lone", bpy.data.meshes.new("lone"))
    elsewhere.collection.objects.link(lone)
    with pytest.raises(InputError, match="not in this scene"):
        all_at_once(reconstruction.prepare_object(lone, "POINTS", depsgraph(), {}))
