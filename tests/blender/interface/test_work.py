"""Work beside the interface, what a call takes from the panel, and where its mesh goes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from onet_blender import activity
from onet_blender.activity import Activity
from onet_blender.pictures import images as pictures
from onet_blender.properties import model_list
from onet_blender.runtime import engine_session
from onet_blender.runtime.chosen import Runtime, describe, runtime
from onet_blender.scene import reconstruction, sources
from onet_blender.scene.pieces import all_at_once
from onet_blender.scene.reconstruction import Request
from onet_core.errors import Cancelled, EngineError, InputError
from onet_core.settings import QUALITIES

SECONDS_OF_PATIENCE = 300  # much more than it takes: the machine may be busy


def add_scan(name: str = "scan", scene: bpy.types.Scene | None = None) -> bpy.types.Object:
    """An object of loose points in a box of edges 2, 2 and 2 around the origin, active."""
    points = np.random.default_rng(0).uniform(-1, 1, (300, 3))
    points[:2] = [[-1, -1, -1], [1, 1, 1]]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points.tolist(), [], [])
    made = bpy.data.objects.new(name, mesh)
    (scene or bpy.context.scene).collection.objects.link(made)
    if scene is None:
        bpy.context.view_layer.objects.active = made
    return made


def request_of(item: bpy.types.Object, models: Path, resolution: int = 32) -> Request:
    params = reconstruction.options(
        str(models / "cube_points.safetensors"), {"resolution": resolution}, device="cpu"
    )
    depsgraph = bpy.context.evaluated_depsgraph_get()
    return all_at_once(reconstruction.prepare_object(item, "POINTS", depsgraph, params))


def reconstruct(models: Path, **arguments: object) -> bpy.types.Object:
    """The operator on points at a low resolution; returns the new object."""
    arguments = {"model": str(models / "cube_points.safetensors"), "resolution": 32, **arguments}
    assert bpy.ops.onet.reconstruct(**arguments) == {"FINISHED"}
    return bpy.context.active_object


def wait(activity: Activity, until: Callable[[], bool] | None = None) -> None:
    """What the interface's timer does, until the end or a condition."""
    start = time.monotonic()
    while not activity.done and not (until and until()):
        activity.step()
        time.sleep(0.01)
        assert time.monotonic() - start < SECONDS_OF_PATIENCE


# Work under way


def test_progress_goes_up_and_is_told_in_words(models: Path) -> None:
    request = request_of(add_scan(), models, resolution=128)
    work = activity.begin("onet.reconstruct", reconstruction.start(request))
    assert activity.current() is work
    fractions, stages = [], []

    def note() -> bool:
        fractions.append(work.fraction)
        stages.append(str(work.stage))
        return False

    wait(work, note)
    activity.end()
    assert activity.current() is None
    assert fractions == sorted(fractions)
    assert work.fraction == 1
    assert set(stages) <= {str(stage) for stage in activity.STAGES.values()}
    assert len(work.result().arrays["faces"]) > 1000


def test_cancelled_work_ends_soon_and_the_worker_goes_on(models: Path) -> None:
    before = sorted(item.name for item in bpy.data.objects)
    request = request_of(add_scan(), models, resolution=512)
    work = activity.begin("onet.reconstruct", reconstruction.start(request))
    wait(work, lambda: work.fraction > 0)
    process = engine_session.process_id()
    assert bpy.ops.onet.cancel.poll()
    assert not bpy.ops.onet.free_memory.poll(), "the worker is needed"
    start = time.monotonic()
    bpy.ops.onet.cancel()
    assert str(work.stage) == "Cancelling"
    wait(work)
    activity.end()
    with pytest.raises(Cancelled):
        work.result()
    assert time.monotonic() - start < 10
    assert engine_session.process_id() == process
    assert sorted(item.name for item in bpy.data.objects) == [*before, "scan"]
    assert not bpy.ops.onet.cancel.poll()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_worker_killed_at_work_is_one_sentence(models: Path) -> None:
    scan = add_scan()
    work = activity.begin(
        "onet.reconstruct", reconstruction.start(request_of(scan, models, resolution=512))
    )
    wait(work, lambda: work.fraction > 0)
    process = engine_session.process_id()
    assert process is not None
    os.kill(process, signal.SIGKILL)
    wait(work)
    activity.end()
    with pytest.raises(EngineError, match="killed"):
        work.result()
    assert bpy.data.objects.keys() == ["scan"]
    assert reconstruct(models, source="scan").name == "scan (ONet)"


# What a call takes from the panel


