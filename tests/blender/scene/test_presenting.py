"""What an artist sees right after a result, and what a mesh gives as points."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix, Vector

from onet_blender.scene import framing, presenting, scene_io
from onet_blender.scene.meshes import make_mesh
from onet_blender.scene.sampling import sampled
from onet_blender.scene.scene_io import Surface

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=np.float64)
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)


def test_samples_are_uniform_by_area() -> None:
    """A square of two triangles beside one of four times its area."""
    vertices = np.concatenate([SQUARE, 2 * SQUARE + [3, 0, 0]])
    faces = np.concatenate([TRIANGLES, TRIANGLES + 4])
    cloud = sampled(Surface(vertices, faces), 20_000)
    is_small = cloud.points[:, 0] < 2
    assert abs(is_small.mean() - 0.2) < 0.01
    small = cloud.points[is_small, :2]
    assert np.abs(small.mean(0) - 0.5).max() < 0.02
    assert np.abs(np.cov(small.T) - np.eye(2) / 12).max() < 0.01  # of a uniform square


def test_samples_have_the_colours_of_their_places() -> None:
    """Colours that grow along x, as their corners have them."""
    corners = SQUARE[TRIANGLES]
    colours = np.zeros((2, 3, 3), dtype=np.uint8)
    colours[..., 0] = np.rint(corners[..., 0] * 255)
    cloud = sampled(Surface(SQUARE, TRIANGLES, colours), 500)
    assert cloud.colours is not None
    assert np.abs(cloud.colours[:, 0] / 255 - cloud.points[:, 0]).max() < 0.01


def test_a_surface_without_area_gives_its_vertices() -> None:
    flat = Surface(np.zeros((3, 3)), np.array([[0, 1, 2]], dtype=np.int32))
    assert len(sampled(flat).points) == 3


def test_a_result_in_colours_has_a_material_that_shows_them() -> None:
    colours = np.tile(np.array([[255, 0, 0]], dtype=np.uint8), (4, 1))
    mesh = make_mesh("red", SQUARE, TRIANGLES, colours)
    presenting.show_colours(mesh)
    presenting.show_colours(mesh)  # once is enough
    (material,) = mesh.materials
    (link,) = [
        link
        for link in material.node_tree.links
        if link.to_socket.name == "Base Color" and link.to_node.type == "BSDF_PRINCIPLED"
    ]
    assert link.from_node.layer_name == mesh.color_attributes[0].name


def test_a_material_of_the_users_stays() -> None:
    mesh = make_mesh("red", SQUARE, TRIANGLES, np.zeros((4, 3), dtype=np.uint8))
    own = bpy.data.materials.new("own")
    mesh.materials.append(own)
    presenting.show_colours(mesh)
    assert list(mesh.materials) == [own]


def test_the_share_of_a_view() -> None:
    """Seen by a camera at the origin that looks along -z with 90 degrees."""
    perspective = Matrix(((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, -1, -0.2), (0, 0, -1, 0)))

    def box(distance: float, size: float, x: float = 0.0) -> list[Vector]:
        half = size / 2
        return [Vector((x + half * i, half * j, -distance)) for i in (-1, 1) for j in (-1, 1)]

    shares = [framing.shares_of_view(perspective, box(*where)) for where in ((10, 20), (10, 10))]
    np.testing.assert_allclose(shares, [(1, 1), (0.25, 0.25)], atol=1e-6)
    assert framing.shares_of_view(perspective, box(10, 10, x=50))[0] == 0
    assert framing.shares_of_view(perspective, box(-10, 10)) == (0, 0)
    assert framing.is_seen(perspective, box(10, 10))
    # A part of it is outside.
    assert not framing.is_seen(perspective, box(10, 10, x=10))


def test_a_mesh_with_faces_is_read_by_its_surface() -> None:
    bpy.ops.mesh.primitive_cube_add(size=2)
    cube = bpy.context.object
    depsgraph = bpy.context.evaluated_depsgraph_get()
    cloud = sampled(scene_io.read_surface(cube, depsgraph)(), 5000)
    assert np.allclose(np.abs(cloud.points).max(axis=1), 1)  # all on the cube's sides
    assert cloud.normals is not None
    assert np.allclose((cloud.points * cloud.normals).sum(axis=1), 1)


def test_a_middle_at_the_origin_but_for_noise_is_told_as_zero() -> None:
    mesh = make_mesh("square", 2 * SQUARE - [1.003, 0.5, 0], TRIANGLES, None)
    item = bpy.data.objects.new("square", mesh)
    bpy.context.scene.collection.objects.link(item)
    bpy.context.view_layer.update()
    size, place = presenting.size_and_place(item)
    assert size == "2 m x 2 m x 0 m"
    assert place == "0 m, 50 cm, 0 m"
