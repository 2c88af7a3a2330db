"""Per-point weights in the training objective."""

from __future__ import annotations

import pytest
import torch

from onet_core.models.description import ModelDescription
from training.learn.lightning_module import OccupancyTraining


@pytest.mark.parametrize("z_dim", [0, 4])
def test_weights_multiply_the_entropy_of_each_point(z_dim: int) -> None:
    """A weight of 2 is a point that is there twice, one of 0 a point that is not there."""
    torch.manual_seed(0)
    network = {"encoder": None, "decoder": "simple", "c_dim": 0, "z_dim": z_dim}
    description = ModelDescription(
        name="n", title="", architecture="occupancy_network", input_kind="none", network=network
    )
    module = OccupancyTraining(description, learning_rate=1e-3)
    points = torch.rand(2, 6, 3) - 0.5
    batch = {
        "points": points,
        "occupancies": (points[..., 0] > 0).float(),
        "inputs": torch.zeros(2, 0),
    }

    def loss(**weights: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(1)  # the same latent
        return module.loss(batch | weights)

    plain, ones = loss(), loss(weights=torch.ones(2, 6))
    torch.testing.assert_close(ones, plain)
    none = loss(weights=torch.zeros(2, 6))
    half = loss(weights=torch.full((2, 6), 0.5))
    torch.testing.assert_close(half - none, (plain - none) / 2)
    one = torch.zeros(2, 6)
    one[:, 3] = 1
    rest = loss(weights=1 - one)
    torch.testing.assert_close(loss(weights=one) + rest, plain + none)
