"""Workers that are stopped or wait for ever: noticed by silence, ended, reported, replaced."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from test_engine_client import begun, exists, stop

from onet_core.engine import alive
from onet_core.engine.client import EngineClient
from onet_core.errors import EngineError

# As it is, each test would take a quarter of a minute; one does.
SILENCE = 5.0
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.fixture(autouse=True)
def running(client: EngineClient) -> None:
    """The worker has answered once."""
    client.call("echo")


@pytest.mark.parametrize("how", ["stopped", "deadlock", "pipe"])
def test_a_worker_that_hangs_is_ended_and_told(
    client: EngineClient, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how != "stopped":
        monkeypatch.setattr(alive, "SECONDS_OF_SILENCE", SILENCE)
    process = client.process_id
    assert process is not None
    os.mkfifo(tmp_path / "pipe")
    method = {"stopped": "compute", "deadlock": "deadlock", "pipe": "pipe"}[how]
    job = begun(client.start(method, {"seconds": 600, "path": str(tmp_path / "pipe")}))
    if how == "stopped":
        stop(process)
    start = time.monotonic()
    with pytest.raises(EngineError, match="it hung, silent for"):
        job.result(timeout=60)
    assert time.monotonic() - start < 20
    assert not exists(process)
    assert client.call("echo", {"a": 1}).values["params"] == {"a": 1}


def test_a_worker_that_was_stopped_between_jobs_is_replaced(
    client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alive, "SECONDS_OF_SILENCE", SILENCE)
    process = client.process_id
    assert process is not None
    stop(process)
    answer = client.call("echo", {"a": 1}, timeout=60)
    assert answer.values["params"] == {"a": 1}
    assert answer.values["process"] != process
    assert not exists(process)


def test_work_that_lets_no_thread_run_is_no_hanging(
    client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries in C that keep Python's lock, as for reading a long text, hold heartbeats back."""
    monkeypatch.setattr(alive, "SECONDS_OF_SILENCE", 2.0)
    assert client.call("hoard", {"power": 23}, timeout=120).values["silent"] > 1


def test_processor_time_is_known(client: EngineClient) -> None:
    process = client._process
    assert process is not None
    before = alive.processor_seconds(process._child)
    assert before is not None
    after: float | None = before
    # A busy machine gives a part of that time.
    for _ in range(60):
        client.call("compute", {"seconds": 0.5})
        after = alive.processor_seconds(process._child)
        if after is None or after - before > 0.1:
            break
    assert after is not None
    assert 0.1 < after - before < 2


def test_work_that_reports_nothing_and_jobs_that_wait_are_no_hanging(
    client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alive, "SECONDS_OF_SILENCE", SILENCE)
    first = client.start("compute", {"seconds": 9})
    second = client.start("echo", {"a": 2})
    assert second.result(timeout=60).values["params"] == {"a": 2}
    assert first.result().values == {}


def test_a_machine_that_slept_is_not_taken_for_a_worker_that_hangs(
    client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was heard because nobody could say anything."""
    job = begun(client.start("compute", {"seconds": 3}))
    real = time.monotonic
    monkeypatch.setattr(alive.time, "monotonic", lambda: real() + 3600)
    job.poll()
    assert not job.done
    assert job.result().values == {}
