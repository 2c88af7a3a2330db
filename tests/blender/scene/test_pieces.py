"""How long Blender's main thread is kept, at the longest, by what is large; and what is half made.

By the time of the thread, not of the clock: a busy machine is slow without Blender being stalled.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any

import bpy
import numpy as np
import pytest
from large_things import SECONDS_OF_STALL, Triangles, longest, waves
from numpy.typing import NDArray

from onet_blender.pictures import images as pictures
from onet_blender.scene import meshes, reconstruction, scene_io
from onet_blender.scene.generation import place_in_pieces as place_samples
from onet_blender.scene.pieces import Gradual, Pieces, Room, all_at_once, in_background
from onet_blender.scene.preparation import Finished, Preparation
from onet_blender.scene.reconstruction import Request
from onet_blender.scene.sources import digest
from onet_core.engine.client import Answer
from onet_core.errors import Cancelled, InputError
from onet_core.sentences import Sentence

SECONDS_OF_PATIENCE = 60


@pytest.fixture(scope="module")
def fine() -> Triangles:
    """As fine as what the highest preset makes of a shape that fills its box: 500,000 faces."""
    return waves(500_000)


def answer_of(fine: Triangles, **more: Any) -> Answer:
    vertices, faces = fine
    values = {"model": "test", "seconds": {}, "up_axis": "z"}
    return Answer(values, {"vertices": vertices.astype(np.float64), "faces": faces, **more})


def add(name: str, mesh: bpy.types.Mesh) -> bpy.types.Object:
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.objects.active = made
    return made


def request_for(name: str, **more: Any) -> Request:
    return Request(
        "reconstruct", {"model": ""}, bpy.context.scene.name, "POINTS", name, name, **more
    )


# How long it takes


def test_a_fine_coloured_mesh_does_not_stall(fine: Triangles) -> None:
    source = add("source", meshes.make_mesh("source", *waves(2)))
    colours = np.full((len(fine[0]), 3), 200, dtype=np.uint8)
    answer = answer_of(fine, colours=colours)
    request = request_for("fine", overlays=source.name)
    seconds = longest(lambda: reconstruction.place_in_pieces(bpy.context, request, answer))
    assert seconds < SECONDS_OF_STALL
    made = bpy.context.view_layer.objects.active
    assert len(made.data.polygons) == len(fine[1])
    assert len(made.data.color_attributes[0].data) == len(fine[0])


def test_a_grid_of_fine_meshes_does_not_stall(fine: Triangles) -> None:
    (vertices, faces), count = fine, 4
    values = {"model": "test", "seconds": {}, "vertex_counts": [len(vertices)] * count}
    values["face_counts"] = [len(faces)] * count
    arrays = {"vertices": np.tile(vertices, (count, 1)), "faces": np.tile(faces, (count, 1))}
    answer = Answer(values, {**arrays, "latents": np.zeros((count, 8))})
    place = (bpy.context, bpy.context.scene.name, range(count), answer, {"model": ""}, {})
    assert longest(lambda: place_samples(*place)) < SECONDS_OF_STALL
    assert len(bpy.context.selected_objects) == count


def test_a_large_scan_does_not_stall() -> None:
    points = np.random.default_rng(0).normal(size=(1_000_000, 3)).astype(np.float32)
    mesh = bpy.data.meshes.new("scan")
    mesh.vertices.add(len(points))
    mesh.attributes["position"].data.foreach_set("vector", points.ravel())
    attribute = mesh.color_attributes.new("Color", "BYTE_COLOR", "POINT")
    attribute.data.foreach_set("color_srgb", np.full(4 * len(points), 0.5, dtype=np.float32))
    scan = add("scan", mesh)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    choices = {"colours": True, "remove_outliers": True}
    request: list[Request] = []

    def prepare() -> Pieces[None]:
        pieces = reconstruction.prepare_object(scan, "POINTS", depsgraph, {}, choices)
        request.append((yield from pieces))

    assert longest(prepare) < SECONDS_OF_STALL
    np.testing.assert_array_equal(request[0].arrays["points"], points)
    assert request[0].arrays["colours"].min() == request[0].arrays["colours"].max() == 128


def test_a_large_blocky_mesh_does_not_stall(fine: Triangles) -> None:
    item = add("blocks", meshes.make_mesh("blocks", *fine))
    depsgraph = bpy.context.evaluated_depsgraph_get()
    prepare = reconstruction.prepare_object
    assert longest(lambda: prepare(item, "VOXELS", depsgraph, {})) < SECONDS_OF_STALL


def test_a_sculpt_of_half_a_million_quads_does_not_stall() -> None:
    count = 711
    row, column = np.mgrid[0:count, 0:count]
    vertices = np.stack([column, row, np.sin(column / 9)], axis=-1).reshape(-1, 3)
    first = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    quads = np.stack([first, first + 1, first + count + 1, first + count], axis=1)
    mesh = bpy.data.meshes.new("quads")
    mesh.from_pydata(vertices, [], quads)
    item = add("quads", mesh)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    prepare = reconstruction.prepare_object
    for kind in ("VOXELS", "POINTS"):
        assert longest(lambda kind=kind: prepare(item, kind, depsgraph, {})) < SECONDS_OF_STALL


def test_starts_of_faces_are_copied_whole() -> None:
    """Never number by number in any Blender that there is; they are Blender's own."""
    mesh = bpy.data.meshes.new("mixed")
    vertices = np.random.default_rng(0).normal(size=(9, 3))
    mesh.from_pydata(vertices, [], [[0, 1, 2], [2, 3, 4, 5], [5, 6, 7, 8, 0], [1, 3, 5]])
    assert meshes.starts_of(mesh).tolist() == [0, 3, 7, 12]

    class Guarded:
        """The mesh, whose faces refuse to be asked one by one."""

        polygons = type("Faces", (), {
            "__len__": lambda _: len(mesh.polygons),
            "__getitem__": lambda _, number: mesh.polygons[number],
        })()  # fmt: skip

    assert meshes.starts_of(Guarded()).tolist() == [0, 3, 7, 12]  # type: ignore[arg-type]
    assert len(meshes.starts_of(bpy.data.meshes.new("empty"))) == 0


