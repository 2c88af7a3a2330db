"""Invertible maps of space, and how a batch follows one.

The shape is inside of its box of queries, so a map carries its labels along; what of the new box
lies outside of the mapped old one is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .batch import Batch, uniform

# Half the edge of the box that query points fill.
HALF_BOX = 0.55
# Fixed-point steps that undo a deformation: its strength to this power is lost, 0.5^16 = 1.5e-5.
_STEPS = 16


class ShapeMap(Protocol):
    """A map of space for each shape of a batch; all points are (B, N, 3)."""

    def forward(self, points: Tensor) -> Tensor:
        """Where points go."""
        ...

    def inverse(self, points: Tensor) -> Tensor:
        """Where points came from."""
        ...

    def volume(self, points: Tensor) -> Tensor:
        """How much a small volume at points grows: (B, N)."""
        ...


@dataclass(frozen=True, eq=False)
class Linear:
    """x -> matrix x.

    matrix: (B, 3, 3).
    """

    matrix: Tensor

    def forward(self, points: Tensor) -> Tensor:
        """Where points go."""
        return points @ self.matrix.mT

    def inverse(self, points: Tensor) -> Tensor:
        """Where points came from."""
        return torch.linalg.solve(self.matrix, points.mT).mT

    def volume(self, points: Tensor) -> Tensor:
        """The same everywhere."""
        return torch.linalg.det(self.matrix).abs()[:, None].expand(points.shape[:2])


@dataclass(frozen=True, eq=False)
class Waves:
    """x -> x + sum of amplitude sin(2 pi frequency x + phase): smooth and, if gentle, invertible.

    amplitudes, frequencies: (B, K, 3).
    phases: (B, K). It can be undone where the sum over K of 2 pi |amplitude| |frequency| is below 1
        (a contraction; the inverse is a fixed point).
    """

    amplitudes: Tensor
    frequencies: Tensor
    phases: Tensor

    def _angles(self, points: Tensor) -> Tensor:
        return 2 * torch.pi * points @ self.frequencies.mT + self.phases[:, None]  # (B, N, K)

    def forward(self, points: Tensor) -> Tensor:
        """Where points go."""
        return points + self._angles(points).sin() @ self.amplitudes

    def inverse(self, points: Tensor) -> Tensor:
        """Where points came from, by fixed-point steps."""
        found = points
        for _ in range(_STEPS):
            found = points - self._angles(found).sin() @ self.amplitudes
        return found

    def volume(self, points: Tensor) -> Tensor:
        """The determinant of the Jacobian."""
        slopes = 2 * torch.pi * self._angles(points).cos()
        jacobian = torch.einsum("bnk,bki,bkj->bnij", slopes, self.amplitudes, self.frequencies)
        return torch.linalg.det(jacobian + torch.eye(3, device=points.device)).abs()


@dataclass(frozen=True, eq=False)
class Curves:
    """Each coordinate by a growing function of its own, straight between places and beyond them.

    mapped: (B, 3, S), where the S places go that lie evenly from -0.5 to 0.5.
    """

    mapped: Tensor

    @property
    def _step(self) -> float:
        return 1 / (self.mapped.shape[2] - 1)

    def _pieces(self, lower: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of the piece that starts at place number `lower` (B, 3, N): where it starts, where that
        goes, and its slope."""
        start = self.mapped.gather(2, lower)
        slope = (self.mapped.gather(2, lower + 1) - start) / self._step
        return lower.to(start.dtype) * self._step - 0.5, start, slope

    def _below(self, points: Tensor) -> Tensor:
        last = self.mapped.shape[2] - 2
        return ((points.mT + 0.5) / self._step).floor().long().clamp(0, last)

    def forward(self, points: Tensor) -> Tensor:
        """Where points go."""
        place, start, slope = self._pieces(self._below(points))
        return (start + slope * (points.mT - place)).mT

    def inverse(self, points: Tensor) -> Tensor:
        """Where points came from."""
        wanted = points.mT.contiguous()
        last = self.mapped.shape[2] - 2
        lower = (torch.searchsorted(self.mapped, wanted, right=True) - 1).clamp(0, last)
        place, start, slope = self._pieces(lower)
        return (place + (wanted - start) / slope).mT

    def volume(self, points: Tensor) -> Tensor:
        """The product of the slopes."""
        return self._pieces(self._below(points))[2].prod(1)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Another map, then x -> scale x + shift.

    scale: (B, 1, 1).
    shift: (B, 1, 3).
    """

    inner: ShapeMap
    scale: Tensor
    shift: Tensor

    def forward(self, points: Tensor) -> Tensor:
        """Where points go."""
        return self.scale * self.inner.forward(points) + self.shift

    def inverse(self, points: Tensor) -> Tensor:
        """Where points came from."""
        return self.inner.inverse((points - self.shift) / self.scale)

    def volume(self, points: Tensor) -> Tensor:
        """That of the other map, times the scale's."""
        return self.inner.volume(points) * self.scale[:, :, 0] ** 3


def bounds(cloud: Tensor) -> tuple[Tensor, Tensor]:
    """Middle (B, 1, 3) and longest edge (B, 1, 1) of the bounding boxes of clouds (B, N, 3)."""
    low, high = cloud.amin(1, keepdim=True), cloud.amax(1, keepdim=True)
    return (low + high) / 2, (high - low).amax(2, keepdim=True).clamp_min(1e-6)


def fitted(inner: ShapeMap, cloud: Tensor) -> Fitted:
    """The map followed by what brings the cloud's bounding box back to its middle and size.

    So a shape that was centred with longest edge 1, as all of a dataset are, is so again.
    """
    middle, edge = bounds(cloud)
    new_middle, new_edge = bounds(inner.forward(cloud))
    scale = edge / new_edge
    return Fitted(inner, scale, middle - scale * new_middle)


def follow(batch: Batch, shape_map: ShapeMap, generator: torch.Generator | None) -> Batch:
    """The batch with its input points, query points and labels mapped.

    The query points stay a fair sample of their box: some are replaced by points of the new box
    that the old one does not cover, labelled empty, so that on average each part gets its share;
    those that left the box get weight 0, and the others make up for how volumes grew. A weighted
    sum over them is on average that over points drawn evenly from the new box.
    """
    points, labels = batch["points"], batch["occupancies"]
    weights = batch.get("weights", torch.ones_like(labels))
    fresh = HALF_BOX * (2 * uniform(points.shape, points, generator) - 1)
    uncovered = (shape_map.inverse(fresh).abs() > HALF_BOX).any(-1)  # (B, T)
    moved = shape_map.forward(points)
    kept = (moved.abs() <= HALF_BOX).all(-1)
    covered_share = (~uncovered).float().mean(1, keepdim=True).clamp_min(1 / points.shape[1])
    moved_weights = weights * shape_map.volume(points) / covered_share * kept
    return {
        **batch,
        "inputs": shape_map.forward(batch["inputs"]),
        "points": torch.where(uncovered[..., None], fresh, moved.clamp(-HALF_BOX, HALF_BOX)),
        "occupancies": torch.where(uncovered, torch.zeros_like(labels), labels),
        "weights": torch.where(uncovered, torch.ones_like(weights), moved_weights),
    }
