"""Stretched variants that are made from labelled points: the labels stay those of the solid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from tiny_shapes import Box, Sphere, write_shape

from training.data.build.near import near_files
from training.data.datasets.sampling import FARTHEST, NEAR_DISTANCE
from training.data.datasets.shapenet import ShapeDataset
from training.data.datasets.stretched import VARIANTS, StretchedShapes

ROUNDED = 2e-3


@pytest.fixture
def root(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    plate, ball = Box((1.0, 0.5, 0.2)), Sphere(0.5)
    write_shape(tmp_path, "plate", "a", plate, split="train", half=True, count=20_000)
    write_shape(tmp_path, "ball", "b", ball, split="train", half=True, count=20_000)
    return tmp_path


def dataset(root: Path, *categories: str) -> StretchedShapes:
    return StretchedShapes(
        root, "train", "index", categories=categories, points=512, sampling="tempered"
    )


def test_variants_follow_the_originals_which_stay_as_they_are(root: Path) -> None:
    shapes, plain = dataset(root, "plate", "ball"), ShapeDataset(root, "train", "index")
    assert shapes.shapes == [("plate", "a"), ("ball", "b")] * (1 + VARIANTS)
    assert len(shapes) == 2 * (1 + VARIANTS)
    assert [int(shapes[index]["inputs"]) for index in (0, 7)] == [0, 7]
    for index, (_, name) in enumerate(shapes.shapes[:2]):
        other = [own for _, own in plain.shapes].index(name)
        assert np.array_equal(
            shapes.files.labelled(index).points, plain.files.labelled(other).points
        )
        assert np.array_equal(shapes.files.surface(index), plain.files.surface(other))


def test_a_box_becomes_other_boxes_whose_labels_are_right(root: Path) -> None:
    files = dataset(root, "plate").files
    edges = []
    for index in range(1, 1 + VARIANTS):
        labelled = files.labelled(index)
        points = labelled.points.astype(np.float64)
        inside = labelled.labels(np.arange(len(points))) > 0.5
        surface = files.surface(index).astype(np.float64)
        low, high = surface.min(0), surface.max(0)
        assert (high - low).max() == pytest.approx(1, abs=ROUNDED)
        assert low + high == pytest.approx(np.zeros(3), abs=ROUNDED)
        within = ((points > low - ROUNDED) & (points < high + ROUNDED)).all(1)
        well_within = ((points > low + ROUNDED) & (points < high - ROUNDED)).all(1)
        assert within[inside].all()
        assert inside[well_within].all()
        edges.append(tuple((high - low).round(2)))
    assert len(set(edges)) == VARIANTS


def test_distances_are_those_to_the_stretched_surface(root: Path) -> None:
    shapes = dataset(root, "ball")
    for index in range(1, 1 + VARIANTS):
        labelled = shapes.files.labelled(index)
        points, surface = (
            array.astype(np.float32) for array in (labelled.points, shapes.files.surface(index))
        )
        true = np.minimum(cKDTree(surface).query(points)[0], 0.09)
        assert shapes.files.distances(index, labelled, 0.09) == pytest.approx(true, abs=1e-3)
        near = np.unpackbits(shapes.files.near(index, labelled))[: len(points)]
        assert np.array_equal(near == 1, true < NEAR_DISTANCE)


def test_what_is_stored_beside_an_original_is_not_taken_for_its_variants(root: Path) -> None:
    folder = root / "ball" / "b"
    points, surface = (
        np.load(folder / file)["points"] for file in ("points.npz", "pointcloud.npz")
    )
    for name, values in near_files(points, surface).items():
        np.save(folder / name, values)
    files = dataset(root, "ball").files
    own, variant = (files.distances(index, files.labelled(index), FARTHEST) for index in (0, 1))
    assert np.array_equal(own, np.load(folder / "distances.npy"))
    assert not np.array_equal(own, variant)


def test_the_same_variants_are_made_each_time(root: Path) -> None:
    first, second = (dataset(root, "ball").files.surface(2) for _ in range(2))
    assert np.array_equal(first, second)