def test_calls_follow_the_panel(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []

    def compute(request: Request) -> None:
        asked.append(request)
        raise InputError("far enough")

    monkeypatch.setattr(reconstruction, "start", compute)
    scan, other = add_scan(), add_scan("other")
    choices = bpy.context.scene.onet
    choices.quality = "HIGH"
    for given in ({}, {"resolution": 64}, {"source": "scan"}):
        with pytest.raises(RuntimeError, match="far enough"):
            bpy.ops.onet.reconstruct(**given)
    choices.source = scan
    with pytest.raises(RuntimeError, match="far enough"):
        bpy.ops.onet.reconstruct()
    assert [request.source for request in asked] == ["other", "other", "scan", "scan"]
    settings = [request.params["settings"] for request in asked]
    high = QUALITIES["high"]
    assert [item["resolution"] for item in settings] == [256, 64, 256, 256]
    assert all(item["refinement_steps"] == high["refinement_steps"] for item in settings)
    assert other.name == "other"


def test_a_second_try_is_about_the_same_input(models: Path) -> None:
    add_scan()
    first = reconstruct(models)
    assert bpy.context.active_object == first
    assert [item.name for item in sources.chosen_objects(bpy.context)] == ["scan"]
    second = reconstruct(models)
    assert (first.name, second.name) == ("scan (ONet)", "scan (ONet).001")
    assert second.onet.source == "scan"
    bpy.data.objects.remove(bpy.data.objects["scan"])
    assert sources.chosen_objects(bpy.context) == []  # not made from itself


def test_model_files_are_found_from_anywhere(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models)
    add_scan()
    assert reconstruct(models, model="cube_points.safetensors").onet.model == "cube_points"


# Where the mesh goes


@pytest.mark.parametrize("hide", ["exclude", "hide_viewport"])
def test_hidden_collections_do_not_swallow_the_result(models: Path, hide: str) -> None:
    add_scan()
    hidden = bpy.data.collections.new("hidden")
    bpy.context.scene.collection.children.link(hidden)
    layer = bpy.context.view_layer.layer_collection.children["hidden"]
    bpy.context.view_layer.active_layer_collection = layer
    setattr(layer, hide, True)
    made = reconstruct(models, source="scan")
    assert made.name in bpy.context.scene.collection.objects
    assert bpy.context.selected_objects == [made]


def test_result_goes_to_the_active_collection(models: Path) -> None:
    add_scan()
    chosen = bpy.data.collections.new("chosen")
    bpy.context.scene.collection.children.link(chosen)
    layer = bpy.context.view_layer.layer_collection.children["chosen"]
    bpy.context.view_layer.active_layer_collection = layer
    assert reconstruct(models, source="scan").name in chosen.objects


def test_result_goes_where_its_source_is_by_now(models: Path) -> None:
    """The scene may change while the worker is at work."""
    scan = add_scan()
    request = request_of(scan, models)
    answer = reconstruction.compute(request)
    scan.location = (10, 0, 0)
    home = bpy.context.scene
    bpy.context.view_layer.update()
    made = reconstruction.place(bpy.context, request, answer)
    assert tuple(made.matrix_world.translation) == (10, 0, 0)
    bpy.data.objects.remove(scan)
    made = reconstruction.place(bpy.context, request, answer)
    assert tuple(made.matrix_world.translation) == (0, 0, 0)

    elsewhere = bpy.data.scenes.new("elsewhere")
    bystander = add_scan("bystander", elsewhere)
    request = request_of(add_scan(), models)
    context = SimpleNamespace(scene=elsewhere, view_layer=elsewhere.view_layers[0])
    made = reconstruction.place(context, request, answer)
    assert made.name in home.collection.objects
    assert list(elsewhere.objects) == [bystander]

    lost = Request("reconstruct", {}, "no such scene", "POINTS", "name", "source")
    count = len(bpy.data.meshes)
    with pytest.raises(InputError, match="no such scene"):
        reconstruction.place(bpy.context, lost, answer)
    assert len(bpy.data.meshes) == count


@pytest.mark.parametrize("way", ["hide_viewport", "unlink"])
def test_objects_that_are_switched_off_are_refused(models: Path, way: str) -> None:
    scan = add_scan()
    if way == "unlink":
        bpy.context.scene.collection.objects.unlink(scan)
    else:
        scan.hide_viewport = True
    with pytest.raises(RuntimeError, match="switched off"):
        reconstruct(models, source="scan")


def test_far_away_objects_keep_their_digits(models: Path) -> None:
    scan = add_scan()
    scan.location = (100_000, -50_000, 0)
    bpy.context.view_layer.update()
    made = reconstruct(models)
    assert made.matrix_world == scan.matrix_world
    vertices = np.array([vertex.co for vertex in made.data.vertices])
    np.testing.assert_allclose(vertices.min(0), -0.6, atol=0.04)
    np.testing.assert_allclose(vertices.max(0), 0.6, atol=0.04)


# Pictures


def test_float_pictures_are_shown_as_srgb() -> None:
    image = bpy.data.images.new("photo", 2, 1, alpha=True, float_buffer=True)
    # Half transparent grey, multiplied with alpha as Blender stores it; not a number.
    image.pixels.foreach_set([0.25, 0.25, 0.25, 0.5, np.nan, 7, -1, 1])
    pixels = all_at_once(pictures.pixels_in_pieces(image))
    assert pixels[0, 0].tolist() == [188, 188, 188, 128]  # linear 0.5 is sRGB 0.735
    assert pixels[0, 1].tolist() == [0, 255, 0, 255]


def test_pictures_without_pixels_are_refused(models: Path, tmp_path: Path) -> None:
    image = bpy.data.images.new("lost", 4, 4)
    image.source = "FILE"
    image.filepath = str(tmp_path / "lost.png")
    with pytest.raises(RuntimeError, match="has no pixels"):
        bpy.ops.onet.reconstruct(
            kind="IMAGE", picture="lost", model=str(models / "cube_picture.safetensors")
        )


# Preferences and models


def preferences() -> bpy.types.AddonPreferences:
    return bpy.context.preferences.addons["onet_blender"].preferences


@pytest.fixture
def own_preferences() -> object:
    """The preferences, as they were afterwards."""
    kept = preferences()
    names = ("runtime_python", "device", "model_folder")
    before = {name: getattr(kept, name) for name in names}
    yield kept
    for name, value in before.items():
        setattr(kept, name, value)


def test_preferences_decide(
    own_preferences: bpy.types.AddonPreferences, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ONET_RUNTIME_PYTHON", "/from/outside")
    assert runtime() == Runtime(Path("/from/outside"), "auto", ())
    own_preferences.runtime_python = "/from/preferences"
    own_preferences.device = "cpu"
    own_preferences.model_folder = str(tmp_path)
    assert runtime() == Runtime(Path("/from/preferences"), "cpu", (tmp_path,))
    with pytest.raises(RuntimeError, match="no Python at /from/preferences"):
        bpy.ops.onet.check_runtime()


def test_own_folder_offers_its_models(
    models: Path, own_preferences: bpy.types.AddonPreferences, tmp_path: Path
) -> None:
    choices = bpy.context.scene.onet
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    own_preferences.model_folder = str(tmp_path)
    assert [entry.name for entry in model_list.listed_models() if entry.error] == ["broken"]
    own_preferences.model_folder = str(models)
    choices.input_kind = "POINTS"
    choices.model = "cube_points"
    add_scan()
    bpy.ops.onet.reconstruct(resolution=32)
    assert bpy.context.active_object.onet.model == "cube_points"
    # Another kind of input has other models.
    choices.input_kind = "VOXELS"
    assert choices.model == model_list.AUTOMATIC


def test_a_chosen_model_is_the_same_in_another_list(
    models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Files store a number: it must not depend on what else is there."""
    for name in ("a_first", "cube_points", "z_last"):
        (tmp_path / f"{name}.safetensors").symlink_to(models / "cube_points.safetensors")
    numbers = []
    for folder in (models, tmp_path):
        monkeypatch.setattr(model_list, "runtime", lambda: Runtime(None, "auto", (folder,)))  # noqa: B023
        model_list.forget_listing()
        items = model_list.model_items("POINTS")
        numbers.append(next(item[4] for item in items if item[0] == "cube_points"))
        assert len({item[4] for item in items}) == len(items)
    model_list.forget_listing()
    assert numbers[0] == numbers[1]


def test_check_tells_what_is_missing() -> None:
    found = {
        "python": "3.12.1",
        "torch": "2.6.0",
        "executable": "/runtime/python",
        "missing": [],
        "devices": [
            {"name": "cpu", "title": "", "free_bytes": 8 * 2**30},
            {"name": "cuda:0", "title": "A card"},
        ],
    }
    assert str(describe(Runtime(None, "cuda"), found)) == (
        "Works: Python 3.12.1, PyTorch 2.6.0; can compute on the processor (8 GB free), A card"
    )
    with pytest.raises(EngineError, match=r"'mps'.*cpu, cuda:0"):
        describe(Runtime(None, "mps"), found)
    with pytest.raises(EngineError, match="lacks scipy, trimesh"):
        describe(Runtime(None), {**found, "missing": ["scipy", "trimesh"]})
    old = {"name": "mps", "title": "Apple GPU", "needs_torch": "2.13"}
    found["devices"].append(old)
    assert "Apple" not in str(describe(Runtime(None, "auto"), found))
    with pytest.raises(EngineError, match=r"Apple GPU needs PyTorch 2.13.* has 2.6.0"):
        describe(Runtime(None, "mps"), found)
    found["devices"][-1] = {**old, "needs_torch": ""}
    assert "Apple" in str(describe(Runtime(None, "mps"), found))
