"""Point clouds as scanners give them, drawn from a bank for whole batches on its device.

Everything is drawn anew at each step: which points, what was not seen, noise, outliers, and how the
shape is mirrored, turned and stretched, its labels with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from training.data.bank import BOX, Bank

from .flaws import Draw, Scans, lost_points

# Points that tell how large a shape is, whatever is missing of it.
_REFERENCE = 512


@dataclass(frozen=True, eq=False)
class Examples:
    """Point clouds with labelled queries, all in the network's frame.

    clouds: (B, N, 3).
    queries: (B, T, 3) with occupancy (B, T), 0 or 1, and weight (B, T), 0 where nothing is known.
    """

    clouds: Tensor
    queries: Tensor
    occupancy: Tensor
    weight: Tensor


def symmetric(bank: Bank, draw: Draw, count: int = 600) -> Tensor:
    """Which shapes of a bank look the same when left and right are changed: (S,) bool."""
    signs = torch.tensor([-1.0, 1, 1], device=bank.device)
    found = []
    for ids in torch.arange(bank.count, device=bank.device).split(256):
        one, other, third = (bank.sample_surface(ids, count, draw.generator)[0] for _ in range(3))
        mirrored = torch.cdist(one, other * signs).amin(2).mean(1)
        same = torch.cdist(one, third).amin(2).mean(1)
        found.append(mirrored < 1.12 * same)
    return torch.cat(found)


def draw_examples(
    bank: Bank,
    ids: Tensor,
    count: int,
    queries: int,
    draw: Draw,
    scans: Scans,
    is_symmetric: Tensor,
    near_share: float = 0.6,
) -> Examples:
    """Clouds of `count` points and as many queries of each shape (B,).

    is_symmetric: of all shapes of the bank, see `symmetric`.
    """
    batch = len(ids)
    points, normals, _, _ = bank.sample_surface(ids, 2 * count + _REFERENCE, draw.generator)
    reference = points[:, :_REFERENCE]
    points, normals = points[:, _REFERENCE:], normals[:, _REFERENCE:]
    lost = lost_points(points, normals, draw, scans)
    clouds = _first_kept(points, lost, count)
    sigma = torch.where(
        draw.uniform(batch, 1, 1) < scans.usual,
        scans.usual_noise,
        draw.uniform(batch, 1, 1, high=scans.noise),
    )
    clouds = clouds + sigma * draw.normal(batch, count, 3)
    half = count // 2
    copied = is_symmetric[ids] & (draw.uniform(batch) < scans.mirrored)
    signs = clouds.new_tensor([-1.0, 1, 1])
    both = torch.cat([clouds[:, : count - half], clouds[:, :half] * signs], dim=1)
    clouds = torch.where(copied[:, None, None], both, clouds)
    own = lost.any(1) & (draw.uniform(batch) < scans.fitted)
    places, occupancy = bank.queries(ids, queries, draw.generator, near_share)
    return _moved(clouds, reference, own, places, occupancy, draw, scans)


def _moved(
    clouds: Tensor,
    reference: Tensor,
    own: Tensor,
    places: Tensor,
    occupancy: Tensor,
    draw: Draw,
    scans: Scans,
) -> Examples:
    """Mirrored, turned, stretched and fitted into the cube, then outliers put in.

    reference: (B, R, 3) points of the whole shape, which is fitted; own: (B,) where the cloud is.
    """
    batch, count = clouds.shape[:2]
    forward, backward = _maps(batch, draw, scans)
    reference, clouds = reference @ forward.mT, clouds @ forward.mT
    low = torch.where(own[:, None], clouds.amin(1), reference.amin(1))[:, None]
    high = torch.where(own[:, None], clouds.amax(1), reference.amax(1))[:, None]
    middle, scale = (low + high) / 2, 1 / (high - low).amax(-1, keepdim=True).clamp_min(0.05)
    clouds = (clouds - middle) * scale
    places = (places @ forward.mT - middle) * scale
    beyond = (places.abs() > BOX / 2).any(-1)
    anywhere = BOX * (draw.uniform(*places.shape) - 0.5)
    places = torch.where(beyond[..., None], anywhere, places)
    before = (anywhere / scale + middle) @ backward.mT
    empty = (before.abs() > BOX / 2).any(-1)
    occupancy = torch.where(beyond, 0.0, occupancy)
    weight = (~beyond | empty).float()
    share = scans.outliers * draw.uniform(batch, 1) * (draw.uniform(batch, 1) < 0.5)
    strays = draw.uniform(batch, count) < share
    anywhere = BOX * (draw.uniform(batch, count, 3) - 0.5)
    return Examples(torch.where(strays[..., None], anywhere, clouds), places, occupancy, weight)


def _maps(batch: int, draw: Draw, scans: Scans) -> tuple[Tensor, Tensor]:
    """Matrices (B, 3, 3) that mirror, stretch and turn about the vertical, and their inverses."""
    reach = math.log(scans.stretch)
    stretched = draw.uniform(batch, 1) < scans.stretched
    factors = torch.exp(draw.uniform(batch, 3, low=-reach, high=reach) * stretched)
    flip = torch.where(draw.uniform(batch) < 0.5, -1.0, 1.0)
    factors = factors * torch.stack([flip, flip.abs(), flip.abs()], dim=-1)
    quarters = (4 * draw.uniform(batch)).floor() * (math.pi / 2)
    any_angle = draw.uniform(batch, high=2 * math.pi)
    angle = torch.where(draw.uniform(batch) < scans.turned, any_angle, quarters)
    cosine, sine, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    one = torch.ones_like(angle)
    rows = [cosine, none, sine, none, one, none, -sine, none, cosine]
    turn = torch.stack(rows, dim=-1).view(batch, 3, 3)
    return turn * factors[:, None], turn.mT / factors[..., None]


def _first_kept(points: Tensor, lost: Tensor, count: int) -> Tensor:
    """The first `count` of the points (B, M, 3) that are not lost (B, M), repeated where there are
    fewer."""
    order = lost.to(torch.uint8).argsort(dim=1, stable=True)
    kept = (~lost).sum(1, keepdim=True).clamp_min(1)
    place = torch.arange(count, device=points.device).expand(len(points), -1) % kept
    chosen = order.gather(1, place)
    return points.gather(1, chosen[..., None].expand(-1, -1, 3))
