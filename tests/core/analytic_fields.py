"""Fields with known surfaces, and the checks of meshes that several tests share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import trimesh
from torch import Tensor, nn

from onet_core.mesh.mesh import Mesh

REFERENCE = Path(__file__).parents[1] / "reference"


def sphere(points: Tensor) -> Tensor:
    centre = torch.tensor([0.03, -0.02, 0.01], dtype=points.dtype)
    return 40 * (0.37 - (points - centre).norm(dim=-1))


def torus(points: Tensor) -> Tensor:
    x, y, z = points.unbind(-1)
    return 40 * (0.1 - torch.hypot(torch.hypot(x, z) - 0.3, y))


def plate(points: Tensor) -> Tensor:
    beyond = points.abs() - torch.tensor([0.4, 0.012, 0.3], dtype=points.dtype)
    distance = beyond.clamp_min(0).norm(dim=-1) + beyond.amax(dim=-1).clamp_max(0)
    return -40 * distance


def gyroid(points: Tensor) -> Tensor:
    x, y, z = (6 * torch.pi * points).unbind(-1)
    s = x.sin() * y.cos() + y.sin() * z.cos() + z.sin() * x.cos()
    return torch.minimum(4 * (0.4 - s.abs()), 40 * (0.45 - points.norm(dim=-1)))


FIELDS: dict[str, Callable[[Tensor], Tensor]] = {
    "sphere": sphere,
    "torus": torus,
    "plate": plate,
    "gyroid": gyroid,
}


class ReluNetwork(nn.Module):
    """A small ReLU network whose surface at any threshold is closed and lies around the origin."""

    def __init__(self, seed: int = 0, width: int = 48) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)

        def linear(inputs: int, outputs: int, gain: float) -> nn.Linear:
            layer = nn.Linear(inputs, outputs)
            layer.weight.data = torch.randn(outputs, inputs, generator=generator) * gain
            layer.bias.data = torch.randn(outputs, generator=generator) * 0.1
            return layer

        self.directions = linear(3, width, 1.0)
        self.hidden = linear(width, width, 0.3)
        self.out = linear(width, 1, 0.3)

    def forward(self, points: Tensor) -> Tensor:
        first = torch.relu(self.directions(points))
        bumps = self.out(torch.relu(self.hidden(first))).squeeze(-1)
        return 12 - first.sum(dim=-1) * 2.2 + 0.3 * bumps


def as_trimesh(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def same_oriented_mesh(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], digits: int = 6
) -> bool:
    """Whether two meshes (vertices, faces) have the same vertices and the same oriented faces."""
    if one[0].shape != other[0].shape or one[1].shape != other[1].shape:
        return False
    keys = []
    for vertices, faces in (one, other):
        rounded = np.round(np.asarray(vertices, dtype=np.float64), digits) + 0.0
        order = np.lexsort(rounded.T)
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        ranked = rank[np.asarray(faces, dtype=np.int64)]
        turned = (ranked.argmin(axis=1)[:, None] + np.arange(3)) % 3
        ranked = np.take_along_axis(ranked, turned, axis=1)
        keys.append((rounded[order], ranked[np.lexsort(ranked.T)]))
    return np.allclose(keys[0][0], keys[1][0], atol=2 * 10.0**-digits) and np.array_equal(
        keys[0][1], keys[1][1]
    )


def is_monotone(values: list[float]) -> bool:
    return all(a <= b for a, b in pairwise(values))
