"""What the scan network learns from: surfaces bent, turned and scanned badly, made on the GPU.

Lengths are in units of the cloud's own spacing: the edge of the square that a point has on the
surface.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .solids import random_solids, random_turns

FARTHEST = 1.5
"""Distances from the surface beyond this many voxels are of no use."""


class Surfaces(Protocol):
    """What draws points of shapes' surfaces; see `training.data.bank`."""

    def sample_surface(
        self, ids: Tensor, n: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]: ...


@dataclass(frozen=True)
class Scans:
    """A batch of scans, with what a network should say of some places.

    points: (N, 3).
    clouds: (N,) their numbers.
    size: (B,) edge of finest voxels.
    spacing: (B,).
    places: (B, S, 3), the first `cloud_places` of them points of the cloud.
    normals: (B, S, 3).
    distance, noise: (B, S) in voxels.
    is_outlier: (B, S).
    is_sided: (B, S), whether the normal's sign is known.
    """

    points: Tensor
    clouds: Tensor
    size: Tensor
    spacing: Tensor
    places: Tensor
    cloud_places: int
    normals: Tensor
    distance: Tensor
    noise: Tensor
    is_outlier: Tensor
    is_sided: Tensor


@dataclass(frozen=True)
class Harm:
    """What is done to the scans: None draws it anew for each."""

    noise: float | None = None
    clean: bool = False


def make_scans(
    bank: Surfaces,
    ids: Tensor,
    count: int,
    asked: int,
    generator: torch.Generator,
    *,
    solids: int = 0,
    harm: Harm | None = None,
) -> Scans:
    """Scans of the bank's shapes `ids` (B,), the first `solids` of which random solids instead.

    count: points of each; asked: places asked about.
    """
    harm = harm or Harm()
    device = ids.device
    extra = max(12_000 - count, 0)
    points, normals, valid, is_sided = surfaces_of(bank, ids, count + extra, solids, generator)
    if not harm.clean:
        points, normals = bent(points, normals, generator)
    turns = random_turns((len(ids),), generator, device)
    points, normals = points @ turns.transpose(1, 2), normals @ turns.transpose(1, 2)
    reference, reference_normals, reference_sided = points, normals, is_sided
    reference = torch.where(valid[..., None], reference, 1e3)

    cloud, kept = points[:, :count], valid[:, :count]
    if not harm.clean:
        kept = kept & ~missing(cloud, generator)
    spacing = spacing_of_clouds(cloud, kept, generator)
    cloud, deviation, is_outlier = scanned(cloud, normals[:, :count], spacing, harm, generator)
    # The voxels: so that each holds a few points, also where noise has made the surface thick.
    wanted = _uniform(generator, (len(ids),), device, math.log(2.2), math.log(12)).exp()
    if harm.clean:
        wanted = torch.full_like(wanted, 4.0)
    thickness = 2.5 * deviation.mean(dim=1) / spacing
    size = torch.full_like(spacing, 3)
    for _ in range(8):
        size = (wanted * (1.5 + thickness / size)).sqrt().clamp(1.5, 40)
    size = size * spacing

    # Places to answer for: points of the cloud, and others near them.
    order = torch.where(kept, _uniform(generator, kept.shape, device, 0, 1), 2.0)
    chosen = order.topk(asked, dim=1, largest=False).indices
    rows = torch.arange(len(ids), device=device)[:, None]
    places = cloud[rows, chosen].clone()
    half = asked // 2
    jitter = torch.randn(places[:, half:].shape, generator=generator, device=device)
    places[:, half:] += 0.5 * size[:, None, None] * jitter
    outlier = is_outlier[rows, chosen] | ~kept[rows, chosen]
    nearest = _nearest(places, reference)
    normal = reference_normals[rows, nearest]
    away = places - reference[rows, nearest]
    distance = (away * normal).sum(dim=-1) / size[:, None]
    distance = torch.where(away.norm(dim=-1) > FARTHEST * size[:, None], math.nan, distance)

    offsets = torch.nonzero(kept)
    return Scans(
        cloud[kept], offsets[:, 0], size, spacing, places, half, normal, distance,
        deviation[rows, chosen] / size[:, None], outlier, reference_sided[rows, nearest],
    )  # fmt: skip


