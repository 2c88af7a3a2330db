"""What networks are shown while they are measured: conditions, damage, turns, pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from measured_balls import IMAGE, POINTS, VOXELS, ExactBalls
from tiny_shapes import Box, write_shape

from onet_core.errors import InputError
from onet_core.inputs.observation import Observation
from training.data.conditions import Conditions, with_holes
from training.data.labelled import read_shape
from training.data.observations import observe
from training.measure.evaluate import evaluate_network
from training.measure.protocol import Protocol
from training.measure.report import summary


def test_inputs_do_not_depend_on_the_limit(root: Path) -> None:
    shape = read_shape(root, "large", "test1")
    one, again = observe(shape, POINTS, 0), observe(shape, POINTS, 0)
    other = observe(shape, POINTS, 1)
    assert one is not None
    assert again is not None
    assert other is not None
    np.testing.assert_array_equal(one.data, again.data)
    assert (one.data != other.data).any()
    assert one.data.shape == (300, 3)
    limited = evaluate_network(
        ExactBalls(), POINTS, root, Protocol(samples=1000, resolution=32, limit=2), device="cpu"
    )
    assert [r.shape for r in limited.results] == ["test0", "test0"]


def test_the_size_of_the_input_can_be_chosen() -> None:
    chosen = Conditions(50, 0.1).inputs_of(POINTS)
    assert chosen.inputs == {"points": 50, "noise": 0.1}
    assert Conditions().inputs_of(VOXELS) == VOXELS
    for conditions in (Conditions(50), Conditions(missing=0.1), Conditions(turn="any")):
        with pytest.raises(InputError, match="no point clouds"):
            conditions.inputs_of(VOXELS)


def observed(root: Path, name: str = "test1", **conditions: Any) -> Observation:
    made = observe(read_shape(root, "large", name), POINTS, 0, Conditions(**conditions))
    assert made is not None
    return made


def test_outliers_take_the_place_of_points(root: Path) -> None:
    plain, spoiled = observed(root), observed(root, outliers=0.1)
    differs = (plain.data != spoiled.data).any(axis=1)
    assert differs.sum() == 30
    assert np.abs(spoiled.data).max() <= 0.55
    # On a ball of radius 0.42 the others stay; those in the box lie about it.
    assert np.abs(np.linalg.norm(spoiled.data[~differs], axis=1) - 0.42).max() < 1e-5
    assert np.abs(np.linalg.norm(spoiled.data[differs], axis=1) - 0.42).mean() > 0.05


def test_holes_take_their_share_of_the_surface(root: Path) -> None:
    surface = read_shape(root, "large", "test1").surface_points
    for share in (0.1, 0.25, 0.3):
        left = with_holes(surface, share, np.random.default_rng(0))
        assert len(left) == pytest.approx((1 - share) * len(surface), abs=3)
    # One hole of a tenth of a ball's area is a cap: its height is a tenth of the diameter.
    left = with_holes(surface, 0.1, np.random.default_rng(1))
    kept = {tuple(point) for point in left}
    lost = np.array([point for point in surface if tuple(point) not in kept])
    axis = lost.mean(axis=0) / np.linalg.norm(lost.mean(axis=0))
    assert (lost @ axis).min() == pytest.approx(0.42 * 0.8, abs=0.02)
    assert (left @ axis).max() == pytest.approx(0.42 * 0.8, abs=0.02)


def test_turned_clouds_come_back(tmp_path: Path) -> None:
    write_shape(tmp_path, "large", "plank", Box((1.0, 0.2, 0.4)))
    shape = read_shape(tmp_path, "large", "plank")
    turned = observed(tmp_path, "plank", turn="any")
    assert turned.frame.up_axis == "y"
    extent = turned.data.max(axis=0) - turned.data.min(axis=0)
    assert extent.max() == pytest.approx(1, abs=0.05)
    back = turned.frame.to_source(turned.data)
    np.testing.assert_allclose(back, observed(tmp_path, "plank").data, atol=1e-5)
    other = observe(shape, POINTS, 1, Conditions(turn="any"))
    assert other is not None
    assert np.abs(other.frame.matrix - turned.frame.matrix).max() > 0.01


def test_a_turned_shape_is_measured_where_it_came_from(root: Path) -> None:
    protocol = Protocol(samples=5000, resolution=32, limit=2, conditions=Conditions(turn="any"))
    evaluation = evaluate_network(
        ExactBalls(), POINTS, root, protocol, baselines=["nearest"], device="cpu"
    )
    scores = summary(evaluation.results, "network")
    assert scores["iou"] > 0.95
    assert "turned about the vertical" in evaluation.markdown()
    notes = [r.note for r in evaluation.results if r.method == "nearest"]
    assert notes[0] == "large/train0"
    # Copies know how the shape stands.
    assert summary(evaluation.results, "nearest")["iou"] > 0.9


def test_pictures_are_read_as_in_training(root: Path) -> None:
    picture = observe(read_shape(root, "large", "test0"), IMAGE)
    assert picture is not None
    assert picture.data.shape == (3, 64, 64)
    np.testing.assert_allclose(picture.data.mean(axis=(1, 2)), [1, 0, 0], atol=0.02)


@pytest.mark.parametrize(
    ("conditions", "named"),
    [
        ({"count": 0}, "input point"),
        ({"noise": -1.0}, "noise"),
        ({"missing": 1.0}, "missing"),
        ({"outliers": -0.1}, "outliers"),
        ({"turn": "some"}, "some"),
    ],
)
def test_impossible_conditions_are_input_errors(conditions: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Conditions(**conditions)
