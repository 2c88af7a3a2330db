"""Shapes that a training takes seconds on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_shapes import Box, Sphere, write_shape


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shapes to learn from, one to check on."""
    folder = tmp_path_factory.mktemp("data")
    for name, shape, split in (
        ("a", Sphere(0.45), "train"),
        ("b", Box((1.0, 0.6, 0.4)), "train"),
        ("c", Sphere(0.35), "val"),
    ):
        write_shape(folder, "things", name, shape, split=split, count=2000, half=True)
    return folder
