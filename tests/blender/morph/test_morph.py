"""Morphs in Blender: making, sliding, keyframes, files, undo, baking, what is refused."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from cube_morphs import (
    RESOLUTION,
    SEEDS,
    TOLERANCE,
    assert_is_cube,
    generate,
    half_at,
    keyframed,
    vertices_of,
)

from onet_blender.morph import handlers, live, steps
from onet_blender.morph.cache import MeshCache
from onet_blender.morph.codes import code_of, code_text
from onet_blender.scene.meshes import MeshArrays


def test_the_sizes_differ_enough_to_see() -> None:
    assert abs(half_at(0) - half_at(1)) > 4 * TOLERANCE


def test_codes_survive_as_text() -> None:
    values = np.random.default_rng(0).standard_normal(300).astype(np.float32)
    np.testing.assert_array_equal(code_of(code_text(values)), values)
    with pytest.raises(Exception, match="damaged"):
        code_of("no base64!")


def test_a_morph_starts_as_its_first_shape_in_front_of_all(morph: bpy.types.Object) -> None:
    assert (morph.onet.kind, morph.onet.model) == ("MORPH", "sized")
    assert [stop.name for stop in morph.onet.morph.stops] == ["Sized 3", "Sized 8"]
    assert [item.name for item in bpy.context.selected_objects] == [morph.name]
    samples = [bpy.data.objects[stop.name] for stop in morph.onet.morph.stops]
    assert morph.location.y < min(item.location.y for item in samples)
    assert_is_cube(vertices_of(morph), half_at(0))


def test_the_slider_gives_the_shape_between(morph: bpy.types.Object) -> None:
    paint = bpy.data.materials.new("paint")
    morph.data.materials.append(paint)
    mesh = morph.data
    for value in (0.3, 1.0, 0.0):
        morph.onet.morph.value = value
        assert_is_cube(vertices_of(morph), half_at(value))
    assert morph.data == mesh
    assert list(mesh.materials) == [paint]


def test_three_shapes_are_met_in_turn(sized: Path) -> None:
    generate(sized, 3, 8, 2)
    bpy.ops.onet.morph(resolution=RESOLUTION)
    made = bpy.context.active_object
    made.onet.morph.value = 0.5
    assert_is_cube(vertices_of(made), half_at(1.0))


def test_the_slider_can_be_keyframed(morph: bpy.types.Object) -> None:
    keyframed(morph)
    scene = bpy.context.scene
    seen = {}
    for frame in (1, 6, 11, 6):
        scene.frame_set(frame)
        vertices = vertices_of(morph)
        assert_is_cube(vertices, half_at((frame - 1) / 10))
        # The same frame is the same mesh, whatever was shown before, cached or not.
        if frame in seen:
            np.testing.assert_array_equal(vertices, seen[frame])
        seen[frame] = vertices
        steps.cache.clear()


def test_scrubbing_back_asks_the_worker_for_nothing(
    morph: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (0.25, 0.75):
        morph.onet.morph.value = value
    monkeypatch.setattr(steps.Step, "start", lambda self: pytest.fail("asked the worker"))
    morph.onet.morph.value = 0.25
    assert_is_cube(vertices_of(morph), half_at(0.25))


def test_the_cache_is_bounded_and_drops_what_was_not_used_for_longest() -> None:
    shape = MeshArrays(np.zeros((10, 3), np.float32), np.zeros((10, 3), np.int32))  # 240 bytes
    cache = MeshCache(most_bytes=700)
    for key in "ab":
        cache.put(key, shape)
    assert cache.get("a") is shape
    cache.put("c", shape)
    cache.put("c", shape)
    assert (len(cache), cache.size) == (2, 480)
    assert cache.get("b") is None
    assert cache.get("a") is shape
    cache.clear()
    assert (len(cache), cache.size) == (0, 0)


def test_files_keep_morphs(morph: bpy.types.Object, tmp_path: Path) -> None:
    keyframed(morph)
    name, path = morph.name, str(tmp_path / "morph.blend")
    bpy.context.scene.frame_set(6)
    codes = [stop.code for stop in morph.onet.morph.stops]
    bpy.ops.wm.save_as_mainfile(filepath=path)
    steps.cache.clear()
    bpy.ops.wm.open_mainfile(filepath=path)
    loaded = bpy.data.objects[name]
    assert [stop.code for stop in loaded.onet.morph.stops] == codes
    assert_is_cube(vertices_of(loaded), half_at(0.5))
    bpy.context.scene.frame_set(11)
    assert_is_cube(vertices_of(loaded), half_at(1.0))


def test_frames_are_rendered_with_their_own_mesh(morph: bpy.types.Object, tmp_path: Path) -> None:
    keyframed(morph)
    scene = bpy.context.scene
    seen = {}

    def look(scene: bpy.types.Scene, depsgraph: object = None) -> None:
        seen[scene.frame_current] = np.ptp(vertices_of(morph)[:, 0]) / 2

    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.render.filepath = str(tmp_path / "frame")
    scene.frame_start, scene.frame_end, scene.frame_step = 1, 11, 5
    bpy.app.handlers.render_post.append(look)
    try:
        bpy.ops.render.render(animation=True)
    finally:
        bpy.app.handlers.render_post.remove(look)
    assert sorted(seen) == [1, 6, 11]
    for frame, half in seen.items():
        assert half == pytest.approx(half_at((frame - 1) / 10), abs=TOLERANCE)


def test_undo_brings_slider_and_mesh_back_together(sized: Path) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    generate(sized, *SEEDS)
    bpy.ops.onet.morph("EXEC_DEFAULT", True, resolution=RESOLUTION)
    name = bpy.context.active_object.name
    bpy.ops.ed.undo_push(message="made")
    bpy.data.objects[name].onet.morph.value = 1.0
    bpy.ops.ed.undo_push(message="moved")
    bpy.ops.ed.undo()
    item = bpy.data.objects[name]
    assert item.onet.morph.value == 0
    assert_is_cube(vertices_of(item), half_at(0))
    bpy.ops.ed.redo()
    item = bpy.data.objects[name]
    assert item.onet.morph.value == 1
    assert_is_cube(vertices_of(item), half_at(1))


def test_duplicates_that_share_a_mesh_get_their_own(morph: bpy.types.Object) -> None:
    twin = morph.copy()
    bpy.context.scene.collection.objects.link(twin)
    assert twin.data == morph.data
    twin.onet.morph.value = 1.0
    assert_is_cube(vertices_of(twin), half_at(1))
    assert_is_cube(vertices_of(morph), half_at(0))


# Sliding beside the interface, the timer called by hand


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a window: nothing waits, and the timer is ours."""

    class App:
        background = False

        def __getattr__(self, name: str) -> object:
            return getattr(bpy.app, name)

    class Bpy:
        app = App()

        def __getattr__(self, name: str) -> object:
            return getattr(bpy, name)

    monkeypatch.setattr(live, "bpy", Bpy())
    monkeypatch.setattr(handlers, "bpy", Bpy())


