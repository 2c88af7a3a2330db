"""Holes filled from the mirror image of shapes whose other half is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from onet_core.inputs.frame import Frame
from onet_core.inputs.observation import Normals, Observation
from onet_core.inputs.symmetry.completion import completed, fill_holes, mirror_planes


def all_of_it(places: np.ndarray) -> np.ndarray:
    """What a network says that thinks there is more everywhere."""
    return np.ones(len(places))


def jar(count: int, seed: int = 0) -> np.ndarray:
    """Points on an upright cylinder that is open on top, wider (x) than deep."""
    rng = np.random.default_rng(seed)
    angle, height = rng.uniform(0, 2 * np.pi, count), rng.uniform(-0.4, 0.4, count)
    side = np.stack([0.3 * np.cos(angle), height, 0.22 * np.sin(angle)], axis=1)
    is_bottom = rng.random(count) < 0.2
    radius = np.sqrt(rng.random(count))
    side[is_bottom, 0] *= radius[is_bottom]
    side[is_bottom, 2] *= radius[is_bottom]
    side[is_bottom, 1] = -0.4
    return side


def outward(points: np.ndarray) -> np.ndarray:
    """The jar's unit normals at its points."""
    normals = points / [0.3**2, np.inf, 0.22**2]
    normals[np.isclose(points[:, 1], -0.4)] = [0, -1, 0]
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def handle(count: int) -> np.ndarray:
    """Points on half a ring that stands out from the jar at +x."""
    rng = np.random.default_rng(1)
    along, around = rng.uniform(-0.5, 0.5, count) * np.pi, rng.uniform(0, 2 * np.pi, count)
    reach = 0.15 + 0.03 * np.cos(around)
    x, y = 0.29 + reach * np.cos(along), reach * np.sin(along)
    return np.stack([x, y, 0.03 * np.sin(around)], axis=1)


def holed(points: np.ndarray, middle: tuple[float, float, float], radius: float) -> np.ndarray:
    """Which points lie outside of a ball."""
    return np.linalg.norm(points - middle, axis=1) > radius


@pytest.mark.parametrize("count", [1_500, 4_000, 40_000])
@pytest.mark.parametrize("noise", [0.0, 0.004])
def test_a_hole_is_filled_where_the_other_side_was_scanned(count, noise):
    whole = jar(count)
    kept = holed(whole, (-0.3, 0.0, 0.05), 0.22)
    scan = whole[kept] + np.random.default_rng(2).normal(0, noise, (kept.sum(), 3))
    # The jar is symmetric to z = 0, too, but there the hole meets itself.
    planes = [plane for plane in mirror_planes(scan) if abs(plane.normal[0]) > 0.99]
    assert planes
    found = fill_holes(scan, planes[0], all_of_it)
    assert found is not None
    lost = whole[~kept]
    assert np.median(cKDTree(found.points).query(lost)[0]) < 2 / np.sqrt(count) + noise
    # On the true surface, of which the ellipse is one.
    sides = found.points[np.abs(found.points[:, 1]) < 0.38]
    off = np.abs(np.hypot(sides[:, 0] / 0.3, sides[:, 2] / 0.22) - 1) * 0.22
    assert np.quantile(off, 0.9) < 0.015 + 2 * noise
    np.testing.assert_allclose(found.plane.mirrored(scan[found.of]), found.points, atol=1e-9)


@pytest.mark.parametrize("count", [3_000, 30_000])
def test_a_cup_keeps_its_one_handle(count):
    scan = np.concatenate([jar(count), handle(count // 8)])
    for plane in mirror_planes(scan):
        found = fill_holes(scan, plane, all_of_it)
        assert found is None or not (found.points[:, 0] < -0.33).any()


def filled(points: np.ndarray) -> int:
    """How many points are added to a cloud."""
    observation = Observation("points", points.astype(np.float32), Frame(np.eye(4)))
    found = completed(observation, all_of_it)
    return 0 if found is None else len(found.data) - len(points)


def test_nothing_is_added_to_what_is_whole_or_not_symmetric():
    assert filled(jar(3_000)) == 0
    rng = np.random.default_rng(3)
    # Too few to tell a hole from a gap between two points.
    few = jar(1_100)
    assert filled(few[holed(few, (-0.3, 0.0, 0.05), 0.22)]) == 0
    turn, radius = rng.uniform(0, 3 * np.pi, 2_000), rng.uniform(0.2, 0.5, 2_000)
    stairs = np.stack([radius * np.cos(turn), turn / 10 - 0.5, radius * np.sin(turn)], axis=1)
    assert filled(stairs) == 0


def test_nothing_is_added_where_the_network_knows_that_nothing_is():
    whole = jar(3_000)
    scan = whole[holed(whole, (-0.3, 0.0, 0.05), 0.22)].astype(np.float32)
    asked = []

    def nothing(places: np.ndarray) -> np.ndarray:
        asked.append(places)
        return np.full(len(places), 0.04)

    def a_little(places: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(places)) < 0.05 * len(places), 0.06, 0.04)

    observation = Observation("points", scan, Frame(np.eye(4)))
    assert completed(observation, nothing) is None
    # Asked about nothing but the hole.
    middle = np.array([-0.3, 0.0, 0.05])
    assert np.linalg.norm(np.concatenate(asked) - middle, axis=1).max() < 0.3
    assert completed(observation, a_little) is not None


def test_outliers_fill_nothing():
    whole = jar(3_000)
    stray = np.random.default_rng(4).uniform(-0.5, 0.5, (60, 3))
    assert filled(np.concatenate([whole, stray])) == 0


def test_a_part_that_was_cut_off_comes_back_and_the_frame_holds_it():
    rng = np.random.default_rng(5)
    body = rng.normal(size=(3_000, 3))
    body *= [[0.1, 0.1, 0.4]] / np.linalg.norm(body, axis=1, keepdims=True)
    wings = np.stack(
        [rng.uniform(-0.5, 0.5, 4_000), 0.01 * rng.choice([-1, 1], 4_000),
         rng.uniform(-0.1, 0.1, 4_000)], axis=1,
    )  # fmt: skip
    cut = np.concatenate([body, wings[wings[:, 0] < 0.3]])
    frame = Frame.of_points(cut, "y")
    observation = Observation("points", frame.to_network(cut).astype(np.float32), frame)
    found = completed(observation, all_of_it)
    assert found is not None
    back = found.frame.to_source(found.data)
    np.testing.assert_allclose(back[: len(cut)], cut, atol=1e-6)
    assert back[:, 0].max() == pytest.approx(0.5, abs=0.02)
    assert np.ptp(found.data, axis=0).max() == pytest.approx(1, abs=1e-5)


def test_normals_are_mirrored_with_their_points():
    whole = jar(4_000)
    kept = holed(whole, (-0.3, 0.0, 0.05), 0.22)
    scan = whole[kept]
    observation = Observation(
        "points", scan.astype(np.float32), Frame(np.eye(4)), normals=Normals(outward(scan))
    )
    found = completed(observation, all_of_it)
    assert found is not None
    assert found.normals is not None
    assert len(found.normals.directions) == len(found.data)
    added = found.frame.to_source(found.data[len(scan) :])
    sides = np.abs(added[:, 1]) < 0.38
    along = (outward(added) * found.normals.directions[len(scan) :]).sum(axis=1)
    assert along[sides].min() > 0.95
