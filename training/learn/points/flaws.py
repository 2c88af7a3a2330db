"""What scans lack, for batches of clouds on their device: holes, halves, what no viewer sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.data.augmentation.clouds import hiddenness

# A viewer sees what lies less than this behind the first point of a cell of that edge.
_VIEW_CELL = 0.04
_BEHIND = 0.06
_HOLES = 4
_VIEWERS = 3


@dataclass(frozen=True)
class Scans:
    """How clouds differ from the shapes they are of.

    holes, planes, halves, views: shares of the clouds that lack round holes, all beyond a plane,
        one half (left, right, front or back), or all that some viewers don't see.
    noise: highest deviation per coordinate.
    usual_noise: that of the share `usual` of the clouds.
    outliers: highest share, in half of the clouds.
    mirrored: share of the symmetric shapes whose second half of points is the mirror image of the
        first.
    fitted: share of the damaged clouds that are scaled to fill the cube themselves.
    turned: share turned by any angle, the rest by quarters.
    stretched: share that is stretched, by up to `stretch` along each axis.
    """

    holes: float = 0.25
    planes: float = 0.08
    halves: float = 0.07
    views: float = 0.15
    noise: float = 0.012
    usual_noise: float = 0.005
    usual: float = 1 / 3
    outliers: float = 0.05
    mirrored: float = 0.35
    fitted: float = 0.25
    turned: float = 0.4
    stretched: float = 0.6
    stretch: float = 1.35


class Draw:
    """Random numbers of one generator, on its device."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(self, *size: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Evenly between two bounds."""
        values = torch.rand(size, generator=self.generator, device=self.generator.device)
        return low + (high - low) * values

    def normal(self, *size: int) -> Tensor:
        """Of the standard normal distribution."""
        return torch.randn(size, generator=self.generator, device=self.generator.device)

    def directions(self, *size: int) -> Tensor:
        """Unit vectors (..., 3)."""
        return torch.nn.functional.normalize(self.normal(*size, 3), dim=-1)


def lost_points(points: Tensor, normals: Tensor, draw: Draw, scans: Scans) -> Tensor:
    """Which points (B, M, 3), normals outwards, a scan did not see: (B, M) bool."""
    batch = len(points)
    which = draw.uniform(batch, 1)
    lost = torch.zeros(points.shape[:2], dtype=torch.bool, device=points.device)
    bound = 0.0
    for share, way in (
        (scans.holes, with_holes),
        (scans.planes, beyond_planes),
        (scans.halves, without_halves),
        (scans.views, unseen),
    ):
        here = (which >= bound) & (which < bound + share)
        lost = torch.where(here, way(points, normals, draw), lost)
        bound += share
    return lost


def with_holes(points: Tensor, normals: Tensor, draw: Draw) -> Tensor:
    """One to four round holes, each of up to an eighth of the points."""
    batch = len(points)
    lost = torch.zeros(points.shape[:2], dtype=torch.bool, device=points.device)
    number = draw.uniform(batch, 1, high=_HOLES).ceil()
    for hole in range(_HOLES):
        middle = (draw.uniform(*lost.shape) - 2.0 * lost).argmax(1)
        centre = points[torch.arange(batch, device=points.device), middle]
        distance = (points - centre[:, None]).norm(dim=-1)
        share = draw.uniform(batch, 1, low=0.02, high=0.125)
        lost = lost | (_least(distance.masked_fill(lost, 9.0), share) & (hole < number))
    return lost


def beyond_planes(points: Tensor, normals: Tensor, draw: Draw) -> Tensor:
    """All on one side of a plane in any direction: up to half of the points."""
    heights = (points * draw.directions(len(points), 1)).sum(-1)
    return _least(heights, draw.uniform(len(points), 1, low=0.05, high=0.5))


def without_halves(points: Tensor, normals: Tensor, draw: Draw) -> Tensor:
    """Left, right, front or back half: all beyond the middle, or nearly so."""
    quarter = (4 * draw.uniform(len(points), 1)).long()
    sign = 1.0 - 2.0 * (quarter % 2)
    along = torch.where(quarter < 2, points[..., 0], points[..., 2]) * sign
    return along > draw.uniform(len(points), 1, low=-0.03, high=0.1)


def unseen(points: Tensor, normals: Tensor, draw: Draw) -> Tensor:
    """What none of one to three viewers sees, whose eyes are mostly above."""
    batch = len(points)
    seen = torch.zeros(points.shape[:2], dtype=torch.bool, device=points.device)
    number = draw.uniform(batch, 1, high=_VIEWERS).ceil()
    for viewer in range(_VIEWERS):
        eye = draw.directions(batch)
        up = torch.where(draw.uniform(batch, 1) < 0.75, eye[:, 1:2].abs(), eye[:, 1:2])
        eye = torch.cat([eye[:, :1], up, eye[:, 2:]], dim=1)
        facing = (normals * eye[:, None]).sum(-1) > 0.1
        seen = seen | (
            facing & (hiddenness(points, -eye, _VIEW_CELL) < _BEHIND) & (viewer < number)
        )
    # Who sees next to nothing is no scanner.
    return ~seen & (seen.float().mean(1, keepdim=True) > 0.15)


def _least(values: Tensor, share: Tensor) -> Tensor:
    """Which values (B, M) are of the least share (B, 1)."""
    place = (share * values.shape[1]).long().clamp(0, values.shape[1] - 1)
    return values < values.sort(dim=1).values.gather(1, place)
