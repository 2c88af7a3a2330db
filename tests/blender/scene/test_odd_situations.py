"""Odd objects, and what happens meanwhile: a right mesh in the right place, or one clear sentence.

The network's shape is a cube in the source's middle, its edge 0.6 of the source's longest side.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector
from numpy.typing import NDArray

from onet_blender import activity
from onet_blender.operators import soon
from onet_blender.operators.shared import WorkerOperator
from onet_blender.scene import reconstruction
from onet_blender.scene.known import known_by
from onet_blender.scene.pieces import all_at_once
from onet_core.errors import OnetError

Item = bpy.types.Object
SIZE = (1.0, 0.7, 0.5)
CELLS = 32


# What there is


def link(item: Item) -> Item:
    bpy.context.scene.collection.objects.link(item)
    return item


def cloud(count: int = 400, name: str = "Cloud", size: float = 1.0) -> Item:
    points = np.random.default_rng(0).uniform(-1, 1, (count, 3)) * SIZE * size
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points.tolist(), [], [])
    return link(bpy.data.objects.new(name, mesh))


def under(child: Item, scale: tuple[float, float, float]) -> Item:
    parent = link(bpy.data.objects.new("Parent", None))
    parent.location, parent.scale = (5, -2, 1), scale
    child.parent = parent
    return child


def parented() -> Item:
    child = under(cloud(), (2, 1, 0.5))
    child.rotation_euler = (0.3, 0, 0.4)
    return child


def under_a_mirrored_parent() -> Item:
    child = under(cloud(), (1, -1, 1))
    child.location = (1, 2, 3)
    return child


def scaled(*scale: float, place: tuple[float, float, float] = (3, 0, 0)) -> Item:
    item = cloud()
    item.scale, item.location = scale, place
    return item


def with_delta() -> Item:
    item = scaled(1, 1, 1)
    item.delta_location, item.delta_scale = (0, 0, 4), (2, 2, 2)
    return item


def box(**more: Any) -> Item:
    bpy.ops.mesh.primitive_cube_add(**more)
    return bpy.context.active_object


def arrayed() -> Item:
    item = box(size=1)
    item.modifiers.new("Array", "ARRAY").count = 3
    return item


def nodes_of(item: Item, build: Callable[[Any, Any], Any]) -> Item:
    group = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
    group.interface.new_socket("In", in_out="INPUT", socket_type="NodeSocketGeometry")
    group.interface.new_socket("Out", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    first, last = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    group.links.new(build(group, first.outputs[0]), last.inputs[0])
    item.modifiers.new("Nodes", "NODES").node_group = group
    return item


def ball_of_nodes() -> Item:
    def build(group: Any, points: Any) -> Any:
        return group.nodes.new("GeometryNodeMeshUVSphere").outputs[0]

    return nodes_of(cloud(), build)


def cubes_of_nodes() -> Item:
    """A cube of nodes on each of the points."""

    def build(group: Any, points: Any) -> Any:
        cube = group.nodes.new("GeometryNodeMeshCube")
        there = group.nodes.new("GeometryNodeInstanceOnPoints")
        there.inputs["Scale"].default_value = (0.05, 0.05, 0.05)
        group.links.new(points, there.inputs["Points"])
        group.links.new(cube.outputs[0], there.inputs["Instance"])
        return there.outputs[0]

    return nodes_of(cloud(20), build)


def instanced_collection() -> Item:
    home = bpy.data.collections.new("Home")
    item = cloud()
    bpy.context.scene.collection.objects.unlink(item)
    home.objects.link(item)
    there = link(bpy.data.objects.new("Instance", None))
    there.instance_type, there.instance_collection = "COLLECTION", home
    there.location = (4, 1, 0)
    return there


def text() -> Item:
    bpy.ops.object.text_add(location=(1, 2, 3))
    bpy.context.active_object.data.extrude = 0.1
    return bpy.context.active_object


def metaball() -> Item:
    bpy.ops.object.metaball_add(location=(0, 0, 2))
    return bpy.context.active_object


def flat() -> Item:
    bpy.ops.mesh.primitive_plane_add(location=(0, 0, 2))
    return bpy.context.active_object


def edges() -> Item:
    mesh = bpy.data.meshes.new("Edges")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)], [(0, 1), (1, 2), (2, 3)], [])
    return link(bpy.data.objects.new("Edges", mesh))


def points_in_one_place() -> Item:
    mesh = bpy.data.meshes.new("One place")
    mesh.from_pydata([(1, 1, 1)] * 50, [], [])
    return link(bpy.data.objects.new("One place", mesh))


def hidden() -> Item:
    item = cloud()
    item.hide_set(True)
    return item


def switched_off() -> Item:
    item = cloud()
    item.hide_viewport = True
    return item


def camera() -> Item:
    bpy.ops.object.camera_add()
    return bpy.context.active_object


def lattice_bent() -> Item:
    """A driver's, a constraint's and a shape key's work all together."""
    item = box()
    item.shape_key_add(name="Basis")
    key = item.shape_key_add(name="Long")
    for corner in key.data:
        corner.co.z *= 3
    key.value = 1
    limit = item.constraints.new("LIMIT_LOCATION")
    limit.use_min_x, limit.min_x = True, 7.0
    return item


