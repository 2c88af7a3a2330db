"""Sheets about as thin as a cell come out whole: means over shapes don't see their holes."""

from __future__ import annotations

from pathlib import Path

import pytest
import trimesh

from onet_core.pipeline.job import Job, run
from onet_core.settings import Settings

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.mark.parametrize("resolution", [128, 256])
def test_a_chairs_back_has_no_holes(resolution: int) -> None:
    """Its network asked on grids of up to 64 cells only, the mesh of 128 cells has 11."""
    settings = Settings(resolution=resolution, normals=False)
    mesh = run(Job(path=EXAMPLES / "chair_scan.ply", settings=settings)).made.mesh
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    # The genus of all bodies: each hole through one adds 1, closed bubbles add none.
    holes = solid.body_count - solid.euler_number // 2
    assert holes <= 2
