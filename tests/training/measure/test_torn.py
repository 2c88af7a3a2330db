"""The share of a generator's shapes in several parts, on networks whose parts are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from onet_core.mesh.mesh import Mesh
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.steps import Steps
from onet_core.models.weights import save_weights
from training.measure.torn import _area, is_torn, main


def of(*bodies: trimesh.Trimesh) -> Mesh:
    joined = trimesh.util.concatenate(bodies)
    return Mesh(np.asarray(joined.vertices, np.float32), np.asarray(joined.faces, np.int32))


def test_crumbs_are_no_parts() -> None:
    ball, crumb = trimesh.creation.icosphere(), trimesh.creation.icosphere(radius=0.01)
    crumb.apply_translation([2, 0, 0])
    other = ball.copy()
    other.apply_translation([3, 0, 0])
    assert not is_torn(of(ball))
    assert not is_torn(of(ball, crumb))
    assert is_torn(of(ball, other))
    assert is_torn(None)


def test_the_area_is_that_of_the_triangles() -> None:
    assert _area(of(trimesh.creation.box((1, 2, 3)))) == pytest.approx(22)


def test_a_table_for_each_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    described = ModelDescription(
        "tiny", "Tiny", "latent_planes", "none", threshold=0.5, steps=Steps(draws=2),
        network={"z_dim": 4, "channels": 4, "hidden": 8, "plane_resolution": 8, "plane_width": 8,
                 "blocks": 1},
    )  # fmt: skip
    save_weights(tmp_path / "tiny.safetensors", build_network(described).eval(), described)
    page = tmp_path / "page.md"
    words = [str(tmp_path / "tiny.safetensors"), "draws=1", "--count", "2", "--resolution", "16"]
    assert main([*words, "--page", str(page), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "not enough to choose by" in printed
    assert page.read_text().strip() in printed
    assert str(tmp_path) not in page.read_text()
    rows = [line.split(" | ")[0] for line in page.read_text().splitlines() if "|" in line]
    assert rows == ["| tiny", rows[1], "| as it is", "| draws=1"]
    assert main([*words[:1], "snap_within=0.1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
