"""A worker that does as it is asked, in the place of the real one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onet_core.engine import process as process_module
from onet_core.engine.client import EngineClient

DOUBLE = Path(__file__).with_name("engine_double.py")


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The client starts the double; its logs go where pytest cleans up."""
    monkeypatch.setattr(process_module, "MAIN", DOUBLE)
    monkeypatch.setattr(process_module.tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def client(double: None) -> Iterator[EngineClient]:
    """A client of the double."""
    engine = EngineClient(sys.executable)
    yield engine
    engine.close()