def run_timer(until: object, seconds: float = 60.0) -> None:
    import time

    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        live._look()
        time.sleep(0.01)
    assert until()


def test_previews_while_it_moves_and_the_full_mesh_when_it_rests(
    morph: bpy.types.Object, window: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    morph.onet.morph.preview = 16
    asked = []
    start = steps.Step.start
    monkeypatch.setattr(steps.Step, "start", lambda step: (asked.append(step), start(step))[1])
    try:
        for value in (0.2, 0.4, 0.6):
            morph.onet.morph.value = value
            assert vertices_of(morph).shape  # nothing waits
        run_timer(lambda: not live.waiting())
    finally:
        live.stop()
    # The newest value won: what lay between was never asked for.
    assert [(step.value, step.resolution, step.is_preview) for step in asked] == [
        (0.6, 16, True),
        (0.6, RESOLUTION, False),
    ]
    assert_is_cube(vertices_of(morph), half_at(0.6))
    assert not live.waiting()


def test_an_object_deleted_meanwhile_is_no_error(morph: bpy.types.Object, window: None) -> None:
    morph.onet.morph.value = 0.9
    live._look()
    bpy.data.objects.remove(morph)
    try:
        run_timer(lambda: not live.waiting())
    finally:
        live.stop()


def test_frames_in_the_viewport_are_what_is_there_at_once(
    morph: bpy.types.Object, window: None
) -> None:
    keyframed(morph)
    live.stop()
    step = steps.step_of(morph, 0.5)
    steps.cache.put(step, steps.compute(step))
    bpy.context.scene.frame_set(6)
    assert_is_cube(vertices_of(morph), half_at(0.5))
    assert not live.waiting()
    bpy.context.scene.frame_set(9)
    assert live.waiting()
    try:
        run_timer(lambda: not live.waiting())
    finally:
        live.stop()
    assert_is_cube(vertices_of(morph), half_at(0.8))


# What is refused


def test_bad_selections_are_one_sentence(sized: Path, models: Path) -> None:
    with pytest.raises(RuntimeError, match="needs two shapes or more"):
        bpy.ops.onet.morph(resolution=16)
    (one,) = generate(sized, 1)
    with pytest.raises(RuntimeError, match="needs two shapes or more"):
        bpy.ops.onet.morph(resolution=16)
    (other,) = generate(models / "cube_seed.safetensors", 1)
    one.select_set(True)
    with pytest.raises(RuntimeError, match=r"different models \(cube_seed and sized\)"):
        bpy.ops.onet.morph(resolution=16)
    other.select_set(False)
    empty = bpy.data.objects.new("empty", None)
    bpy.context.scene.collection.objects.link(empty)
    empty.select_set(True)
    with pytest.raises(RuntimeError, match="empty was not made by a model with a latent space"):
        bpy.ops.onet.morph(resolution=16)
    assert not [item for item in bpy.data.objects if item.onet.kind == "MORPH"]


def test_a_missing_model_is_told_and_the_mesh_stays(
    morph: bpy.types.Object, capfd: pytest.CaptureFixture[str]
) -> None:
    morph.onet.chosen_model = "gone"
    before = vertices_of(morph)
    morph.onet.morph.value = 0.5
    np.testing.assert_array_equal(vertices_of(morph), before)
    printed = capfd.readouterr().err
    assert "ONet Morph: There is no model 'gone'" in printed
    assert "Traceback" not in printed
    with pytest.raises(RuntimeError, match="There is no model 'gone'"):
        bpy.ops.onet.update_morph()


def test_reconstructions_by_one_code_can_be_morphed(models: Path) -> None:
    made = []
    for number in range(2):
        mesh = bpy.data.meshes.new("scan")
        mesh.from_pydata(np.random.default_rng(number).uniform(-1, 1, (50, 3)).tolist(), [], [])
        scan = bpy.data.objects.new("scan", mesh)
        bpy.context.scene.collection.objects.link(scan)
        bpy.context.view_layer.objects.active = scan
        model = str(models / "cube_points.safetensors")
        bpy.ops.onet.reconstruct(kind="POINTS", source=scan.name, model=model, resolution=16)
        made.append(bpy.context.active_object)
    for item in made:
        item.select_set(True)
    bpy.ops.onet.morph(resolution=RESOLUTION)
    morph = bpy.context.active_object
    assert len(code_of(morph.onet.morph.stops[0].code)) == 4
    assert_is_cube(vertices_of(morph), 0.3)
    morph.onet.morph.value = 0.5
    assert_is_cube(vertices_of(morph), 0.3)


# Other files and scenes


def test_morphs_of_other_files(morph: bpy.types.Object, tmp_path: Path) -> None:
    """Appended they slide on; linked and overridden ones stay as they are, without an error."""
    keyframed(morph)
    morph.onet.morph.value = 0.0
    name, path = morph.name, str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    for link in (False, True):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        with bpy.data.libraries.load(path, link=link) as (_, wanted):
            wanted.objects = [name]
        (item,) = wanted.objects
        bpy.context.scene.collection.objects.link(item)
        bpy.context.scene.frame_set(11)
        assert_is_cube(vertices_of(item), half_at(0 if link else 1))
    override = item.override_create(remap_local_usages=True)
    bpy.context.view_layer.objects.active = override
    bpy.context.scene.frame_set(6)
    assert not bpy.ops.onet.update_morph.poll()
    assert_is_cube(vertices_of(override), half_at(0))


def test_each_scene_has_its_own_frame(morph: bpy.types.Object) -> None:
    keyframed(morph)
    other = bpy.data.scenes.new("other")
    twin = morph.copy()
    twin.data = morph.data.copy()
    other.collection.objects.link(twin)
    twin.animation_data_clear()
    twin.onet.morph.value = 1.0
    bpy.context.scene.frame_set(6)
    assert_is_cube(vertices_of(morph), half_at(0.5))
    assert_is_cube(vertices_of(twin), half_at(1))
    other.frame_set(1)
    assert_is_cube(vertices_of(morph), half_at(0.5))
