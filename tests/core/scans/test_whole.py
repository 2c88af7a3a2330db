"""The solve over a whole cloud beside a dense system in double precision, and its surface."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates

from onet_core.mesh.mesh import Mesh
from onet_core.scans.whole import EDGE, WholeField, _averaged, _Cloud, _twice_as_fine, solve
from onet_core.surface.from_points import follow

_EDGE = 9
_SCREENING = 4.0


def _energy(
    places: np.ndarray, normals: np.ndarray, areas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The matrix and the right side of the grid's least squares, node by node."""
    nodes = list(itertools.product(range(_EDGE), repeat=3))
    number = {node: index for index, node in enumerate(nodes)}
    matrix = np.zeros((len(nodes),) * 2)
    for node, axis in itertools.product(nodes, range(3)):
        after = number.get(tuple(np.array(node) + np.eye(3, dtype=int)[axis]))
        if after is not None:
            difference = np.zeros(len(nodes))
            difference[[number[node], after]] = -1, 1
            matrix += np.outer(difference, difference)
    away = places[:, None] - np.array(nodes)
    hats = np.maximum(1 - np.abs(away), 0).prod(axis=2)
    matrix += _SCREENING * hats.T @ (areas[:, None] * hats)
    cubic = BSpline.basis_element(np.arange(-2.0, 3.0), extrapolate=False)
    values, slopes = np.nan_to_num(cubic(away)), np.nan_to_num(cubic.derivative()(away))
    right = np.zeros(len(nodes))
    for axis in range(3):
        factors = values.copy()
        factors[..., axis] = slopes[..., axis]
        right += (areas * normals[:, axis]) @ factors.prod(axis=2)
    return matrix, right


def test_grids_are_solved_as_a_dense_system_is() -> None:
    random = np.random.default_rng(0)
    places = random.uniform(1, _EDGE - 2.001, (40, 3))
    normals = random.standard_normal((40, 3))
    areas = random.uniform(0.2, 1, 40)
    matrix, right = _energy(places, normals, areas)
    wanted = np.linalg.solve(matrix, right).reshape((_EDGE,) * 3)
    values = np.zeros((_EDGE,) * 3, dtype=np.float32)
    solve(values, places, normals, areas, _SCREENING, is_whole=True)
    assert values == pytest.approx(wanted, abs=1e-2 * np.abs(wanted).max())


def test_what_is_solved_whole_is_0_at_the_points_however_little_they_count() -> None:
    """The least squares' derivative by a constant: else a plate that is thinner than a cell, with
    some wrong normals, has all around it inside."""
    random = np.random.default_rng(3)
    side = np.where(np.arange(600) % 2, 1.0, -1.0)
    places = np.column_stack([random.uniform(8, 24, (600, 2)), 16 + 0.2 * side])
    normals = np.outer(side, [0, 0, 1.0])
    normals[random.random(600) < 0.2] *= -1
    values = np.zeros((33,) * 3, dtype=np.float32)
    solve(values, places, normals, np.full(600, 0.85), 0.004, is_whole=True)
    at_points = map_coordinates(values, places.T, np.float64, order=1)
    assert abs(at_points.mean()) < 0.01 * np.ptp(values)
    assert values[0, 0, 0] > 0


def test_bands_are_solved_with_what_is_known_beyond_them() -> None:
    """Of points in one corner's cells the band is only a part of the grid."""
    random = np.random.default_rng(1)
    places = random.uniform(1, 2.5, (20, 3))
    normals, areas = random.standard_normal((20, 3)), random.uniform(0.2, 1, 20)
    before = random.standard_normal((_EDGE,) * 3).astype(np.float32)
    values = before.copy()
    solve(values, places, normals, areas, _SCREENING, is_whole=False)
    is_in_band = np.zeros((_EDGE,) * 3, dtype=bool)
    for cell in np.floor(places).astype(int):
        low, high = np.maximum(cell - 2, 0), cell + 4
        is_in_band[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = True
    assert 0 < is_in_band.sum() < is_in_band.size
    assert np.array_equal(values[~is_in_band], before[~is_in_band])
    matrix, right = _energy(places, normals, areas)
    inner, flat = is_in_band.ravel(), before.ravel().astype(np.float64)
    right = right[inner] - matrix[np.ix_(inner, ~inner)] @ flat[~inner]
    wanted = np.linalg.solve(matrix[np.ix_(inner, inner)], right)
    assert values.ravel()[inner] == pytest.approx(wanted, abs=1e-2 * np.abs(wanted).max())


def test_what_is_found_is_the_start_on_a_grid_twice_as_fine() -> None:
    values = np.random.default_rng(4).standard_normal((4, 5, 6)).astype(np.float32)
    finer = _twice_as_fine(values)
    assert finer.shape == (7, 9, 11)
    places = np.stack(np.meshgrid(*(np.arange(size) / 2 for size in finer.shape), indexing="ij"))
    assert finer == pytest.approx(map_coordinates(values, places, order=1), abs=1e-6)


def test_points_of_one_side_in_a_cube_are_one_with_all_of_their_area() -> None:
    random = np.random.default_rng(5)
    points, normals = random.uniform(-0.5, 0.5, (500, 3)), random.standard_normal((500, 3))
    areas = random.random(500)
    found = _averaged(_Cloud(points, normals, areas), EDGE / 4)
    kinds: dict[tuple[int, ...], list[int]] = {}
    for number, (place, way) in enumerate(zip(points, normals, strict=True)):
        cube = tuple(int(value) for value in np.floor((place + EDGE / 2) / (EDGE / 4)))
        axis = int(np.abs(way).argmax())
        kinds.setdefault((*cube, axis, int(way[axis] > 0)), []).append(number)
    assert len(found.points) == len(kinds) < 400
    for here in kinds.values():
        place = areas[here] @ points[here] / areas[here].sum()
        (row,) = np.flatnonzero(np.linalg.norm(found.points - place, axis=1) < 1e-9)
        assert found.areas[row] == pytest.approx(areas[here].sum())
        assert found.normals[row] == pytest.approx(areas[here] @ normals[here] / found.areas[row])


def test_a_rod_ends_where_its_points_do() -> None:
    """A rod three spacings thick, some of whose normals are turned, as those of noisy scans are."""
    random = np.random.default_rng(2)
    spacing, radius, length = 0.01, 0.015, 0.4
    count = int(2 * np.pi * radius * (length + 2 * radius) / spacing**2)
    along = random.uniform(-length / 2 - radius, length / 2 + radius, count)
    angle = random.uniform(0, 2 * np.pi, count)
    beyond = np.sign(along) * np.maximum(np.abs(along) - length / 2, 0)
    ring = np.sqrt(np.maximum(radius**2 - beyond**2, 0))
    points = np.stack([along, ring * np.cos(angle), ring * np.sin(angle)], axis=1)
    middle = np.stack([along - beyond, 0 * along, 0 * along], axis=1)
    normals = (points - middle) / radius
    normals[random.random(count) < 0.1] *= -1
    field = WholeField(points, normals, np.full(count, spacing))
    mesh = Mesh(*follow(field.values, points, spacing / 2))
    nearest = mesh.vertices.clip([-length / 2, 0, 0], [length / 2, 0, 0])
    off = np.linalg.norm(mesh.vertices - nearest, axis=1) - radius
    assert np.abs(off).mean() < 0.15 * spacing
    assert off.max() < spacing
