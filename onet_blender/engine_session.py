"""The one worker process of this Blender: started on first use, ended with Blender."""

from __future__ import annotations

import atexit

from onet_core.engine.client import EngineClient
from onet_core.errors import EngineError

from .runtime import Runtime

_client: EngineClient | None = None


def client(runtime: Runtime) -> EngineClient:
    """The client for this runtime; a change of the preferences ends the old worker.

    Raises EngineError, with the preferences' sentence, where the runtime is missing.
    """
    global _client
    if runtime.problem:
        raise EngineError(runtime.problem)
    assert runtime.python is not None
    if _client is not None and _client.python != runtime.python:
        close()
    if _client is None:
        _client = EngineClient(runtime.python)
        # Blender disables its extensions when it quits; where it is a module, only Python ends.
        atexit.register(close)
    return _client


def running() -> bool:
    """Whether a worker process is alive, and its memory in use."""
    return _client is not None and _client.alive


def process_id() -> int | None:
    """The worker's process, None where there is none."""
    return _client.process_id if _client is not None else None


def close() -> None:
    """Ends the worker; the next `client` starts one again."""
    global _client
    if _client is not None:
        _client.close()
        _client = None
        atexit.unregister(close)
