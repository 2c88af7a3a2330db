"""Random bodies: points on their surfaces, with the normals that the surface has."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import torch
from scipy.spatial import cKDTree

from training.learn.scans.bodies import Body, points_of, random_body


def capsule() -> Body:
    """One limb from -0.2 to 0.2 along x, 0.1 thick at both ends, smooth."""
    ends = torch.tensor([[0.2, 0.0, 0.0]])
    return Body(
        -ends, ends, torch.full((1, 2), 0.1), 100.0,
        torch.zeros(1, 3), torch.zeros(1), 0.0, False,
    )  # fmt: skip


def test_a_single_limb_is_a_capsule() -> None:
    points, normals = points_of(capsule(), 4_000, torch.Generator().manual_seed(0))
    axis = torch.zeros_like(points)
    axis[:, 0] = points[:, 0].clamp(-0.2, 0.2)
    torch.testing.assert_close((points - axis).norm(dim=1), torch.full((4_000,), 0.1))
    torch.testing.assert_close(normals, (points - axis) / 0.1, atol=1e-4, rtol=0)
    # Both ends together are a sphere's surface, the rest a cylinder's; ends are sparser.
    on_ends = float((points[:, 0].abs() > 0.2).float().mean())
    sphere, cylinder = 4 * math.pi * 0.1**2, 2 * math.pi * 0.1 * 0.4
    assert 0.55 < on_ends / (sphere / (sphere + cylinder)) < 1.1


def test_normals_are_the_slope_of_the_values() -> None:
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        body = replace(random_body(generator, 0.05), is_creased=seed % 2 == 0)
        points, normals = points_of(body, 1_000, generator)
        exact = {
            field.name: value.double()
            for field in fields(body)
            if isinstance(value := getattr(body, field.name), torch.Tensor)
        }
        body, points = replace(body, **exact), points.double()
        step = 1e-4 * torch.eye(3).double()
        slope = torch.stack([body(points + way)[0] - body(points - way)[0] for way in step], 1)
        cosines = (normals * slope / slope.norm(dim=1, keepdim=True)).sum(1)
        assert float(cosines.quantile(0.02)) > 0.999


def test_points_lie_evenly_on_the_surface() -> None:
    generator = torch.Generator().manual_seed(5)
    points, _ = points_of(random_body(generator, 0.05), 20_000, generator)
    assert float((points.amax(0) - points.amin(0)).max()) <= 1.2
    distances = cKDTree(points.numpy()).query(points[:2_000].numpy(), 9)[0][:, 8]
    low, high = np.quantile(distances, [0.1, 0.9])
    assert high < 2.5 * low
