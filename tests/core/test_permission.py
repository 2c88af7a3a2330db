"""What may not be read or written, in the shell. Root may all: the system's answers are set."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from onet_core.cli import main


def test_each_input_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Click refused the whole run for one of them."""
    names = [str(tmp_path / f"{stem}.xyz") for stem in ("one", "two")]
    for name in names:
        np.savetxt(name, np.random.default_rng(0).normal(size=(50, 3)))
    monkeypatch.setattr(os, "access", lambda path, *_, **__: str(path) not in names)
    result = CliRunner().invoke(main, ["reconstruct", *names, "-o", str(tmp_path / "out")])
    for name, line in zip(names, result.stderr.splitlines(), strict=False):
        assert line == f"Skipped {name}: {name} can't be read: there is no permission to read it."
    assert result.exit_code == 2


def test_an_output_that_may_not_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savetxt(tmp_path / "a.xyz", np.random.default_rng(0).normal(size=(50, 3)))
    place = tmp_path / "locked" / "a.ply"

    def stat(path: Path) -> bool:
        if path == place:
            raise PermissionError(13, "Permission denied", str(path))
        return False

    monkeypatch.setattr(Path, "is_dir", stat)
    result = CliRunner().invoke(
        main, ["reconstruct", str(tmp_path / "a.xyz"), "-o", str(place)], catch_exceptions=False
    )
    assert result.stderr == f"Error: {place} can't be used: permission denied.\n"
    assert result.exit_code == 2