def test_memory_for_a_sculpt_is_there_before_blender_fills_it() -> None:
    """Got anew it takes several times as long as being filled does: whatever is read finds its."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=200, ring_count=200)
    item = bpy.context.active_object
    item.data.color_attributes.new("Color", "FLOAT_COLOR", "CORNER")
    depsgraph = bpy.context.evaluated_depsgraph_get()
    room = Room(scene_io.room_for(item.evaluated_get(depsgraph)))
    assert len(room.left) == 6
    with room.used():
        found = scene_io.read_surface(item, depsgraph)
        digest(item, depsgraph)
    assert room.left == []
    assert len(found().triangles) == 2 * 200 * 199
    # Others have theirs as ever, as has who asks for another size.
    assert Room.empty((3, 2), np.float32).shape == (3, 2)
    with Room([24]).used():
        assert Room.empty((3, 2), np.float64).shape == (3, 2)


def test_a_photo_does_not_stall() -> None:
    photo = bpy.data.images.new("photo", 3000, 2000)
    assert longest(lambda: pictures.pixels_in_pieces(photo)) < SECONDS_OF_STALL


# What it comes to


@pytest.mark.parametrize("closed", [False, True])
def test_edges_are_blenders_own(closed: bool) -> None:
    vertices, faces = waves(60_000)
    if closed:
        bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=7)
        ball = bpy.context.active_object.data
        vertices = scene_io.column(ball.vertices, "co", 3, np.float32)
        faces = scene_io.column(ball.polygons, "vertices", 3, np.int32)
    arrays = meshes.MeshArrays.of(vertices, faces)
    assert arrays.edges is not None
    mesh = bpy.data.meshes.new("ours")
    meshes.fill_mesh(mesh, arrays)
    theirs = bpy.data.meshes.new("theirs")
    theirs.from_pydata(vertices, [], faces)

    def edges_of(mesh: bpy.types.Mesh) -> NDArray[np.int32]:
        edges = np.sort(scene_io.column(mesh.edges, "vertices", 2, np.int32), axis=1)
        return edges[np.lexsort(edges.T)]

    np.testing.assert_array_equal(edges_of(mesh), edges_of(theirs))
    assert not mesh.validate(verbose=True), "Blender corrected something"
    assert not any(edge.is_loose for edge in mesh.edges)


@pytest.mark.parametrize(
    "faces",
    [
        [[0, 1, 2], [0, 2, 3]],
        [[0, 1, 2, 3], [0, 3, 4]],
        [[1, 2, 3, 0], [0, 3, 4], [4, 3, 2, 1]],
        [[0, 1, 2, 3, 4]],
    ],
)
def test_triangles_are_blenders_own(faces: list[list[int]]) -> None:
    mesh = bpy.data.meshes.new("faces")
    # The quad is bent inwards: only one of its diagonals will do.
    mesh.from_pydata([(0, 0, 0), (2, 0, 0), (0.5, 0.5, 0), (0, 2, 0), (-1, 1, 0)], [], faces)
    attribute = mesh.color_attributes.new("Color", "FLOAT_COLOR", "CORNER")
    colours = np.random.default_rng(0).random((len(mesh.loops), 4)).astype(np.float32)
    attribute.data.foreach_set("color", colours.ravel())
    item = add("faces", mesh)
    surface = scene_io.read_surface(item, bpy.context.evaluated_depsgraph_get())()
    mesh.calc_loop_triangles()
    triangles = [list(triangle.vertices) for triangle in mesh.loop_triangles]
    assert surface.triangles.tolist() == triangles
    loops = [list(triangle.loops) for triangle in mesh.loop_triangles]
    colours = scene_io.column(attribute.data, "color_srgb", 4, np.float32)[loops][..., :3]
    assert np.abs(surface.colours - 255 * colours).max() <= 0.5 + 1e-3


# What is left where it does not come to its end


def names() -> tuple[list[str], list[str]]:
    return bpy.data.objects.keys(), bpy.data.meshes.keys()


def begun(fine: Triangles) -> Gradual[Any]:
    """A mesh that is half made."""
    pieces = reconstruction.place_in_pieces(bpy.context, request_for("fine"), answer_of(fine))
    half = Gradual(pieces)
    while "fine" not in bpy.data.meshes:
        half.wait(1.0)
        half.step()
    assert not half.done
    return half


def finish(half: Gradual[Any]) -> None:
    while not half.step():
        half.wait(1.0)


def test_what_is_cancelled_leaves_nothing(fine: Triangles) -> None:
    before = names()
    begun(fine).close()
    assert names() == before


def test_a_step_back_cancels(fine: Triangles) -> None:
    before = names()
    half = begun(fine)
    bpy.data.meshes.remove(bpy.data.meshes["fine"])  # as undo does
    with pytest.raises(Cancelled):
        finish(half)
    assert names() == before


def test_a_scene_that_goes_meanwhile_takes_its_mesh_along(fine: Triangles) -> None:
    other = bpy.data.scenes.new("other")
    request = Request("reconstruct", {"model": ""}, "other", "POINTS", "fine", "fine")
    half = Gradual(reconstruction.place_in_pieces(bpy.context, request, answer_of(fine)))
    half.step()
    bpy.data.scenes.remove(other)
    before = names()
    with pytest.raises(InputError, match="other is gone"):
        finish(half)
    assert names() == before


def test_errors_of_the_preparation_arrive_where_the_answer_would() -> None:
    started = threading.Event()

    def refused() -> None:
        started.wait(SECONDS_OF_PATIENCE)
        raise InputError("too bad")

    def pieces() -> Pieces[None]:
        yield None
        work = in_background(refused)
        yield work
        work.result()

    work = Preparation(pieces(), lambda _: pytest.fail("asked the worker"))
    started.set()
    with pytest.raises(InputError, match="too bad"):
        work.result()
    assert work.done
    with pytest.raises(InputError, match="too bad"):
        all_at_once(pieces())


def test_what_is_being_prepared_is_told() -> None:
    steps = [threading.Event(), threading.Event()]

    def pieces() -> Pieces[int]:
        for number, step in enumerate(steps):
            yield Sentence("Reading frame {frame}", frame=number)
            yield in_background(partial(step.wait, SECONDS_OF_PATIENCE))
        return 5

    work = Preparation(pieces(), lambda found: Finished())
    seen = []
    for step in steps:
        seen += [str(event.stage) for event in work.poll()]
        assert work.poll() == []
        step.set()
        seen += [str(event.stage) for event in work.poll(SECONDS_OF_PATIENCE)]
    assert seen == ["Reading frame 0", "Reading frame 1"]
    work.result()
    assert all_at_once(pieces()) == 5


def test_cancelled_while_it_is_prepared() -> None:
    def pieces() -> Pieces[None]:
        while True:
            yield in_background(lambda: time.sleep(0.05))

    work = Preparation(pieces(), lambda _: pytest.fail("asked the worker"))
    assert work.poll() == []
    work.cancel()
    assert work.done
    with pytest.raises(Cancelled):
        work.result()
