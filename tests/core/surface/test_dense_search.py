"""The search for graphics cards, run on the processor: the same surfaces, in few steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from analytic_fields import gyroid, plate, sphere, torus
from counting import counted
from torch import Tensor

from onet_core import devices, field
from onet_core.errors import NoSurfaceError
from onet_core.inputs.frame import Frame
from onet_core.inputs.observation import Observation
from onet_core.mesh.manifold import is_closed_manifold
from onet_core.models.prepared import nearest_points, packed
from onet_core.models.prepared.prepared_field import PreparedField
from onet_core.pipeline.reconstructor import Reconstruction, Reconstructor
from onet_core.settings import Settings
from onet_core.surface.extract import extract, extract_all

# `counting` finds 28 and 1,488 of the shape below. Before there was this search it was 645 and
# 8,849.
MOST_WAITS = 40
MOST_LAUNCHES = 1500


class Known(PreparedField):
    """A function as a network's field."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._function = function

    def _logits(self, points: Tensor) -> Tensor:
        return self._function(points)


@pytest.fixture
def on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the library do as on a card that is an Apple GPU at once, without float64."""
    monkeypatch.setattr(devices, "is_card", lambda device: True)
    monkeypatch.setattr(devices, "finest_dtype", lambda device: torch.float32)
    monkeypatch.setattr(field, "CPU_BATCH", field.GPU_BATCH)
    monkeypatch.setattr(field, "CPU_GRADIENT_BATCH", field.GPU_BATCH)
    monkeypatch.setattr(nearest_points, "_CPU_ROWS", 1 << 40)
    monkeypatch.setattr(packed, "works", lambda: False)


def cut_off(points: Tensor) -> Tensor:
    """A ball that the box cuts through."""
    return 40 * (0.4 - (points - points.new_tensor([0.3, 0, 0])).norm(dim=-1))


@pytest.mark.parametrize("function", [sphere, torus, plate, gyroid, cut_off])
def test_surfaces_are_those_of_the_processors_search(
    function: Callable[[Tensor], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = extract(Known(function), resolution=96)
    monkeypatch.setattr(devices, "is_card", lambda device: True)
    made = extract(Known(function), resolution=96)
    assert is_closed_manifold(made.mesh.faces)
    # Points that only one of both evaluates lie away from the surface.
    np.testing.assert_array_equal(made.mesh.faces, expected.mesh.faces)
    np.testing.assert_allclose(made.mesh.vertices, expected.mesh.vertices, atol=1e-6)


def test_several_objects_are_searched_at_once(on_a_card: None) -> None:
    nothing = Known(lambda points: points.new_full((len(points),), -5.0))
    first, none, last = extract_all([Known(torus), nothing, Known(cut_off)], resolution=64)
    assert isinstance(none, NoSurfaceError)
    for made, function in ((first, torus), (last, cut_off)):
        assert not isinstance(made, NoSurfaceError)
        alone = extract(Known(function), resolution=64)
        np.testing.assert_array_equal(made.mesh.faces, alone.mesh.faces)
        np.testing.assert_allclose(made.mesh.vertices, alone.mesh.vertices, atol=1e-6)


def test_a_cloud_becomes_a_mesh_within_the_budget(on_a_card: None) -> None:
    """Of what the processor waits for and has a card do; nothing of it is float64."""
    rng = np.random.default_rng(0)
    around, across = rng.uniform(0, 2 * np.pi, (2, 1500))
    radius = 0.3 + 0.12 * np.cos(across)
    ring = np.stack([radius * np.cos(around), 0.12 * np.sin(across), radius * np.sin(around)], 1)
    seen = Observation("points", ring.astype(np.float32), Frame(np.eye(4)))
    reconstructor = Reconstructor("points", "cpu")
    # Only what happens on the device: the steps after the surface are the processor's.
    settings = Settings(resolution=128, normals=False, snap=False)
    made: Reconstruction
    made, counts = counted(lambda: reconstructor.reconstruct(seen, settings))
    assert is_closed_manifold(made.mesh.faces)
    assert sum(counts.waits.values()) <= MOST_WAITS, counts.waits
    assert counts.launches <= MOST_LAUNCHES
    assert counts.doubles == set()
