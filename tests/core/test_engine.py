"""The worker and its client: real processes, and everything that can go wrong with them."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from onet_core.engine import client as client_module
from onet_core.engine.client import EngineClient
from onet_core.engine.methods import between
from onet_core.engine.protocol import ProtocolError, read_message, write_message
from onet_core.errors import Cancelled, EngineError, InputError, ModelError, NoSurfaceError
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.weights import save_weights


@pytest.fixture
def client() -> Iterator[EngineClient]:
    engine = EngineClient(sys.executable)
    yield engine
    engine.close()


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    """A generative model whose field is about 20 (0.35 - |p|_1): an octahedron."""
    description = ModelDescription(
        "ball", "Ball", "occupancy_network", "none",
        {"decoder": "simple", "c_dim": 0, "z_dim": 2, "decoder_kwargs": {"hidden_size": 6}},
        threshold=0.5,
    )
    network = build_network(description)
    state = {key: torch.zeros_like(value) for key, value in network.state_dict().items()}
    state["decoder.fc_p.weight"] = torch.cat([torch.eye(3), -torch.eye(3)])
    state["decoder.fc_out.weight"] = torch.full((1, 6), -20.0)
    state["decoder.fc_out.bias"] = torch.tensor([7.0])
    network.load_state_dict(state)
    save_weights(tmp_path / "ball.safetensors", network, description)
    return tmp_path / "ball.safetensors"


def test_messages_survive_the_way() -> None:
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros((0, 3), np.int64),
        "big": np.arange(3, dtype=">f8"), "flag": np.array(True), "t": np.eye(3)[:, :2].T,
    }
    stream = io.BytesIO()
    write_message(stream, {"type": "x", "text": "ä\n"}, arrays)
    write_message(stream, {"type": "y"})
    stream.seek(0)
    header, read = read_message(stream)
    assert header == {"type": "x", "text": "ä\n"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].flags.writeable
    assert read_message(stream) == ({"type": "y"}, {})
    with pytest.raises(EOFError):
        read_message(stream)


def header_line(**entry: object) -> bytes:
    return json.dumps({"arrays": [entry]}).encode() + b"\n"


@pytest.mark.parametrize(
    "content",
    [
        b"not json\n", b"[]\n", b"{}\n", b"{\"arrays\": []}", b"x" * (2**20 + 5),
        header_line(name="a", dtype="|O", shape=[1]), header_line(name="a", dtype="<f4", shape=[-1]),
        header_line(name="a", dtype="<f4", shape=[2**40]), header_line(name="a", dtype="<f4", shape=[3]),
        header_line(name="a", dtype="<f4", shape=["3"]), header_line(name="a"),
    ],
)
def test_malformed_messages_are_refused(content: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_message(io.BytesIO(content))


def test_objects_are_not_sent() -> None:
    with pytest.raises(ValueError, match="can't be sent"):
        write_message(io.BytesIO(), {}, {"a": np.array([object()])})


def test_client_imports_neither_torch_nor_anything_but_numpy() -> None:
    code = "import sys, onet_core.engine.client as c; print([m for m in ('torch','scipy','trimesh','PIL') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_hello_and_models(client: EngineClient, ball: Path) -> None:
    info = client.call("hello").values
    assert info["torch"] == torch.__version__
    assert info["devices"][0]["name"] == "cpu"
    listed = client.call("models", {"folders": [str(ball.parent)]}).values["models"]
    assert "ball" in [entry["name"] for entry in listed]


def test_generates_and_reports_progress(client: EngineClient, ball: Path) -> None:
    seen: list[float] = []
    answer = client.call(
        "generate",
        {"model": str(ball), "seed": 1, "settings": {"resolution": 64}, "device": "cpu"},
        on_progress=lambda stage, fraction: seen.append(fraction),
    )
    assert seen == sorted(seen)
    # |x| + |y| + |z| = 0.35 touches each axis at 0.35.
    np.testing.assert_allclose(answer.arrays["vertices"].max(0), 0.35, atol=0.01)
    assert answer.arrays["faces"].dtype == np.int32
    assert answer.arrays["latent"].shape == (2,)


def test_bad_input_is_told_and_the_worker_lives_on(client: EngineClient, ball: Path) -> None:
    process = None
    cloud = np.random.default_rng(0).normal(size=(50, 3))
    for method, params, arrays, error in [
        ("reconstruct", {}, {}, InputError),
        ("reconstruct", {}, {"points": np.zeros((0, 3))}, InputError),
        ("reconstruct", {}, {"points": np.full((50, 3), np.nan)}, InputError),
        ("reconstruct", {}, {"points": np.zeros((50, 3))}, InputError),
        ("reconstruct", {}, {"vertices": cloud, "faces": np.zeros((0, 3), np.int64)}, InputError),
        ("reconstruct", {"path": "no such file.ply"}, {}, InputError),
        ("reconstruct", {"model": str(ball)}, {"points": cloud}, ModelError),
        ("generate", {"model": "no such model", "seed": 0}, {}, ModelError),
        ("generate", {"model": str(ball), "seed": 0, "settings": {"no": 1}}, {}, InputError),
        ("generate", {"model": str(ball), "seed": 0, "settings": {"threshold": 0.9999}}, {},
         NoSurfaceError),
        ("generate", {"model": str(ball)}, {}, EngineError),
        ("no such method", {}, {}, EngineError),
    ]:
        with pytest.raises(error) as caught:
            client.call(method, params, arrays)
        assert "\n" not in str(caught.value)
        assert client.alive
        process = process or client.process_id
        assert client.process_id == process
    assert client.call("hello").values["python"]


def test_cancel_stops_the_job_and_keeps_the_worker(client: EngineClient, ball: Path) -> None:
    client.call("hello")
    process = client.process_id
    params = {"model": str(ball), "seed": 0, "settings": {"resolution": 1024}, "device": "cpu"}
    job = client.start("generate", params)
    while not any(event.kind == "progress" for event in job.poll(wait=1.0)):
        assert not job.done
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()
    assert client.process_id == process
    assert client.call("hello").values["python"]


def test_an_exception_in_the_progress_callback_cancels(client: EngineClient, ball: Path) -> None:
    def impatient(stage: str, fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.call("generate", {"model": str(ball), "seed": 0}, on_progress=impatient)
    assert client.call("hello").values["python"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_worker_is_told_and_replaced(client: EngineClient, ball: Path) -> None:
    client.call("hello")
    process = client.process_id
    assert process is not None
    job = client.start("generate", {"model": str(ball), "seed": 0, "settings": {"resolution": 1024}})
    os.kill(process, signal.SIGKILL)
    with pytest.raises(EngineError, match="memory"):
        job.result()
    assert client.call("hello").values["python"]
    os.kill(client.process_id or 0, signal.SIGKILL)
    time.sleep(0.3)
    assert client.call("hello").values["python"], "a worker that died while idle is replaced"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_hanging_worker_is_ended_when_cancelled(
    client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SECONDS_TO_CANCEL", 0.5)
    client.call("hello")
    os.kill(client.process_id or 0, signal.SIGSTOP)
    job = client.start("hello")
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()
    assert client.call("hello").values["python"]


def test_time_out(client: EngineClient, ball: Path) -> None:
    client.call("hello")
    params = {"model": str(ball), "seed": 0, "settings": {"resolution": 1024}}
    with pytest.raises(EngineError, match="did not answer"):
        client.call("generate", params, timeout=0.2)
    assert client.call("hello").values["python"]


def test_two_clients_do_not_mix(client: EngineClient, ball: Path) -> None:
    other = EngineClient(sys.executable)
    params = {"model": str(ball), "settings": {"resolution": 32}}
    jobs = [engine.start("generate", {**params, "seed": i}) for i, engine in enumerate((client, other))]
    first, second = (job.result().arrays["latent"] for job in jobs)
    assert not np.array_equal(first, second)
    other.close()
    assert not other.alive
    assert client.alive


def test_many_messages(client: EngineClient) -> None:
    for _ in range(1000):
        client.call("free")


def test_idle_worker_ends_by_itself() -> None:
    engine = EngineClient(sys.executable, idle_seconds=0.3)
    engine.call("free")
    deadline = time.monotonic() + 20
    while engine.alive and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not engine.alive
    engine.call("free")
    engine.close()


def test_worker_ends_with_its_parent(tmp_path: Path) -> None:
    code = f"""
        import os
        from onet_core.engine.client import EngineClient
        engine = EngineClient({sys.executable!r})
        engine.call("free")
        print(engine.process_id, flush=True)
        os._exit(1)
    """
    out = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True,
                         check=False)
    process = int(out.stdout)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{process}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{process}").exists()


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
@pytest.mark.parametrize(
    ("text", "told"),
    [("echo broken installation >&2; exit 3", "broken installation"),
     ("echo this is no protocol; sleep 1", "could not be started")],
)
def test_interpreters_that_do_not_work(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(EngineError, match=told):
        EngineClient(script(tmp_path / "python", text)).call("hello")
    with pytest.raises(EngineError, match="no Python at"):
        EngineClient(tmp_path / "missing").call("hello")
    (tmp_path / "text").write_text("not a program")
    with pytest.raises(EngineError, match="can't be started"):
        EngineClient(tmp_path / "text").call("hello")


def test_runtime_without_torch_is_told(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    python = tmp_path / "bare" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    with pytest.raises(EngineError, match="lacks the package"):
        EngineClient(python).call("hello")


def test_prints_of_libraries_do_not_reach_the_protocol(tmp_path: Path) -> None:
    # A stand-in for a library that writes to file descriptor 1.
    code = """
        import os, sys
        from onet_core.engine import methods, worker
        def noisy(params, arrays, report):
            print("noise"); os.write(1, b"more noise"); return {"fine": True}, {}
        methods.METHODS["hello"] = noisy
        worker.main()
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    write_message(process.stdin, {"type": "request", "id": 1, "method": "hello"})
    assert read_message(process.stdout)[0]["type"] == "ready"
    assert read_message(process.stdout)[0]["type"] == "progress"
    assert read_message(process.stdout)[0]["result"] == {"fine": True}
    process.stdin.close()
    assert process.wait(20) == 0


def test_way_between_two_latents() -> None:
    first, second = np.array([2.0, 0.0]), np.array([0.0, 4.0])
    np.testing.assert_allclose(between(first, second, 0), first, atol=1e-12)
    np.testing.assert_allclose(between(first, second, 1), second, atol=1e-12)
    np.testing.assert_allclose(between(first, second, 0.5), 3 * np.array([0.5, 0.5]) ** 0.5)
    np.testing.assert_allclose(between(first, 2 * first, 0.5), 1.5 * first)
