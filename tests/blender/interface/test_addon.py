"""The add-on in Blender: registration, alignment, undo, errors that leave the scene untouched."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector

import onet_blender
from onet_blender import activity
from onet_blender.panels import text
from onet_blender.pictures import images as pictures
from onet_blender.properties import model_list
from onet_blender.runtime import engine_session, trial
from onet_blender.runtime.chosen import Runtime, runtime
from onet_blender.scene import reconstruction, scene_io
from onet_blender.scene.pieces import all_at_once
from onet_core.errors import Cancelled

CUBE = 0.3  # half the edge of what the test models see, in the unit cube


def add_mesh(
    name: str, vertices: np.ndarray, faces: list[list[int]] | None = None
) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces or [])
    made = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(made)
    bpy.context.view_layer.objects.active = made
    made.select_set(True)
    return made


def scan(seed: int = 0) -> np.ndarray:
    """Points all over a box of edges 2, 1 and 0.5 around (5, 6, 7), its corners included."""
    random = np.random.default_rng(seed)
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    return np.concatenate([random.uniform(-1, 1, (200, 3)), corners]) * [1, 0.5, 0.25] + [5, 6, 7]


def world_vertices(item: bpy.types.Object) -> np.ndarray:
    return scene_io.read_cloud(item, bpy.context.evaluated_depsgraph_get())().points


def assert_seen_as_cube(source: np.ndarray, made: np.ndarray, angle: float) -> None:
    """The models see a cube of half size 0.3 in the cube around the bounding box of their input.

    source: (N, 3) and made: (M, 3) in the world; angle: how far the input was seen turned round z.
    """
    turn = np.array(Matrix.Rotation(angle, 3, "Z"))
    source, made = source @ turn, made @ turn
    low, high = source.min(0), source.max(0)
    middle, edge = (low + high) / 2, (high - low).max()
    np.testing.assert_allclose(made.min(0), middle - CUBE * edge, atol=0.01 * edge)
    np.testing.assert_allclose(made.max(0), middle + CUBE * edge, atol=0.01 * edge)


def snapshot() -> dict[str, object]:
    """Whatever of the scene an error must not change."""
    return {
        "objects": sorted(bpy.data.objects.keys()),
        "meshes": sorted(bpy.data.meshes.keys()),
        "selected": sorted(item.name for item in bpy.context.selected_objects),
        "active": bpy.context.active_object and bpy.context.active_object.name,
    }


def test_registers_twice_and_leaves_nothing() -> None:
    assert hasattr(bpy.types.Scene, "onet")
    onet_blender.unregister()
    for owner in (bpy.types.Scene, bpy.types.Object):
        assert not hasattr(owner, "onet")
    assert not hasattr(bpy.types, "ONET_PT_reconstruct")
    onet_blender.register()
    assert bpy.ops.onet.reconstruct.poll()


def test_never_imports_torch() -> None:
    assert "torch" not in sys.modules
    assert not [name for name in sys.modules if name.startswith("onet_core.surface")]


# Euler angles XYZ: the last one is how far the object is turned round the vertical.
PLACES = {
    "plain": (Vector((0, 0, 0)), (0, 0, 0), Vector((1, 1, 1))),
    "moved, turned, scaled": (Vector((3, -2, 1)), (0.4, 0.3, -0.7), Vector((2, 0.5, 3))),
    "mirrored": (Vector((0, 0, 9)), (0, 0, 1), Vector((-1, 1, 1))),
}


def matrix_of(place: str) -> Matrix:
    location, angles, scale = PLACES[place]
    return Matrix.LocRotScale(location, Euler(angles), scale)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["POINTS", "VOXELS"])
def test_result_lies_exactly_over_its_source(models: Path, kind: str, place: str) -> None:
    parent = bpy.data.objects.new("parent", None)
    bpy.context.collection.objects.link(parent)
    parent.location = (1, 2, 3)
    faces = [[i, i + 1, i + 2] for i in range(0, 204, 3)] if kind == "VOXELS" else None
    source = add_mesh("source", scan(), faces)
    source.parent = parent
    source.matrix_world = matrix_of(place)
    bpy.context.view_layer.update()
    model = models / f"cube_{kind.lower()}.safetensors"
    assert bpy.ops.onet.reconstruct(
        kind=kind, source="source", model=str(model), resolution=64, refinement_steps=0
    ) == {"FINISHED"}
    made = bpy.context.active_object
    assert made is not source
    assert bpy.context.selected_objects == [made]
    np.testing.assert_allclose(
        np.array(made.matrix_world), np.array(source.matrix_world), atol=1e-5
    )
    points = world_vertices(source)
    if kind == "VOXELS":
        points = points[:204]  # those that have faces
    assert_seen_as_cube(points, world_vertices(made), PLACES[place][1][2])
    assert all(polygon.use_smooth for polygon in made.data.polygons)
    assert not made.data.validate(), "Blender had to repair the mesh"
    assert made.onet.source == "source"


def test_result_lies_over_a_sheared_source(models: Path) -> None:
    parent = bpy.data.objects.new("parent", None)
    bpy.context.collection.objects.link(parent)
    parent.scale = (3, 1, 0.5)
    source = add_mesh("source", scan())
    source.parent = parent
    source.rotation_euler = (0.5, 0.6, 0.7)
    bpy.context.view_layer.update()
    assert bpy.ops.onet.reconstruct(
        kind="POINTS", source="source", model=str(models / "cube_points.safetensors"),
        resolution=64, refinement_steps=0,
    ) == {"FINISHED"}  # fmt: skip
    angle = np.arctan2(*np.array(source.matrix_world)[1::-1, 0])  # of its x axis
    made = world_vertices(bpy.context.active_object)
    assert_seen_as_cube(world_vertices(source), made, angle)


@pytest.mark.parametrize("place", PLACES)
def test_faces_look_outwards(models: Path, place: str) -> None:
    source = add_mesh("source", scan())
    source.matrix_world = matrix_of(place)
    bpy.context.view_layer.update()
    bpy.ops.onet.reconstruct(
        kind="POINTS", model=str(models / "cube_points.safetensors"), resolution=32
    )
    made = bpy.context.active_object
    surface = scene_io.read_surface(made, bpy.context.evaluated_depsgraph_get())()
    vertices, triangles = surface.vertices, surface.triangles
    if made.matrix_world.determinant() < 0:
        triangles = triangles[:, ::-1]  # what Blender itself does when it draws a mirrored object
    corners = vertices[triangles]
    volume = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume > 0


def test_modifiers_are_applied_to_the_source(models: Path) -> None:
    source = add_mesh("source", scan())
    source.modifiers.new("array", "ARRAY").relative_offset_displace = (1, 0, 0)
    bpy.ops.onet.reconstruct(
        kind="POINTS", model=str(models / "cube_points.safetensors"), resolution=32
    )
    found = world_vertices(bpy.context.active_object)
    # Two boxes of edge 2 in a row: the middle moves by 1, the edge doubles.
    np.testing.assert_allclose((found.min(0) + found.max(0)) / 2, [6, 6, 7], atol=0.05)
    np.testing.assert_allclose(found.max(0) - found.min(0), 2 * CUBE * 4, atol=0.1)


def add_point_cloud(points: np.ndarray) -> bpy.types.Object:
    """A PointCloud object with these points, by the only way that Blender 4.2 has: nodes."""
    tree = bpy.data.node_groups.new("points", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    source = tree.nodes.new("GeometryNodeObjectInfo")
    source.inputs["Object"].default_value = add_mesh("vertices", points)
    convert, out = tree.nodes.new("GeometryNodeMeshToPoints"), tree.nodes.new("NodeGroupOutput")
    tree.links.new(source.outputs["Geometry"], convert.inputs["Mesh"])
    tree.links.new(convert.outputs["Points"], out.inputs[0])
    made = bpy.data.objects.new("cloud", bpy.data.pointclouds.new("cloud"))
    bpy.context.collection.objects.link(made)
    made.modifiers.new("nodes", "NODES").node_group = tree
    bpy.context.view_layer.objects.active = made
    return made


def test_point_cloud_object(models: Path) -> None:
    cloud = add_point_cloud(scan())
    assert cloud.type == "POINTCLOUD"
    cloud.location = (10, 0, 0)
    bpy.context.view_layer.update()
    bpy.ops.onet.reconstruct(
        kind="POINTS", model=str(models / "cube_points.safetensors"), resolution=32
    )
    assert bpy.context.active_object.type == "MESH"
    found = world_vertices(bpy.context.active_object)
    np.testing.assert_allclose((found.min(0) + found.max(0)) / 2, [15, 6, 7], atol=0.02)


def test_imported_ply(models: Path, tmp_path: Path) -> None:
    lines = [
        "ply",
        "format ascii 1.0",
        "element vertex 208",
        "property float x",
        "property float y",
        "property float z",
        "end_header",
        *(f"{x} {y} {z}" for x, y, z in scan()),
    ]
    (tmp_path / "scan.ply").write_text("\n".join(lines) + "\n")
    bpy.ops.wm.ply_import(filepath=str(tmp_path / "scan.ply"))
    bpy.ops.onet.reconstruct(
        kind="POINTS", model=str(models / "cube_points.safetensors"), resolution=32
    )
    found = world_vertices(bpy.context.active_object)
    np.testing.assert_allclose((found.min(0) + found.max(0)) / 2, [5, 6, 7], atol=0.02)


def test_picture_stands_at_the_cursor(models: Path) -> None:
    image = bpy.data.images.new("photo.png", 64, 48, alpha=True)
    pixels = np.zeros((48, 64, 4), dtype=np.float32)
    pixels[12:36, 20:44] = (1, 0, 0, 1)
    image.pixels.foreach_set(pixels.ravel())
    bpy.context.scene.cursor.location = (1, 2, 3)
    bpy.ops.onet.reconstruct(
        kind="IMAGE",
        picture="photo.png",
        model=str(models / "cube_picture.safetensors"),
        resolution=32,
    )
    made = bpy.context.active_object
    found = world_vertices(made)
    np.testing.assert_allclose(made.location, (1, 2, 3))
    np.testing.assert_allclose(found.min(0), [1 - CUBE, 2 - CUBE, 3], atol=0.02)


def test_picture_pixels_are_what_was_drawn() -> None:
    image = bpy.data.images.new("photo", 3, 2, alpha=True)
    values = (
        np.array([[0, 51, 102, 255], [255, 0, 0, 255], [0, 0, 0, 0]] * 2, dtype=np.float32) / 255
    )
    values[3:] = values[3:] * [1, 1, 1, 0.2]
    image.pixels.foreach_set(values.ravel())
    pixels = all_at_once(pictures.pixels_in_pieces(image))
    assert pixels.shape == (2, 3, 4)
    assert pixels[1, 0].tolist() == [0, 51, 102, 255], "Blender's first row is the lowest"
    assert pixels[0, 0].tolist() == [0, 51, 102, 51]


def test_one_undo_removes_exactly_the_new_object(models: Path) -> None:
    add_mesh("source", scan())
    bpy.ops.ed.undo_push(message="before")
    model = str(models / "cube_points.safetensors")
    # The second argument has the operator push its undo step, as a click does.
    bpy.ops.onet.reconstruct(
        "EXEC_DEFAULT", True, kind="POINTS", source="source", model=model, resolution=32
    )
    assert len(bpy.data.objects) == 2
    bpy.ops.ed.undo()
    assert bpy.data.objects.keys() == ["source"]
    assert [mesh.name for mesh in bpy.data.meshes if mesh.users] == ["source"]


def one_point() -> None:
    add_mesh("bad", np.zeros((1, 3)))


def equal_points() -> None:
    add_mesh("bad", np.ones((50, 3)))


def not_numbers() -> None:
    add_mesh("bad", np.full((50, 3), np.nan))


def empty() -> None:
    add_mesh("bad", np.zeros((0, 3)))


def flattened() -> None:
    add_mesh("bad", scan()).scale = (1, 0, 1)
    bpy.context.view_layer.update()


def lamp() -> None:
    item = bpy.data.objects.new("bad", bpy.data.lights.new("bad", "SUN"))
    bpy.context.collection.objects.link(item)
    bpy.context.view_layer.objects.active = item


@pytest.mark.parametrize("prepare", [one_point, equal_points, not_numbers, empty, flattened, lamp])
def test_bad_points_leave_the_scene_untouched(models: Path, prepare) -> None:
    prepare()
    before = snapshot()
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.onet.reconstruct(kind="POINTS", model=str(models / "cube_points.safetensors"))
    assert "Traceback" not in str(caught.value)
    assert snapshot() == before


@pytest.mark.parametrize(
    ("arguments", "wording"),
    [
        ({"kind": "VOXELS"}, "no faces"),
        ({"kind": "IMAGE"}, "picture"),
        ({"kind": "POINTS", "model": "no such model"}, "no model"),
        ({"kind": "POINTS", "model": "cube_voxels"}, "cube_voxels"),
        ({"kind": "POINTS", "model": "cube_points", "threshold": 0.95}, "threshold"),
        ({"kind": "POINTS", "source": "no such object"}, "No object"),
    ],
)
def test_errors_are_one_sentence_and_change_nothing(
    models: Path, arguments: dict, wording: str
) -> None:
    add_mesh("source", scan())
    before = snapshot()
    if arguments.get("model", "").startswith("cube"):
        arguments = {**arguments, "model": str(models / f"{arguments['model']}.safetensors")}
    with pytest.raises(RuntimeError, match=wording):
        bpy.ops.onet.reconstruct(resolution=32, **arguments)
    assert snapshot() == before


def test_missing_runtime_is_an_ordinary_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONET_RUNTIME_PYTHON", raising=False)
    add_mesh("source", scan())
    with pytest.raises(RuntimeError, match="runtime is not set"):
        bpy.ops.onet.reconstruct(kind="POINTS")
    monkeypatch.setenv("ONET_RUNTIME_PYTHON", "/no/such/python")
    with pytest.raises(RuntimeError, match="no Python at"):
        bpy.ops.onet.check_runtime()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_worker_is_replaced(models: Path) -> None:
    add_mesh("source", scan())
    arguments = {
        "kind": "POINTS",
        "source": "source",
        "resolution": 32,
        "model": str(models / "cube_points.safetensors"),
    }
    bpy.ops.onet.reconstruct(**arguments)
    process = engine_session.process_id()
    assert process is not None
    os.kill(process, signal.SIGKILL)
    assert bpy.ops.onet.reconstruct(**arguments) == {"FINISHED"}
    assert engine_session.process_id() != process
    assert bpy.ops.onet.free_memory() == {"FINISHED"}
    assert not engine_session.running()


def test_check_tells_the_runtime(runtime_python: str) -> None:
    assert bpy.ops.onet.check_runtime() == {"FINISHED"}
    wording = str(activity.message("onet.check_runtime"))
    assert "PyTorch" in wording
    assert re.search(r"A coarse shape takes [\d.]+ s, which is (fast|fine|slow)", wording)


def test_speed_in_words() -> None:
    words = [str(trial.in_words(seconds)) for seconds in (0.04, 0.3, 0.31, 1.96, 45.0)]
    assert [wording.partition("which is ")[2].split()[0].strip(":") for wording in words] == [
        "fast", "fast", "fine", "fine", "slow",
    ]  # fmt: skip
    assert words[3].startswith("A coarse shape takes 2.0 s")


def test_a_check_can_be_cancelled(runtime_python: str) -> None:
    engine_session.close()
    asked = {**reconstruction.options(choices={"resolution": 512}), "seed": 0}
    tried = trial.Trial(engine_session.client(runtime()), asked, lambda found: None)
    while not tried._found:
        tried.poll(wait=0.1)
    tried.cancel()
    with pytest.raises(Cancelled):
        tried.result()
    assert bpy.ops.onet.check_runtime() == {"FINISHED"}


def test_model_lists_are_sorted_by_kind_of_input(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_list, "runtime", lambda: Runtime(None, "auto", (models,)))
    model_list.forget_listing()
    names = {
        kind: [item[0] for item in model_list.model_items(kind)]
        for kind in model_list.NETWORK_KINDS
    }
    for kind, own in (
        ("IMAGE", "cube_picture"),
        ("POINTS", "cube_points"),
        ("VOXELS", "cube_voxels"),
        ("NONE", "cube_seed"),
    ):
        assert names[kind][0] == "AUTO"
        assert own in names[kind]
        assert sum(name.startswith("cube_") for name in names[kind]) == 1


def test_long_messages_are_wrapped() -> None:
    sentence = "There is no surface at this threshold: choose a lower one, such as 0.1."
    lines = text.wrapped(sentence, 38)
    assert " ".join(lines) == sentence
    assert max(map(len, lines)) <= 38
    assert text.wrapped("", 38) == []
    assert text.wrapped("within 1 % of the size", 8) == ["within", "1 % of", "the size"]
    assert text.wrapped("in 0.3 s, fast (9 GB)", 6) == ["in", "0.3 s,", "fast", "(9 GB)"]
    wide = text.wrapped("wide ill ill ill", 9, lambda line: len(line) + line.count("w"))
    assert wide == ["wide ill", "ill ill"]
