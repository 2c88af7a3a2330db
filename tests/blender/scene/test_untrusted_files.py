"""What a .blend file from anywhere can name: no model by path, no pipe, no broken codes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import bpy
import numpy as np
import pytest

from onet_blender import activity
from onet_blender.morph import live
from onet_blender.morph.codes import code_text
from onet_blender.morph.steps import MORPH, step_of
from onet_blender.pictures import images
from onet_blender.properties import model_list, stored_models
from onet_blender.properties.stored_models import is_path, stored_model
from onet_blender.runtime import engine_session
from onet_core.errors import InputError, ModelError
from onet_core.models.catalogue import LARGEST_HEADER, list_models

CODE = code_text(np.zeros(8))


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new session: other tests have given paths of models."""
    monkeypatch.setattr(stored_models, "_given", set())


def add_morph(name: str, model: str, *codes: str) -> bpy.types.Object:
    """As a file may hold it, whoever wrote it."""
    made = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    bpy.context.scene.collection.objects.link(made)
    made.onet.kind, made.onet.chosen_model, made.onet.resolution = MORPH, model, 16
    for code in codes:
        made.onet.morph.stops.add().code = code
    return made


def reopened(path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))


@pytest.mark.parametrize(
    "model",
    ["/etc/passwd", "//host/share/x.safetensors", r"\\host\share\x.safetensors", "../x", "x.pt",
     "C:x", "pipe.safetensors", "a\0b"],
)  # fmt: skip
def test_a_path_is_no_name(model: str) -> None:
    assert is_path(model)
    with pytest.raises(ModelError, match="which is not followed: put the model into"):
        stored_model(model)


def test_names_are_names() -> None:
    for model in ("", "points", "my model 2"):
        assert stored_model(model) == model


@pytest.mark.parametrize("kind", ["weights", "pipe", "folder", "share"])
def test_opening_a_file_reads_no_model_that_it_names(
    runtime_python: str, models: Path, tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    place = {
        "weights": models / "cube_seed.safetensors",
        "pipe": tmp_path / "pipe.safetensors",
        "folder": tmp_path,
        "share": Path("//host/share/cube.safetensors"),
    }[kind]
    if kind == "pipe":
        os.mkfifo(place)
    started = engine_session.process_id()
    add_morph("Morph", str(place), CODE, CODE)
    start = time.monotonic()
    reopened(tmp_path / "hostile.blend")
    bpy.context.scene.frame_set(3)
    assert time.monotonic() - start < 5
    assert "which is not followed" in capfd.readouterr().err
    assert engine_session.process_id() == started
    # The buttons about it say the same.
    item = bpy.data.objects["Morph"]
    bpy.context.view_layer.objects.active = item
    with pytest.raises(RuntimeError, match="which is not followed"):
        bpy.ops.onet.update_morph()
    with pytest.raises(RuntimeError, match="which is not followed"):
        bpy.ops.onet.bake_morph()


def test_a_model_that_was_given_by_path_in_this_session_stays_usable(
    runtime_python: str, models: Path
) -> None:
    model = str(models / "cube_seed.safetensors")
    for seed in (1, 2):
        bpy.ops.onet.generate(model=model, seed=seed, resolution=16)
    for item in bpy.data.objects:
        item.select_set(True)
    assert bpy.ops.onet.morph(resolution=16) == {"FINISHED"}


@pytest.mark.parametrize(
    "codes",
    [(CODE, code_text(np.zeros(9))), (CODE, "garbage!"), ("", ""), (code_text([np.nan] * 8), CODE)],
)
def test_one_morph_with_bad_codes_spoils_no_other(
    runtime_python: str,
    models: Path,
    tmp_path: Path,
    codes: tuple[str, str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = str(models / "cube_seed.safetensors")
    bpy.ops.onet.generate(model=model, seed=1, resolution=16)
    good = bpy.context.active_object.onet.code
    add_morph("Bad", model, *codes)
    add_morph("Good", model, good, good)
    reopened(tmp_path / "scene.blend")
    bpy.context.scene.frame_set(2)
    assert len(bpy.data.objects["Good"].data.polygons) > 0
    assert len(bpy.data.objects["Bad"].data.polygons) == 0
    said = capfd.readouterr().err
    assert "ONet: Bad: " in said
    assert "Traceback" not in said
    assert "Bad" in str(activity.message(live.OPERATOR))


def test_an_error_that_nobody_foresaw_spoils_one_morph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from onet_blender.morph import handlers

    seen = []

    def slider_moved(item: bpy.types.Object, *_: object) -> None:
        seen.append(item.name)
        raise ValueError("odd")

    for name in ("A", "B"):
        add_morph(name, "points", CODE, CODE)
    monkeypatch.setattr(handlers.live, "slider_moved", slider_moved)
    monkeypatch.setattr(handlers.live, "show_now", slider_moved)
    handlers.on_frame(bpy.context.scene)
    handlers.on_change()
    assert seen == ["A", "B", "A", "B"]
    assert step_of(bpy.data.objects["A"])


def test_a_picture_whose_file_is_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    image = bpy.data.images.new("photo", 8, 8)
    image.file_format, image.filepath_raw = "PNG", str(picture)
    image.save()
    bpy.data.images.remove(image)
    image = bpy.data.images.load(str(picture))
    picture.unlink()
    os.mkfifo(picture)
    start = time.monotonic()
    with pytest.raises(InputError, match="pipe or a device"):
        images.assert_readable(image)
    assert time.monotonic() - start < 1


# Listing models


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ONET_MODELS", str(tmp_path))
    model_list.forget_listing()
    return tmp_path


def test_listing_opens_regular_files_only(folder: Path) -> None:
    os.mkfifo(folder / "pipe.safetensors")
    (folder / "circle.safetensors").symlink_to("circle.safetensors")
    (folder / "device.safetensors").symlink_to("/dev/zero")
    (folder / "folder.safetensors").mkdir()
    size = 10 * 2**20
    with (folder / "header.safetensors").open("wb") as file:
        file.write(size.to_bytes(8, "little") + b'{"a":"' + b"x" * (size - 8) + b'"}')
    assert size > LARGEST_HEADER
    start = time.monotonic()
    errors = {entry.name: entry.error for entry in list_models() if entry.error}
    assert time.monotonic() - start < 1
    assert set(errors) == {"pipe", "circle", "device", "folder", "header"}
    assert {entry.name for entry in model_list.listed_models()} >= {"points", "pipe"}


def test_a_slow_folder_keeps_nobody_waiting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def slow(folders: object, *, shipped_only: bool = False) -> object:
        if not shipped_only:
            calls.append(folders)
            time.sleep(2)
        return list_models((), shipped_only=True)

    monkeypatch.setattr(model_list, "list_models", slow)
    monkeypatch.setattr(model_list, "SECONDS_IN_BACKGROUND", 0.1)
    start = time.monotonic()
    for _ in range(3):
        assert {entry.name for entry in model_list.listed_models()} >= {"points", "voxels"}
    assert time.monotonic() - start < 1.5
    assert len(calls) == 1
