"""The worker beside a Blender: how long Blender waits for it, its log, and when it rests."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest

from onet_blender import engine_session, reconstruction
from onet_blender.runtime import PACKAGE, runtime


def add_scan() -> bpy.types.Object:
    points = np.random.default_rng(0).uniform(-1, 1, (2000, 3))
    mesh = bpy.data.meshes.new("scan")
    mesh.from_pydata(points.tolist(), [], [])
    made = bpy.data.objects.new("scan", mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def test_how_long_blender_waits(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the main thread's longest stalls; how long they are depends on the machine."""
    item = add_scan()
    stalls: dict[str, float] = {}

    def measured(name: str, since: float) -> None:
        stalls[name] = max(stalls.get(name, 0.0), 1000 * (time.perf_counter() - since))

    model = str(models / "cube_points.safetensors")
    params = reconstruction.options(model, resolution=128, device="cpu")
    begin = time.perf_counter()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    request = reconstruction.request_from_object(item, "POINTS", depsgraph, params)
    job = reconstruction.start(request)
    measured("start", begin)
    while not job.done:
        begin = time.perf_counter()
        job.poll()
        measured("poll", begin)
        time.sleep(0.01)
    answer = job.result()
    begin = time.perf_counter()
    made = reconstruction.place(bpy.context, request, answer)
    measured("place", begin)
    assert len(made.data.polygons) > 1000
    assert "torch" not in sys.modules
    with capsys.disabled():
        told = ", ".join(f"{name} {value:.0f} ms" for name, value in stalls.items())
        print(f"\nlongest stalls of the main thread: {told} ({len(made.data.polygons):,} faces)")


def test_its_log_opens_as_a_text_and_it_rests(runtime_python: str) -> None:
    choices = bpy.context.preferences.addons[PACKAGE].preferences
    engine_session.close()
    choices.idle_minutes = 7
    try:
        assert runtime().idle_minutes == 7
        assert bpy.ops.onet.check_runtime() == {"FINISHED"}
        command = Path(f"/proc/{engine_session.process_id()}/cmdline")
        if command.exists():
            assert b"--idle-seconds\x00420" in command.read_bytes()
        assert bpy.ops.onet.show_log(which="WORKER") == {"FINISHED"}
        assert bpy.data.texts["ONet worker log"].as_string()
    finally:
        choices.property_unset("idle_minutes")
        engine_session.close()
