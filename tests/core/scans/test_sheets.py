"""The field of oriented points against spheres and thin plates in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from onet_core.mesh.mesh import Mesh
from onet_core.scans.sheets import ENOUGH, REACH, SheetField
from onet_core.scans.whole import WholeField
from onet_core.surface.from_points import follow


def _ball(radius: float, count: int) -> np.ndarray:
    ways = np.random.default_rng(0).standard_normal((count, 3))
    return radius * ways / np.linalg.norm(ways, axis=1, keepdims=True)


def _plate(thick: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points on a square plate of edge 0.8, and their normals; the rim has its share."""
    rng = np.random.default_rng(1)
    half = np.array([0.4, 0.4, thick / 2])
    areas = np.array([half[1] * half[2], half[0] * half[2], half[0] * half[1]])
    axis = rng.choice(3, count, p=areas / areas.sum())
    side = rng.choice([-1.0, 1.0], count)
    points = rng.uniform(-1, 1, (count, 3)) * half
    normals = np.zeros((count, 3))
    rows = np.arange(count)
    points[rows, axis], normals[rows, axis] = side * half[axis], side
    return points, normals


def test_the_whole_is_the_distance_from_a_ball_and_points_out_of_it() -> None:
    points = _ball(0.4, 6_000)
    spacing = np.full(len(points), np.sqrt(4 * np.pi * 0.16 / len(points)))
    field = WholeField(points, points / 0.4, spacing)
    places = np.concatenate([_ball(radius, 500) for radius in (0.385, 0.4, 0.415)])
    outward = field.outward(places)
    lengths = np.linalg.norm(places, axis=1)
    assert np.einsum("ni,ni->n", outward, places / lengths[:, None]).min() > 0.97
    values = field.values(places)
    # It is blurred by a spacing, and the points are at random.
    assert np.abs(values - (lengths - 0.4)).mean() < 0.3 * spacing[0]


@pytest.mark.parametrize("is_uneven", [False, True])
def test_spheres_fit_all_points_within_reach(is_uneven: bool) -> None:
    """Of an egg, at places up to half a spacing off: as spheres fitted in double precision to all
    of its points within reach of each place, one place after the other."""
    points = _ball(0.4, 6_000) * [1.0, 0.8, 0.7]
    normals = points / np.array([1.0, 0.8, 0.7]) ** 2
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    spacing = np.full(len(points), np.sqrt(4 * np.pi * 0.4**2 * 0.7 / len(points)))
    errors = np.random.default_rng(3).uniform(0.1, 0.4, len(points)) * spacing
    field = SheetField(points, normals, REACH * spacing, spacing, errors if is_uneven else None)
    random = np.random.default_rng(4)
    some = random.permutation(len(points))[:300]
    places = points[some] + random.uniform(-0.5, 0.5, (300, 3)) * spacing[some, None]
    found, reach, asked = field(places), REACH * spacing[0], 0
    outward = field._whole.outward(places)
    for place, way, value in zip(places, outward, found, strict=True):
        away = points - place
        near = np.linalg.norm(away, axis=1) < reach
        away, ways = away[near], normals[near]
        weights = (1 - (away**2).sum(axis=1) / reach**2) ** 4 * np.maximum(ways @ way, 0) ** 2
        if is_uneven:
            least = errors[near][weights > 0.02].min()
            weights *= np.minimum(least / errors[near], 1) ** 2
        if weights.sum() < ENOUGH:
            continue  # The whole has its share in the field there.
        asked += 1
        shares = weights / weights.sum()
        middle, normal = shares @ away, shares @ ways
        flat = shares @ (away * ways).sum(axis=1) - middle @ normal
        curved = flat / (shares @ (away**2).sum(axis=1) - middle @ middle) / 2
        slope = normal - 2 * curved * middle
        constant = -slope @ middle - curved * (shares @ (away**2).sum(axis=1))
        # The nearest root of constant + steep * t + curved * t^2, along the slope.
        steep = np.linalg.norm(slope)
        roots = np.roots([curved, -steep, constant]) if abs(curved) > 1e-9 else [constant / steep]
        wanted = np.min(np.abs(roots)) * np.sign(constant)
        assert value == pytest.approx(wanted, abs=1e-3 * spacing[0])
    assert asked > 100


@pytest.mark.parametrize("wrong", [0.0, 0.03])
def test_sheets_one_spacing_apart_stay_apart(wrong: float) -> None:
    """A plate as thin as its points are apart comes out whole, even if some normals are wrong."""
    count = 20_000
    edge = np.sqrt(2 * 0.64 / count)
    points, normals = _plate(1.2 * edge, count)
    turned = np.random.default_rng(2).random(count) < wrong
    normals[turned] *= -1
    spacing = np.full(count, edge)
    field = SheetField(points, normals, REACH * spacing, spacing)
    mesh = Mesh(*follow(field, points, edge / 1.5))
    corners = mesh.vertices[mesh.faces]
    is_inner = (np.abs(corners.mean(axis=1)[:, :2]) < 0.38).all(axis=1)
    height = np.abs(np.abs(corners[is_inner].mean(axis=1)[:, 2]) - 0.6 * edge)
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[is_inner]
    areas = np.linalg.norm(crossed, axis=1) / 2
    # Both sides are there once, and where they should be.
    assert areas.sum() == pytest.approx(2 * 0.76**2, rel=0.02)
    assert np.average(height, weights=areas) < 0.1 * edge
    assert np.quantile(height, 0.99) < 0.3 * edge