def _uniform(
    generator: torch.Generator,
    shape: tuple[int, ...],
    device: torch.device,
    low: float,
    high: float,
) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=generator, device=device)


def surfaces_of(
    bank: Surfaces, ids: Tensor, count: int, solids: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    points, normals, _, thin = bank.sample_surface(ids[solids:], count, generator)
    valid, sided = torch.ones_like(thin), ~thin
    if solids:
        more = random_solids(solids, count, generator, ids.device)
        points, normals = torch.cat([more[0], points]), torch.cat([more[1], normals])
        valid = torch.cat([more[2], valid])
        sided = torch.cat([torch.ones_like(more[2]), sided])
    return points, normals, valid, sided


def bent(
    points: Tensor,
    normals: Tensor,
    generator: torch.Generator,
    scales: tuple[float, float] = (3.0, 60.0),
) -> tuple[Tensor, Tensor]:
    """Shapes stretched, and bent by a few waves, long ones and short ones.

    scales: the least and the most radians that a wave goes through per unit of length.
    """
    objects, device = len(points), points.device
    stretch = _uniform(generator, (objects, 1, 3), device, -0.35, 0.35).exp()
    points, normals = points * stretch, normals / stretch
    waves = 6
    low, high = (math.log(scale) for scale in scales)
    scale = _uniform(generator, (objects, waves, 1), device, low, high).exp()
    direction = torch.randn(objects, waves, 3, generator=generator, device=device)
    frequency = scale * direction / direction.norm(dim=-1, keepdim=True)
    # How steep all waves together are at most; half of the shapes stay as they are.
    steep = _uniform(generator, (objects, 1, 1), device, -0.5, 0.5).clamp(min=0)
    shift = torch.randn(objects, waves, 3, generator=generator, device=device)
    shift = steep * shift / (shift.norm(dim=-1, keepdim=True) * scale) / waves**0.5
    phase = torch.einsum("bni,bwi->bnw", points, frequency)
    phase = phase + _uniform(generator, (objects, 1, waves), device, 0, 2 * math.pi)
    points = points + torch.einsum("bnw,bwi->bni", phase.sin(), shift)
    # Normals go with the inverse transposed of 1 + sum cos * shift x frequency.
    jacobian = torch.eye(3, device=device) + torch.einsum(
        "bnw,bwi,bwj->bnij", phase.cos(), shift, frequency
    )
    rows = jacobian.unbind(-1)
    cofactors = torch.stack(
        [
            torch.linalg.cross(rows[1], rows[2]),
            torch.linalg.cross(rows[2], rows[0]),
            torch.linalg.cross(rows[0], rows[1]),
        ],
        dim=-1,
    )
    normals = torch.einsum("bnij,bnj->bni", cofactors, normals)
    return points, normals / normals.norm(dim=-1, keepdim=True).clamp(min=1e-9)


def missing(cloud: Tensor, generator: torch.Generator) -> Tensor:
    """Which points (B, N) the scanner did not see."""
    objects, device = len(cloud), cloud.device
    kind = torch.rand(objects, 1, generator=generator, device=device)
    direction = torch.randn(objects, 3, 1, generator=generator, device=device)
    direction = direction / direction.norm(dim=1, keepdim=True)
    along = (cloud @ direction)[..., 0]
    low, high = along.min(dim=1, keepdim=True).values, along.max(dim=1, keepdim=True).values
    along = (along - low) / (high - low).clamp(min=1e-6)
    cut = along < _uniform(generator, (objects, 1), device, 0.1, 0.5)
    steep = _uniform(generator, (objects, 1), device, 1, 4)
    thinner = torch.rand(along.shape, generator=generator, device=device) > (-steep * along).exp()
    chosen = (torch.rand(objects, 3, generator=generator, device=device) * cloud.shape[1]).long()
    middles = cloud[torch.arange(objects, device=device)[:, None], chosen]
    radius = _uniform(generator, (objects, 1, 3), device, 0.02, 0.2)
    holes = (torch.cdist(cloud, middles) < radius).any(dim=-1)
    is_missing = torch.zeros_like(cut)
    for low_share, what in ((0.9, cut), (0.75, thinner), (0.6, holes)):
        is_missing = torch.where((kind >= low_share) & (kind < low_share + 0.15), what, is_missing)
    return is_missing


def spacing_of_clouds(cloud: Tensor, kept: Tensor, generator: torch.Generator) -> Tensor:
    """(B,) twice the median distance to the nearest other point."""
    objects, count = kept.shape
    order = torch.where(kept, _uniform(generator, kept.shape, kept.device, 0, 1), 2.0)
    chosen = order.topk(min(256, count), dim=1, largest=False).indices
    some = cloud[torch.arange(objects, device=kept.device)[:, None], chosen]
    distances = torch.cdist(some, torch.where(kept[..., None], cloud, 1e3), compute_mode=EXACT)
    return 2 * distances.topk(2, dim=-1, largest=False).values[..., 1].median(dim=1).values + 1e-6


EXACT = "donot_use_mm_for_euclid_dist"


def scanned(
    cloud: Tensor, normals: Tensor, spacing: Tensor, harm: Harm, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Clouds with noise, double layers and outliers; the noise's deviation (B, N); the outliers."""
    objects, count, _ = cloud.shape
    device = cloud.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    strength = _uniform(generator, (objects, 1), device, math.log(0.03), math.log(4)).exp()
    strength = torch.where(uniform(objects, 1) < 0.2, 0.0, strength)
    if harm.noise is not None:
        strength = torch.full_like(strength, harm.noise)
    deviation = (strength * spacing[:, None]).expand(objects, count)
    nothing = torch.zeros(objects, count, dtype=torch.bool, device=device)
    if harm.clean:
        return cloud + deviation[..., None] * normal(objects, count, 3), deviation, nothing
    # Here and there stronger.
    direction = normal(objects, 3, 1) * 4
    wave = 1 + 0.8 * (cloud @ direction)[..., 0].sin()
    deviation = torch.where(uniform(objects, 1) < 0.25, deviation * wave, deviation)
    # Along the surface's normal only, or along the direction of view.
    noise = normal(objects, count, 3)
    depth = normal(objects, 1, 3)
    depth = depth / depth.norm(dim=-1, keepdim=True)
    kind = uniform(objects, 1, 1)
    noise = torch.where(kind < 0.15, noise[..., :1] * depth, noise)
    noise = torch.where(kind > 0.85, noise[..., :1] * normals, noise)
    noisy = cloud + deviation[..., None] * noise
    # Two scans that do not lie quite on each other.
    apart = normal(objects, 1, 3) * spacing[:, None, None] * (uniform(objects, 1, 1) < 0.12)
    noisy = noisy + apart * (uniform(objects, count, 1) < 0.5)
    # Points from nowhere, in the box and near the surface.
    share = torch.where(uniform(objects, 1) < 0.35, 0.06 * uniform(objects, 1) ** 2, 0.0)
    is_outlier = uniform(objects, count) < share
    anywhere = (
        cloud.amin(dim=1, keepdim=True)
        - 0.05
        + uniform(objects, count, 3)
        * (cloud.amax(dim=1, keepdim=True) - cloud.amin(dim=1, keepdim=True) + 0.1)
    )
    slab = cloud + normal(objects, count, 3) * 12 * spacing[:, None, None]
    stray = torch.where(uniform(objects, 1, 1) < 0.5, anywhere, slab)
    return torch.where(is_outlier[..., None], stray, noisy), deviation, is_outlier


def _nearest(places: Tensor, reference: Tensor) -> Tensor:
    """Which of the reference (B, R, 3) is nearest to each of the places (B, S, 3): (B, S)."""
    most = 1 << 29
    objects = max(most // (places.shape[1] * reference.shape[1]), 1)
    middle = torch.where(reference < 1e2, reference, 0).mean(dim=1, keepdim=True)
    found = [
        torch.cdist(some - at, others - at, compute_mode="use_mm_for_euclid_dist").argmin(dim=-1)
        for some, others, at in zip(
            places.split(objects), reference.split(objects), middle.split(objects), strict=True
        )
    ]
    return torch.cat(found)
