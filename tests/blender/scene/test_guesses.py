"""What an imported object probably is."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from onet_blender.scene.guesses import kind_of, unit_of


def boxes(cells: list[tuple[int, int, int]], pitch: float, turn: float = 0.0) -> bpy.types.Mesh:
    """A cube of its own for every cell, as exporters of voxel models write them."""
    for x, y, z in cells:
        place = np.array([x, y, z]) * pitch + 17.3
        bpy.ops.mesh.primitive_cube_add(size=pitch, location=place)
    for item in bpy.data.objects:
        item.select_set(item.type == "MESH")
    bpy.ops.object.join()
    bpy.ops.object.transform_apply()
    mesh = bpy.context.object.data
    mesh.transform(bpy.context.object.matrix_world)
    if turn:
        from mathutils import Matrix

        mesh.transform(Matrix.Rotation(turn, 4, "Z"))
    return mesh


@pytest.fixture(autouse=True)
def empty() -> None:
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)


STAIRS = [(0, 0, 0), (1, 0, 0), (1, 0, 1), (2, 0, 0), (2, 0, 1), (2, 0, 2), (2, 3, 2)]


@pytest.mark.parametrize("pitch", [0.01, 1.0, 12.5])
def test_boxes_of_one_size_are_voxels(pitch: float) -> None:
    assert kind_of(boxes(STAIRS, pitch)) == "VOXELS"


def test_turned_boxes_are_not() -> None:
    assert kind_of(boxes(STAIRS, 1.0, turn=0.3)) == "POINTS"


def test_one_box_is_any_box() -> None:
    bpy.ops.mesh.primitive_cube_add()
    assert kind_of(bpy.context.object.data) == "POINTS"


def test_furniture_of_boxes_is_no_voxel_model() -> None:
    """Boards of different thickness, which no grid of a thousand cells holds."""
    for number, size in enumerate((0.7312, 1.1947, 0.4159, 1.9173)):
        bpy.ops.mesh.primitive_cube_add(size=size, location=(number * 0.7717, size / 3, 0))
    for item in bpy.data.objects:
        item.select_set(True)
    bpy.ops.object.join()
    assert kind_of(bpy.context.object.data) == "POINTS"


def test_without_faces_it_is_points() -> None:
    mesh = bpy.data.meshes.new("scan")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 1)], [], [])
    assert kind_of(mesh) == "POINTS"


@pytest.mark.parametrize(
    ("longest", "unit"),
    [(0.05, "METRES"), (1.8, "METRES"), (92.0, "CENTIMETRES"), (3100.0, "MILLIMETRES")],
)
def test_units_of_usual_things(longest: float, unit: str) -> None:
    assert unit_of(longest)[0] == unit
