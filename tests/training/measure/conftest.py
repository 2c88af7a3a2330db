"""The shapes that networks are measured on here."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_shapes import Sphere, write_shape


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Category "large": three balls to test; "small": one. Two of each to train."""
    folder = tmp_path_factory.mktemp("data") / "balls"
    for index, radius in enumerate((0.4, 0.42, 0.44)):
        write_shape(folder, "large", f"test{index}", Sphere(radius), seed=index)
    write_shape(folder, "small", "test0", Sphere(0.25), seed=10, half=True)
    for index, radius in enumerate((0.40, 0.42)):
        write_shape(
            folder, "large", f"train{index}", Sphere(radius), split="train", seed=20 + index
        )
        write_shape(folder, "small", f"train{index}", Sphere(0.25), split="train", seed=30 + index)
    return folder
