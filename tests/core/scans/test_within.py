"""Scans that are taken from within, of a room of boxes, by ray casting."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from onet_core.pipeline.job import Job, run
from onet_core.scans.signs import signed
from onet_core.scans.within import Surfels, standpoints
from onet_core.settings import Settings

FloatArray = NDArray[np.float64]

STAND = np.array([0.1, 0.02, -0.15])


def _box(low: tuple[float, ...], high: tuple[float, ...]) -> trimesh.Trimesh:
    return trimesh.creation.box(bounds=[low, high])


def _room() -> trimesh.Trimesh:
    """A room, y up, its longest edge 1, with a table, a cupboard, a pillar and three chests."""
    furniture = [
        _box((-0.2, -0.13, 0.1), (0.1, -0.1, 0.3)),
        _box((-0.06, -0.27, 0.18), (-0.03, -0.13, 0.21)),
        _box((0.25, -0.27, 0.2), (0.45, 0.12, 0.3)),
        _box((-0.3, -0.27, -0.2), (-0.25, 0.1, -0.15)),
        _box((0.3, -0.27, -0.3), (0.4, -0.15, -0.1)),
        _box((-0.4, -0.27, 0.05), (-0.3, -0.1, 0.2)),
        _box((-0.1, -0.27, -0.36), (0.05, -0.17, -0.3)),
    ]
    return trimesh.util.concatenate([_box((-0.5, -0.27, -0.4), (0.5, 0.27, 0.4)), *furniture])


def _scan(count: int) -> tuple[FloatArray, FloatArray]:
    """Points (N, 3) that a scanner sees which turns on a tripod, and their normals (N, 3)."""
    room, random = _room(), np.random.default_rng(0)
    ways = random.standard_normal((4 * count, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    ways = ways[ways[:, 1] > -0.9][:count]
    hits, rays, faces = room.ray.intersects_location(
        np.tile(STAND, (len(ways), 1)), ways, multiple_hits=False
    )
    hits = hits + random.normal(0, 5e-4, (len(hits), 1)) * ways[rays]
    normals = np.asarray(room.face_normals[faces])
    facing = -np.sign(np.einsum("ni,ni->n", normals, ways[rays]))
    return np.asarray(hits), normals * facing[:, None]


def test_what_is_hidden_is_not_seen() -> None:
    """A wall behind a smaller one: a place before both sees neither less than that nor more."""
    random = np.random.default_rng(0)
    across = np.linspace(-0.2, 0.2, 45)
    near = np.stack(np.meshgrid(across, across, [0.25]), axis=-1).reshape(-1, 3)
    far = np.column_stack([random.uniform(-0.5, 0.5, (6_000, 2)), np.full(6_000, 0.5)])
    seen = Surfels(np.concatenate([near, far])).seen(np.zeros(3))
    assert seen[: len(near)].all()
    # By similar triangles the shadow is twice as wide.
    is_hidden = (np.abs(far[:, :2]) < 0.38).all(axis=1)
    is_free = (np.abs(far[:, :2]) > 0.42).any(axis=1)
    assert seen[len(near) :][is_hidden].mean() < 0.02
    assert seen[len(near) :][is_free].mean() > 0.98


@pytest.mark.parametrize("angle", [0.0, 45.0])
def test_a_room_is_told_from_solids(angle: float) -> None:
    points, normals = _scan(12_000)
    turn = trimesh.transformations.rotation_matrix(np.radians(angle), [0, 1, 0])[:3, :3]
    points, normals = points @ turn, normals @ turn
    points /= np.ptp(points, axis=0).max()
    found = standpoints(points)
    assert found is not None
    random = np.random.default_rng(1)
    axes = normals * random.choice([-1.0, 1.0], (len(points), 1))
    spacing = float(np.median(cKDTree(points).query(points, 2)[0][:, 1]))
    # The votes are those of a solid, all wrong.
    made = signed(points, axes, -normals, spacing, found, is_seen=True).normals
    assert (np.einsum("ni,ni->n", made, normals) > 0).mean() > 0.98


@pytest.mark.parametrize(
    "solid",
    [
        trimesh.creation.box((1.0, 0.6, 0.8)),
        trimesh.creation.icosphere(4, 0.5),
        trimesh.creation.torus(0.35, 0.12),
        trimesh.util.concatenate(
            [_box((-0.5, 0.2, -0.3), (0.5, 0.25, 0.3))]
            + [
                _box((x, -0.3, z), (x + 0.06, 0.2, z + 0.06))
                for x in (-0.5, 0.44)
                for z in (-0.3, 0.24)
            ]
        ),
        _box((-0.5, 0.0, -0.5), (0.5, 0.001, 0.5)),
        trimesh.Trimesh([[-0.5, -0.5, -0.5], [0.5, -0.5, 0.5], [0, 0.5, 0]], [[0, 1, 2]]),
    ],
    ids=["box", "ball", "torus", "table", "board", "leaning"],
)
def test_solids_are_no_rooms(solid: trimesh.Trimesh) -> None:
    points = np.asarray(trimesh.sample.sample_surface(solid, 8_000, seed=0)[0])
    assert standpoints(points) is None
    # What a scanner in front sees of it.
    upright = points[points @ [0.3, 0.5, 0.8] > 0.02]
    assert len(upright) < 4_000 or standpoints(upright) is None


@pytest.mark.parametrize("count", [8_000, 30_000])
def test_a_room_comes_out_as_what_was_seen(count: int) -> None:
    points, _ = _scan(count)
    upright = points[:, [2, 0, 1]]
    made = run(Job(points=upright, settings=Settings(resolution=64, normals=False)))
    mesh = trimesh.Trimesh(made.made.mesh.vertices, made.made.mesh.faces, process=False)
    assert any("taken from inside" in str(note) for note in made.made.notes)
    assert not mesh.is_watertight
    toward = STAND[[2, 0, 1]] - mesh.triangles_center
    is_facing = np.einsum("fi,fi->f", mesh.face_normals, toward) > 0
    assert (mesh.area_faces * is_facing).sum() > 0.93 * mesh.area
    samples = np.asarray(trimesh.sample.sample_surface(mesh, 40_000, seed=0)[0])
    assert cKDTree(samples).query(upright)[0].mean() < 0.01
    # Nothing closes the shadows behind the furniture.
    assert np.quantile(cKDTree(upright).query(samples)[0], 0.98) < 0.06