MESHES = {
    "parent scaled unevenly": parented,
    "mirrored parent": under_a_mirrored_parent,
    "negative scale": lambda: scaled(-1, 2, 1),
    "all negative": lambda: scaled(-1, -1, -1),
    "delta transforms": with_delta,
    "huge": lambda: scaled(1e6, 1e6, 1e6, place=(1e7, 0, 0)),
    "tiny": lambda: scaled(1e-6, 1e-6, 1e-6, place=(0, 0, 0)),
    "a million kilometres": lambda: cloud(size=1e9),
    "far away": lambda: scaled(1, 1, 1, place=(1e4, 1e4, 0)),
    "array": arrayed,
    "ball of nodes": ball_of_nodes,
    "cubes of nodes": cubes_of_nodes,
    "instanced collection": instanced_collection,
    "text": text,
    "metaball": metaball,
    "flat": flat,
    "edges": edges,
    "hidden": hidden,
    "shape key and constraint": lattice_bent,
}
SENTENCES = {
    "one vertex": (lambda: cloud(1), "Cloud has 1 point: at least 4"),
    "one place": (points_in_one_place, "All coordinates are the same"),
    "no vertices": (lambda: cloud(0), "has no points"),
    "no size along an axis": (lambda: scaled(1, 0, 1), "scaled to nothing along an axis"),
    "switched off": (switched_off, "switched off"),
    "camera": (camera, "has no points"),
}


def reconstructed(source: Item, models: Path) -> Item:
    bpy.context.view_layer.update()
    for other in bpy.context.view_layer.objects:
        other.select_set(other == source)
    bpy.context.view_layer.objects.active = source
    model = str(models / "cube_points.safetensors")
    done = bpy.ops.onet.reconstruct(kind="POINTS", model=model, resolution=CELLS)
    assert done == {"FINISHED"}
    return bpy.context.view_layer.objects.active


