"""The worker's life: real processes, and everything that can go wrong with them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from processes import ROOT, begun, exists, not_windows, stop, wait_until

from onet_core.engine import client as client_module
from onet_core.engine.client import EngineClient
from onet_core.errors import Cancelled, DeviceError, EngineError, NoSurfaceError

pytestmark = pytest.mark.usefixtures("double")


def test_arrays_survive_the_way(client: EngineClient) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "large": rng.normal(size=(400_000, 3)),
        "empty": np.zeros((0, 3)),
        "flag": np.array(True),
    }
    answer = client.call("echo", {"text": "ä", "list": [1, 2.5, None]}, arrays)
    assert answer.values["params"] == {"text": "ä", "list": [1, 2.5, None]}
    for name, array in arrays.items():
        np.testing.assert_array_equal(answer.arrays[name], array, strict=True)


def test_a_thousand_messages(client: EngineClient) -> None:
    for i in range(1000):
        assert client.call("echo", {"i": i}).values["params"] == {"i": i}


def test_progress_arrives_in_order_and_not_too_often(client: EngineClient) -> None:
    seen: list[tuple[str, float]] = []
    client.call("work", {"seconds": 0.5}, on_progress=lambda *wording: seen.append(wording))
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert 3 <= len(seen) <= 20
    assert {stage for stage, _ in seen} == {"start", "work"}


def test_neither_start_nor_poll_waits(client: EngineClient) -> None:
    longest, start = 0.0, time.monotonic()
    job = client.start("work", {"seconds": 0.3}, {"a": np.zeros(10_000_000)})
    kinds = []
    while not job.done:
        longest = max(longest, time.monotonic() - start)
        start = time.monotonic()
        kinds += [event.kind for event in job.poll()]
        longest = max(longest, time.monotonic() - start)
        time.sleep(0.005)
        start = time.monotonic()
    assert longest < 0.25
    assert kinds[-1] == "result"
    assert set(kinds[:-1]) == {"progress"}
    assert job.poll() == []


def test_jobs_of_one_worker_keep_their_messages_apart(client: EngineClient) -> None:
    first, second = client.start("work", {"seconds": 0.3}), client.start("echo", {"mine": 1})
    third = client.start("work", {"seconds": 60})
    third.cancel()
    assert second.result().values["params"] == {"mine": 1}
    assert first.result().values == {}
    with pytest.raises(Cancelled):
        third.result()


def test_two_clients_do_not_mix(client: EngineClient) -> None:
    other = EngineClient(sys.executable)
    jobs = [engine.start("echo", {"i": i}) for i, engine in enumerate((client, other))]
    answers = [job.result().values for job in jobs]
    assert [answer["params"] for answer in answers] == [{"i": 0}, {"i": 1}]
    assert answers[0]["process"] == client.process_id != other.process_id
    other.close()
    assert not other.alive
    assert client.alive


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        ("surface", NoSurfaceError, r"^No surface\.$"),
        ("value", EngineError, r"ValueError: first line\)\. The details are in .*\.log\.$"),
        ("memory", DeviceError, "memory"),
        ("long", EngineError, "xxx"),
        ("recursion", EngineError, "RecursionError"),
        ("module", EngineError, r"runtime \(.*\) lacks the package 'torch'"),
        ("sys.exit", EngineError, "SystemExit: bye"),
        ("interrupt", EngineError, "KeyboardInterrupt"),
    ],
)
def test_errors_are_data_and_the_worker_lives_on(
    client: EngineClient, what: str, kind: type[Exception], message: str
) -> None:
    process = client.call("echo").values["process"]
    with pytest.raises(kind, match=message) as caught:
        client.call("fail", {"what": what})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2500
    assert client.call("echo").values["process"] == process


def test_unexpected_errors_leave_their_traceback_in_the_log(client: EngineClient) -> None:
    with pytest.raises(EngineError) as caught:
        client.call("fail", {"what": "value"})
    log = Path(re.findall(r"in (\S+\.log)", str(caught.value))[0])
    client.close()
    assert "engine_double.py" in log.read_text()


def test_without_errors_no_log_is_left(client: EngineClient, tmp_path: Path) -> None:
    client.call("echo")
    assert list(tmp_path.glob("*.log"))
    client.close()
    assert not list(tmp_path.glob("*.log"))


def test_answers_that_can_not_be_sent_are_errors(client: EngineClient) -> None:
    with pytest.raises(EngineError, match="JSON"):
        client.call("unsendable")
    with pytest.raises(EngineError, match="can't be sent"):
        client.call("echo", {}, {"a": np.array([object()])})
    with pytest.raises(EngineError, match="does not know"):
        client.call("no such method")
    assert client.call("echo").values["params"] == {}


def test_prints_of_libraries_do_not_reach_the_protocol(
    client: EngineClient, tmp_path: Path
) -> None:
    assert client.call("noise").values == {"stdin": ""}
    assert client.call("echo", {"a": 1}).values["params"] == {"a": 1}
    (log,) = tmp_path.glob("*.log")
    said = log.read_text()
    assert "from Python" in said
    assert "from C" in said
    assert "from a child" in said


def test_cancel_stops_the_job_and_keeps_the_worker(client: EngineClient) -> None:
    job = begun(client.start("work", {"seconds": 60}))
    process, start = client.process_id, time.monotonic()
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()
    assert time.monotonic() - start < 1
    job.cancel()  # once more does nothing
    assert client.call("echo").values["process"] == process


def test_cancel_of_a_job_that_has_ended_changes_nothing(client: EngineClient) -> None:
    job = client.start("echo")
    job.result()
    job.cancel()
    assert job.result().values["params"] == {}
    late = client.start("echo")
    assert wait_until(lambda: not late._inbox.empty())
    late.cancel()
    assert late.result().values["params"] == {}
    assert client.call("echo").values["params"] == {}


def test_an_exception_in_the_progress_callback_cancels(client: EngineClient) -> None:
    def impatient(stage: str, fraction: float) -> None:
        if fraction > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.call("work", {"seconds": 60}, on_progress=impatient)
    assert client.call("echo").values["params"] == {}


def test_a_worker_that_does_not_cancel_is_ended(
    client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SECONDS_TO_CANCEL", 0.3)
    job = begun(client.start("hang"))
    process = client.process_id
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()
    assert not exists(process)
    assert client.call("echo").values["process"] != process


@not_windows
def test_a_worker_that_is_stopped_blocks_nothing(
    client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SECONDS_TO_CANCEL", 0.3)
    client.call("echo")
    stop(client.process_id or 0)
    start = time.monotonic()
    job = client.start("echo", {}, {"more than a pipe holds": np.zeros(1_000_000)})
    job.cancel()
    job.poll()
    assert time.monotonic() - start < 0.25
    with pytest.raises(Cancelled):
        job.result()
    assert client.call("echo").values["params"] == {}


def test_time_out(client: EngineClient) -> None:
    client.call("echo")
    with pytest.raises(EngineError, match=r"within 0\.3 seconds"):
        client.call("hang", timeout=0.3)
    assert client.call("echo").values["params"] == {}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"how": "exit"}, "exit status 3"),
        pytest.param({"how": "signal", "signal": "SIGKILL"}, "memory", marks=not_windows),
        pytest.param({"how": "signal", "signal": "SIGSEGV"}, "it crashed", marks=not_windows),
    ],
)
def test_a_worker_that_dies_is_told_and_replaced(
    client: EngineClient, params: dict[str, str], message: str
) -> None:
    with pytest.raises(EngineError, match=rf"{message}.*famous last words") as caught:
        client.call("end", params)
    assert ".log" in str(caught.value)
    assert client.call("echo").values["params"] == {}


def test_a_worker_that_talks_nonsense_is_ended(client: EngineClient) -> None:
    client.call("echo")
    # The protocol's own descriptor: what a library could only hit on purpose.
    for fd in range(3, 20):
        job = client.start("end", {"how": "garbage", "fd": fd})
        if wait_until(lambda job=job: bool(job.poll()) and job.done, 0.5):  # type: ignore[misc]
            break
        job.cancel()
    with pytest.raises(EngineError, match=r"can't be understood|Bad file"):
        job.result()
    assert client.call("echo").values["params"] == {}


@not_windows
def test_a_worker_killed_in_mid_work_or_idle_is_replaced(client: EngineClient) -> None:
    job = begun(client.start("work", {"seconds": 60}))
    os.kill(client.process_id or 0, signal.SIGKILL)
    with pytest.raises(EngineError, match="memory"):
        job.result()
    client.call("echo")
    killed = client.process_id
    os.kill(killed or 0, signal.SIGKILL)
    assert wait_until(lambda: not client.alive)
    assert client.call("echo").values["process"] != killed


def test_a_job_that_waited_behind_a_deadly_one_is_done_by_another_worker(
    client: EngineClient,
) -> None:
    deadly, waiting = client.start("end", {"how": "exit"}), client.start("echo", {"a": 1})
    with pytest.raises(EngineError, match="exit status 3"):
        deadly.result()
    assert waiting.result().values["params"] == {"a": 1}


def test_closing_tells_the_jobs_under_way(client: EngineClient) -> None:
    working, waiting = client.start("work", {"seconds": 60}), client.start("echo")
    begun(working)
    client.close()
    for job in (working, waiting):
        with pytest.raises((Cancelled, EngineError), match=r"closed|Cancelled"):
            job.result()
    assert not client.alive, "a job that was closed must not start a worker"
    assert client.call("echo").values["params"] == {}


def test_shutdown_ends_the_worker(client: EngineClient) -> None:
    client.call("shutdown")
    assert wait_until(lambda: not client.alive)
    assert client.call("echo").values["params"] == {}


def test_an_idle_worker_ends_by_itself() -> None:
    engine = EngineClient(sys.executable, idle_seconds=0.2)
    engine.call("echo")
    assert wait_until(lambda: not engine.alive)
    engine.call("echo")
    engine.close()


def test_a_request_that_meets_a_leaving_worker_is_repeated(client: EngineClient) -> None:
    first = client.call("echo").values["process"]
    client.start("shutdown")
    # Sent before the worker is gone, read by nobody.
    answer = client.call("echo", {"a": 1}, {"b": np.ones(3)})
    assert answer.values["params"] == {"a": 1}
    np.testing.assert_array_equal(answer.arrays["b"], np.ones(3))
    assert answer.values["process"] != first


@not_windows
@pytest.mark.parametrize("method", ["echo", "hang"])
def test_the_worker_ends_with_its_parent(method: str) -> None:
    code = f"""
        import os, sys, time
        sys.path.insert(0, {str(ROOT)!r})
        from onet_core.engine import client, process
        from pathlib import Path
        process.MAIN = Path({str(Path(__file__).with_name("engine_double.py"))!r})
        engine = client.EngineClient({sys.executable!r})
        engine.call("echo")
        engine.start({method!r})
        time.sleep(0.2)
        print(engine.process_id, flush=True)
        os._exit(1)
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    process = int(out.stdout)
    assert wait_until(lambda: not exists(process), 15)


@not_windows
def test_interrupting_the_terminal_does_not_end_the_worker(client: EngineClient) -> None:
    process = client.call("echo").values["process"]
    os.kill(process, signal.SIGINT)
    assert client.call("echo").values["process"] == process
