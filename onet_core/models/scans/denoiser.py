"""The network that takes the noise off a scan's points, by weighing what their neighbours say.

Each neighbour says at which heights along a point's normal its own fitted surfaces pass. The
network says how much each of these counts, from where the neighbours lie and how well they agree:
a moving least squares whose kernel is learned. Where a surface is flat many count, at an edge
those of one side. Lengths are in units of the noise or of the distance between points.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

FEATURES = 16
"""What is known of each neighbour, see `scans.opinions`."""

SCALES = 3
"""How many surfaces each neighbour has fitted."""

_NEAR = 3.0
_LEAST, _MOST = -4.0, 3.0


@dataclass(frozen=True)
class DenoiserConfig:
    """What the network is like, and which neighbours it learned from.

    width: of all layers.
    sizes: of the quadrics that are fitted around a point, to the middle one's radius.
    fitted: quadrics are fitted around one of that many points.
    asked: (one of that many fitted points is a neighbour, the most distant one's number among
        these, the step between those asked): some near ones, fewer far ones.
    """

    width: int = 48
    sizes: tuple[float, float, float] = (0.7, 1.0, 1.5)
    fitted: int = 1
    asked: tuple[tuple[int, int, int], ...] = ((1, 12, 1), (4, 32, 2), (16, 24, 2))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file's header."""
        return asdict(self)


class Found(NamedTuple):
    """What the network says of each of M points.

    height: (M,) of the surface along the point's normal, in units of the noise.
    normal: (M, 3) the surface's unit normal, in the point's frame.
    error: (M,) natural logarithm of the error that the height is expected to have.
    """

    height: Tensor
    normal: Tensor
    error: Tensor


class Denoiser(nn.Module):
    """See the module."""

    def __init__(self, config: DenoiserConfig | None = None) -> None:
        super().__init__()
        self.config = config or DenoiserConfig()
        width = self.config.width
        self.first = nn.Sequential(
            nn.Linear(FEATURES, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.together = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU())
        self.own, self.shared = nn.Linear(width, width), nn.Linear(width, width)
        self.second = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.weights = nn.Linear(width, SCALES + 1)
        last = nn.Linear(width, 4)
        self.rest = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), last)
        # It begins with the neighbours' mean of the middle scale.
        nn.init.zeros_(self.weights.weight)
        self.weights.bias.data = torch.eye(SCALES + 1)[1] * 2
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, features: Tensor, heights: Tensor) -> Found:
        """features (M, K, FEATURES) of K neighbours, their places across the normal first and
        their normals at 7 to 9; heights (M, K, SCALES) that they say, in units of the noise."""
        values = self.first(features)
        together = self.together(_pooled(values))
        values = self.second(self.own(values) + self.shared(together)[:, None])
        return answer(self.weights(values), self.rest(_pooled(values)), features, heights)


def answer(counts: Tensor, rest: Tensor, features: Tensor, heights: Tensor) -> Found:
    """What the last layers say: counts (M, K, SCALES + 1) of neighbours, rest (M, 4)."""
    counts = counts - _NEAR * (features[..., :2] ** 2).sum(-1, keepdim=True)
    weights = counts[..., :SCALES].flatten(1).softmax(1)
    height = (weights * heights.flatten(1)).sum(1)
    normal = (counts[..., SCALES].softmax(1)[..., None] * features[..., 7:10]).sum(1)
    tilted = torch.cat([normal[:, :2] + rest[:, 1:3], normal[:, 2:]], dim=1)
    error = rest[:, 3].clamp(_LEAST, _MOST)
    return Found(height + rest[:, 0], normalize(tilted, dim=1, eps=1e-6), error)


def _pooled(values: Tensor) -> Tensor:
    return torch.cat([values.mean(1), values.amax(1)], 1)
