"""Normals of clean points, against those of the solids that they lie on."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from onet_core.scans.neighbours import Neighbours
from onet_core.scans.normals import around_rods, plane_normals, sharpened
from onet_core.scans.quadrics import fitted


def angles_on(solid: trimesh.Trimesh, true: np.ndarray | None = None) -> np.ndarray:
    """Degrees to the true normals, quadrics' and sharpened (2, N), of 20,000 points."""
    points, faces = trimesh.sample.sample_surface(solid, 20_000, seed=0)
    points = np.asarray(points)
    truth = np.asarray(solid.face_normals[faces]) if true is None else points / 0.5
    around = Neighbours(points)
    axes = plane_normals(points, around, 10)
    axes *= np.sign(np.einsum("ni,ni->n", axes, truth))[:, None]
    fits = fitted(points, axes, around, 2.2 * around.spacing(), 12)
    found = np.stack([fits.normals, sharpened(points, fits, around)])
    return np.degrees(np.arccos(np.clip(np.einsum("kni,ni->kn", found, truth), -1, 1)))


@pytest.mark.parametrize(
    "solid",
    [
        trimesh.creation.box((1.0, 0.7, 0.4)),
        trimesh.creation.cylinder(0.5, 0.5, sections=200),
        # Edges of 120 degrees.
        trimesh.creation.cylinder(0.5, 0.5, sections=6),
    ],
    ids=["box", "cylinder", "prism"],
)
def test_normals_next_to_edges_are_of_one_face(solid: trimesh.Trimesh) -> None:
    quadrics, sharp = angles_on(solid)
    assert (quadrics > 10).mean() > 0.02
    assert (sharp > 10).mean() < 0.35 * (quadrics > 10).mean()
    assert sharp.mean() < 0.5 * quadrics.mean()


def test_a_ball_stays_round() -> None:
    ball = trimesh.creation.icosphere(6, 0.5)
    points = np.asarray(trimesh.sample.sample_surface(ball, 20_000, seed=0)[0])
    quadrics, sharp = angles_on(ball, points)
    assert sharp.max() < 3
    assert sharp.mean() < quadrics.mean() + 0.2


@pytest.mark.parametrize("thickness", [0.012, 0.03])
def test_two_sheets_do_not_mix(thickness: float) -> None:
    """The sides of a plate that is one or three spacings thin keep their directions."""
    quadrics, sharp = angles_on(trimesh.creation.box((1.0, 1.0, thickness)))
    assert (sharp > 90).sum() <= (quadrics > 90).sum()
    assert (sharp > 45).mean() < 0.5 * (quadrics > 45).mean()


def test_axes_of_a_rod_lead_away_from_its_middle() -> None:
    """A rod one and a half spacings thick beside a ball, which stays as it is."""
    random = np.random.default_rng(0)
    turns = random.uniform(0, 2 * np.pi, 2_000)
    ways = np.stack([np.cos(turns), np.sin(turns), np.zeros(2_000)], axis=1)
    rod = 0.007 * ways + [[0, 0, 1]] * random.uniform(-0.5, 0.5, (2_000, 1)) * 4
    ball = random.standard_normal((20_000, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    points = np.concatenate([rod, 0.45 * ball + [1.0, 0, 0]])
    truth = np.concatenate([ways, ball])
    around = Neighbours(points)
    planes = plane_normals(points, around, 10)
    axes = around_rods(points, planes, around)
    along = np.abs(np.einsum("kni,ni->kn", np.stack([planes, axes]), truth))
    assert (along[0, :2_000] < 0.7).mean() > 2 * (along[1, :2_000] < 0.7).mean()
    assert (axes[2_000:] == planes[2_000:]).all()
