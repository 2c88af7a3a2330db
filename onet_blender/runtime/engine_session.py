"""The one worker process of this Blender: started on first use, ended with Blender."""

from __future__ import annotations

import atexit
from pathlib import Path

import bpy

from onet_core.engine.client import EngineClient
from onet_core.errors import EngineError

from .chosen import Runtime, preferences, runtime

_client: EngineClient | None = None
_started_ahead = False


def client(chosen: Runtime) -> EngineClient:
    """The client for this runtime; a change of the preferences ends the old worker.

    Raises EngineError, with the preferences' sentence, where the runtime is missing.
    """
    global _client
    if chosen.problem:
        raise EngineError(chosen.problem)
    assert chosen.python is not None
    if _client is not None and _client.python != chosen.python:
        close()
    if _client is None:
        _client = EngineClient(chosen.python, idle_seconds=60.0 * chosen.idle_minutes)
        # Blender disables its extensions when it quits; where it is a module, only Python ends.
        atexit.register(close)
    return _client


def running() -> bool:
    """Whether a worker process is alive, and its memory in use."""
    return _client is not None and _client.alive


def process_id() -> int | None:
    """The worker's process, None where there is none."""
    return _client.process_id if _client is not None else None


def log() -> Path | None:
    """The file with what the worker has said, also one that died; None where there is none."""
    return _client.log if _client is not None else None


def start_ahead() -> None:
    """For a panel's `draw`: starts the worker soon, once, where the preferences want that."""
    global _started_ahead
    chosen = preferences()
    if _started_ahead or chosen is None or not chosen.start_ahead or bpy.app.background:
        return
    _started_ahead = True
    # Drawing must change nothing, so not now.
    bpy.app.timers.register(_start_now, first_interval=0.5)


def _start_now() -> None:
    chosen = runtime()
    if not chosen.problem and not running():
        # What the answer says nobody needs; that all is loaded counts.
        client(chosen).start(
            "hello",
            {
                "ahead": bpy.context.scene.onet.input_kind,
                "device": chosen.device,
                "folders": [str(folder) for folder in chosen.folders],
            },
        )


def stop_ahead() -> None:
    """At the extension's end: a start that has not come yet does not come."""
    global _started_ahead
    _started_ahead = False
    if bpy.app.timers.is_registered(_start_now):
        bpy.app.timers.unregister(_start_now)


def close() -> None:
    """Ends the worker; the next `client` starts one again."""
    global _client
    if _client is not None:
        _client.close()
        _client = None
        atexit.unregister(close)
