"""The scan network's convolution, forwards and back, beside torch's over a whole dense grid."""

from __future__ import annotations

import itertools

import pytest
import torch

from onet_core.models.scans import layers
from onet_core.models.scans.layers import Around


def _in_a_grid(edge: int, share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Which voxels of a grid are there, and of each (M,) the numbers of the 27 around it."""
    is_there = torch.rand((edge,) * 3, generator=torch.Generator().manual_seed(0)) < share
    count = int(is_there.sum())
    number = torch.full((edge + 2,) * 3, count)
    number[1:-1, 1:-1, 1:-1][is_there] = torch.arange(count)
    places = is_there.nonzero() + 1
    steps = torch.tensor(list(itertools.product((-1, 0, 1), repeat=3)))
    around = places[:, None] + steps
    return is_there, number[tuple(around.unbind(2))]


@pytest.mark.parametrize("rows", [7, 100_000])
def test_convolutions_are_those_of_a_dense_grid(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_ROWS", rows)
    torch.manual_seed(1)
    is_there, neighbours = _in_a_grid(6, 0.3)
    layer = Around(5, 4)
    values = torch.randn(len(neighbours), 5, requires_grad=True)
    dense = torch.zeros(1, 5, *is_there.shape)
    dense[0, :, is_there] = values.detach().T
    dense.requires_grad_()
    kernel = layer.weight.detach().view(3, 3, 3, 5, 4).permute(4, 3, 0, 1, 2)
    wanted = torch.nn.functional.conv3d(dense, kernel, padding=1)[0, :, is_there].T
    found = layer(values, neighbours, torch.float32)
    assert torch.allclose(found, wanted, atol=1e-5)
    slopes = torch.randn(wanted.shape)
    (found * slopes).sum().backward()
    (wanted * slopes).sum().backward()
    assert values.grad is not None
    assert dense.grad is not None
    assert torch.allclose(values.grad, dense.grad[0, :, is_there].T, atol=1e-5)