def places(item: Item) -> NDArray[np.float64]:
    """Vertices of an object and of its instances in the world, as Blender shows them."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    found = []
    for one in depsgraph.object_instances:
        owner = one.parent if one.is_instance else one.object
        if owner is None or owner.original != item or one.object.type == "EMPTY":
            continue
        mesh = one.object.to_mesh()
        found += [one.matrix_world @ vertex.co for vertex in mesh.vertices]
        one.object.to_mesh_clear()
    return np.array(found)


def check(made: Item, seen: NDArray[np.float64], matrix: Matrix) -> None:
    """The cube lies in the middle of what was seen, along the source's axes or the world's."""
    mesh, where = made.data, made.matrix_world
    corners = np.array([where @ vertex.co for vertex in mesh.vertices])
    assert len(corners) > 100
    across = matrix.to_3x3() @ Vector((1, 0, 0))
    found = []
    for angle in (0.0, math.atan2(across.y, across.x)):
        turn = np.array(Matrix.Rotation(-angle, 3, "Z"))
        low, high = (seen @ turn.T).min(axis=0), (seen @ turn.T).max(axis=0)
        longest = (high - low).max()
        wanted = (low + high) / 2 + longest * np.array([[-0.3], [0.3]])
        box = np.array([(corners @ turn.T).min(axis=0), (corners @ turn.T).max(axis=0)])
        found.append(np.abs(box - wanted).max() / longest)
    assert min(found) < 1.1 / CELLS
    # Outwards, whichever way the object is turned or mirrored.
    middle = corners.mean(axis=0)
    ways = where.to_3x3().inverted().transposed()
    face = max(mesh.polygons, key=lambda polygon: polygon.area)
    assert (ways @ face.normal).dot(where @ face.center - Vector(middle)) > 0


@pytest.mark.parametrize("name", MESHES)
def test_what_becomes_a_mesh(name: str, models: Path) -> None:
    source = MESHES[name]()
    bpy.context.view_layer.update()
    source_matrix = source.matrix_world.copy()
    was_hidden = source.hide_get()
    source.hide_set(False)
    seen = places(source)
    source.hide_set(was_hidden)
    made = reconstructed(source, models)
    bpy.context.view_layer.update()
    check(made, seen, source_matrix)


@pytest.mark.parametrize("name", SENTENCES)
def test_what_becomes_one_sentence(name: str, models: Path) -> None:
    make, sentence = SENTENCES[name]
    source = make()
    before = sorted(bpy.data.objects.keys()), len(bpy.data.meshes)
    with pytest.raises(RuntimeError, match=sentence):
        reconstructed(source, models)
    assert (sorted(bpy.data.objects.keys()), len(bpy.data.meshes)) == before


def test_a_linked_object_gets_its_mesh_beside_the_link(models: Path, tmp_path: Path) -> None:
    item = scaled(-1, 2, 1)
    path = tmp_path / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(path), link=True) as (_, wanted):
        wanted.objects = ["Cloud"]
    for override in (False, True):
        item = link(item.override_create() if override else bpy.data.objects["Cloud"])
        bpy.context.view_layer.update()
        item.hide_set(False)
        seen = places(item)
        made = reconstructed(item, models)
        bpy.context.view_layer.update()
        assert made.library is None
        check(made, seen, item.matrix_world)


# What happens in between


def moved(_: Item, folder: Path) -> None:
    bpy.data.objects["Cloud"].location = (1, 2, 3)
    bpy.context.view_layer.update()


def turned_and_parented(_: Item, folder: Path) -> None:
    item = under(bpy.data.objects["Cloud"], (1, 1, 2))
    item.rotation_euler = Euler((0, 0, 1))
    bpy.context.view_layer.update()


def saved_and_opened(_: Item, folder: Path) -> None:
    path = str(folder / "file.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)


def deleted(item: Item, folder: Path) -> None:
    bpy.data.objects.remove(item)


def undone(_: Item, folder: Path) -> None:
    bpy.ops.ed.undo()


def another_scene(_: Item, folder: Path) -> None:
    bpy.context.window.scene = bpy.data.scenes.new("Other")


def new_file(_: Item, folder: Path) -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


MEANWHILE = {
    "moved": (moved, ""),
    "turned and parented": (turned_and_parented, ""),
    "deleted": (deleted, ""),
    "undone": (undone, ""),
    "another scene": (another_scene, ""),
    "saved and opened": (saved_and_opened, "The scene Scene is gone"),
    "new file": (new_file, "The scene Scene is gone"),
}


@pytest.mark.parametrize("name", MEANWHILE)
def test_what_happens_meanwhile(name: str, models: Path, tmp_path: Path) -> None:
    happen, sentence = MEANWHILE[name]
    item = scaled(1, 2, 1)
    bpy.context.view_layer.update()
    seen, matrix = places(item), item.matrix_world.copy()
    bpy.ops.ed.undo_push(message="Cloud")
    item.name = item.name  # a step that changes nothing
    bpy.ops.ed.undo_push(message="Nothing")
    model = str(models / "cube_points.safetensors")
    params = reconstruction.options(model, {"resolution": CELLS})
    depsgraph = bpy.context.evaluated_depsgraph_get()
    asked = all_at_once(reconstruction.prepare_object(item, "POINTS", depsgraph, params, {}))
    answer = reconstruction.compute(asked)
    happen(item, tmp_path)
    if sentence:
        before = bpy.data.objects.keys(), bpy.data.meshes.keys()
        with pytest.raises(OnetError, match=sentence):
            reconstruction.place(bpy.context, asked, answer)
        assert (bpy.data.objects.keys(), bpy.data.meshes.keys()) == before
        return
    made = reconstruction.place(bpy.context, asked, answer)
    bpy.context.window.scene = bpy.data.scenes["Scene"]
    bpy.context.view_layer.update()
    if "Cloud" in bpy.data.objects:
        now = bpy.data.objects["Cloud"]
        seen, matrix = places(now), now.matrix_world
        # It was made before it was turned, and is turned along.
        back = made.matrix_world @ matrix.inverted()
        np.testing.assert_allclose(np.array(back), np.eye(4), atol=1e-5)
    if name != "turned and parented":
        check(made, seen, matrix)


def test_after_saving_and_opening_it_is_made_again_of_the_same(
    models: Path, tmp_path: Path
) -> None:
    made = reconstructed(scaled(-1, 2, 1), models)
    name = made.name
    saved_and_opened(made, tmp_path)
    made = bpy.data.objects[name]
    source = bpy.data.objects["Cloud"]
    source.hide_set(False)
    bpy.context.view_layer.objects.active = made
    assert bpy.ops.onet.reconstruct_again(resolution=CELLS) == {"FINISHED"}
    bpy.context.view_layer.update()
    check(made, places(source), source.matrix_world)


# A draft whose full mesh is to follow


@pytest.mark.parametrize("way", ["deleted", "unlinked", "undone"])
def test_no_full_mesh_follows_a_draft_that_is_gone(
    way: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = cloud()
    bpy.ops.ed.undo_push(message="Cloud")
    made = reconstructed(source, models)
    bpy.ops.ed.undo_push(message="Made")
    known, name = known_by(made), made.name
    work = SimpleNamespace(_replaced=known)
    assert WorkerOperator._is_wanted(work)  # type: ignore[arg-type]
    if way == "deleted":
        bpy.data.objects.remove(made)
    elif way == "unlinked":
        bpy.context.scene.collection.objects.unlink(made)
    else:
        bpy.ops.ed.undo()
    assert not WorkerOperator._is_wanted(work)  # type: ignore[arg-type]
    # Nor is it begun, and nothing is said about it.
    begun: list[str] = []
    monkeypatch.setattr(bpy.ops.onet, "reconstruct_update", begun.append, raising=False)
    monkeypatch.setattr(activity, "current", lambda: None)
    asked = "onet.reconstruct_update", {"target": name, "source": "Cloud"}, 0
    monkeypatch.setattr(soon, "_wanted", asked)
    assert soon._start_wanted() is None
    assert begun == []
    assert soon._wanted is None
