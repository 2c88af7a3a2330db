"""A morph between two cubes of known sizes."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from cube_morphs import RESOLUTION, SEEDS, generate


@pytest.fixture
def morph(sized: Path) -> bpy.types.Object:
    """It is the active object."""
    generate(sized, *SEEDS)
    assert bpy.ops.onet.morph(resolution=RESOLUTION) == {"FINISHED"}
    return bpy.context.active_object
