"""Disks without space, folders that can't be written to: one sentence each, nothing half-made.

They are real ones: small file systems in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
from large_things import waves
from test_runtime_setup import set_up, write_wheel

from onet_blender.headless import batch_job, command_line
from onet_blender.pictures import images as pictures
from onet_blender.runtime import engine_session
from onet_blender.runtime import setup as runtime_setup
from onet_blender.scene import meshes
from onet_core.errors import EngineError, InputError, OnetError

KIBIBYTE = 1024


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Has temporary files lie in a folder."""
    return lambda folder: monkeypatch.setattr(tempfile, "tempdir", str(folder))


# Results of a batch


@pytest.mark.parametrize("form", batch_job.EXPORTERS)
def test_results_are_whole_or_not_there(disk: Callable[..., Path], form: str) -> None:
    mesh = meshes.make_mesh("waves", *waves(40_000))
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("waves", mesh))
    full = disk(64 * KIBIBYTE)
    with pytest.raises(OnetError, match=rf"waves\.{form} can't be written: [^\n]*space") as caught:
        batch_job.export(full / "out" / f"waves.{form}", form)
    assert "Traceback" not in str(caught.value)
    assert list((full / "out").iterdir()) == []
    target = disk(64 * KIBIBYTE, readable_only=True) / "out" / f"waves.{form}"
    with pytest.raises(OnetError, match="can't be written: Read-only file system"):
        batch_job.export(target, form)


@pytest.mark.parametrize("form", [*batch_job.EXPORTERS, "keys"])
def test_files_are_no_larger_than_expected(tmp_path: Path, form: str) -> None:
    vertices, faces = waves(40_000)
    colours = np.full((len(vertices), 3), 123, dtype=np.uint8)
    mesh = meshes.make_mesh("waves", vertices * 123.456, faces, colours)
    item = bpy.data.objects.new("waves", mesh)
    bpy.context.scene.collection.objects.link(item)
    if form == "keys":
        for number in range(8):
            item.shape_key_add(name=str(number)).data[number].co.x += 1
        form = "glb"
    target = tmp_path / f"waves.{form}"
    batch_job.export(target, form)
    assert target.stat().st_size < batch_job.most_bytes(mesh)


def test_what_exporters_say_is_made_a_sentence() -> None:
    said = "Error: Python: Traceback (most recent call last):\n  File a\n    b()\nOSError: full\n\n"
    said += "Location: c:1"
    assert batch_job.reason_of(RuntimeError(said)) == "OSError: full"
    assert batch_job.reason_of(RuntimeError("Error: No space left.\n")) == "No space left"
    assert batch_job.reason_of(OSError(28, "No space left")) == "No space left"


def test_a_batch_goes_on_and_does_not_skip_later(
    models: Path,
    disk: Callable[..., Path],
    tmp_path: Path,
    shared_worker: None,
    capsys: pytest.CaptureFixture,
) -> None:
    full = disk(64 * KIBIBYTE)
    given = ["--resolution", "64", "--model", str(models / "cube_seed.safetensors")]
    status = command_line.run(["generate", "--output", str(full), "--format", "ply", *given])
    assert status == 2
    printed = capsys.readouterr().out
    assert "not enough space on the disk" in printed
    assert "Traceback" not in printed
    assert list(full.iterdir()) == []


# The runtime


@pytest.mark.once
def test_set_up_on_a_full_disk_leaves_nothing(
    disk: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(runtime_setup.SPACE, "small", 0)
    wheels, requirements = tmp_path / "wheels", tmp_path / "runtime.txt"
    wheels.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, 2**19, dtype=np.uint8).tobytes().hex()
    write_wheel(wheels, "torch", "2.0.1", f"__version__ = '2.0.1'\nnoise = {noise!r}\n")
    requirements.write_text("torch==2.0.1\n")
    home = disk(512 * KIBIBYTE) / "home"
    with pytest.raises(EngineError, match=r"^The disk is full: make room for the runtime"):
        set_up(home, requirements, wheels).result()
    assert [path.name for path in home.iterdir() if path.is_dir()] == []
    with pytest.raises(EngineError, match=r"can't be set up in .*: Read-only file system\.$"):
        set_up(disk(512 * KIBIBYTE, readable_only=True) / "home", requirements, wheels)


def test_removing_what_can_not_be_removed_is_told(disk: Callable[..., Path]) -> None:
    with pytest.raises(EngineError, match=r"can't be set up in .*: Read-only file system\.$"):
        runtime_setup.start_removal(disk(64 * KIBIBYTE, readable_only=True))


# The worker, models and pictures


def test_no_room_for_a_pictures_file(
    disk: Callable[..., Path], temporary: Callable[[Path], None]
) -> None:
    for size, readable_only in ((4 * KIBIBYTE, False), (64 * KIBIBYTE, True)):
        temporary(disk(size, readable_only))
        with (
            pytest.raises(InputError, match="can't be put among the temporary files"),
            pictures.folder_for_files() as folder,
        ):
            (folder / "picture.png").write_bytes(b"x" * 10 * KIBIBYTE)


def test_no_room_for_the_workers_log(
    runtime_python: str, disk: Callable[..., Path], temporary: Callable[[Path], None]
) -> None:
    engine_session.close()
    temporary(disk(64 * KIBIBYTE, readable_only=True))
    before = bpy.data.objects.keys()
    with pytest.raises(RuntimeError, match="log can't be made among the temporary files") as caught:
        bpy.ops.onet.generate(seed=1)
    assert "Traceback" not in str(caught.value)
    assert bpy.data.objects.keys() == before
