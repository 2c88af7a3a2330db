"""The worker beside a Blender: it goes when that goes, it is hardly waited for, and it rests."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest

from onet_blender.operators.runtime import read_log
from onet_blender.runtime import engine_session
from onet_blender.runtime.chosen import PACKAGE, runtime
from onet_blender.scene import reconstruction
from onet_blender.scene.pieces import Gradual
from onet_blender.scene.preparation import Preparation

ROOT = Path(__file__).resolve().parents[3]
SECONDS_OF_PATIENCE = 120
MILLISECONDS_OF_STALL = 50
IN_THE_MIDDLE = """
import sys, time
import bpy, numpy
import addon_utils  # there once bpy is
assert addon_utils.enable("onet_blender")
from onet_blender.runtime import engine_session
from onet_blender.runtime.chosen import runtime
points = numpy.random.default_rng(0).normal(size=(1000, 3))
points /= numpy.linalg.norm(points, axis=1, keepdims=True)
asked = {"kind": "points", "model": sys.argv[1], "device": "cpu", "settings": {"resolution": 512}}
job = engine_session.client(runtime()).start("reconstruct", asked, {"points": points})
while not any(event.stage not in ("start", "load") for event in job.poll()):
    assert not job.done
    time.sleep(0.01)
print("worker", engine_session.process_id(), flush=True)
time.sleep(600)
"""


def add_scan() -> bpy.types.Object:
    points = np.random.default_rng(0).uniform(-1, 1, (2000, 3))
    mesh = bpy.data.meshes.new("scan")
    mesh.from_pydata(points.tolist(), [], [])
    made = bpy.data.objects.new("scan", mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks the process up in /proc")
def test_no_worker_outlives_a_blender_that_is_killed(models: Path) -> None:
    blender = subprocess.Popen(
        [sys.executable, "-c", IN_THE_MIDDLE, str(models / "cube_points.safetensors")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert blender.stdout is not None
    worker = 0
    for line in blender.stdout:
        if line.startswith("worker "):
            worker = int(line.split()[1])
            break
    assert worker
    assert is_running(worker)
    blender.kill()
    blender.wait()
    deadline = time.monotonic() + SECONDS_OF_PATIENCE
    while is_running(worker):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_how_long_blender_waits(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No call of a reconstruction keeps the main thread for long, by the thread's own time.

    The same with what is large, without a worker: `test_pieces.py`.
    """
    item = add_scan()
    engine_session.close()  # so that starting the worker is measured too
    stalls: dict[str, float] = {}

    def measured(name: str, since: float) -> None:
        stalls[name] = max(stalls.get(name, 0.0), 1000 * (time.thread_time() - since))

    model = str(models / "cube_points.safetensors")
    params = reconstruction.options(model, {"resolution": 192}, device="cpu")
    begin = time.thread_time()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    pieces = reconstruction.prepare_object(item, "POINTS", depsgraph, params)
    work = Preparation(pieces, reconstruction.start)
    measured("start", begin)
    while not work.done:
        begin = time.thread_time()
        work.poll()
        measured("poll", begin)
        time.sleep(0.01)
    placing = Gradual(reconstruction.place_in_pieces(bpy.context, work.prepared, work.result()))
    while not placing.done:
        begin = time.thread_time()
        placing.step()
        measured("place", begin)
        placing.wait(1.0)
    faces = len(placing.result.data.polygons)
    assert faces > 100_000
    assert "torch" not in sys.modules
    printed = ", ".join(f"{name} {value:.0f} ms" for name, value in stalls.items())
    with capsys.disabled():
        print(f"\nlongest stalls of the main thread: {printed} ({faces:,} faces)")
    assert max(stalls.values()) < MILLISECONDS_OF_STALL, printed


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
        assert read_log("WORKER")
    finally:
        choices.property_unset("idle_minutes")
        engine_session.close()
