"""Baselines on shapes whose means and overlaps are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tiny_shapes import Box, Shape, Sphere, labelled, voxels, write_shape

from onet_core.errors import InputError
from onet_core.mesh.metrics import evaluate_mesh, mesh_contains, volumetric_iou
from training.measure.baselines import training_shapes
from training.measure.baselines.copies import ShapeCopy, TrainingShapes
from training.measure.baselines.flat_faces import SOLIDS, angles
from training.measure.baselines.mean_shapes import mean_shape
from training.measure.baselines.scans import faults
from training.measure.baselines.training_shapes import CategorySummary, summarise_category

UNLIKE: dict[str, Shape] = {
    "ball": Sphere(0.45),
    "bead": Sphere(0.2),
    "cube": Box((0.8, 0.8, 0.8)),
    "plate": Box((1.0, 0.1, 0.6)),
    "rod": Box((0.1, 1.0, 0.1)),
    "bar": Box((0.15, 0.2, 1.0)),
}


def test_mean_of_equal_shapes_is_that_shape() -> None:
    box = Box((0.9, 0.5, 0.7))
    mean = mean_shape([labelled(box, seed) for seed in range(6)])
    fresh = labelled(box, 99)
    mesh = mean.mesh()
    iou = volumetric_iou(mesh_contains(mesh, fresh.points), fresh.occupancies)
    assert iou > 0.93
    assert mean.training_iou > 0.93
    volume = (
        np.einsum(
            "ij,ij->i",
            mesh.vertices[mesh.faces[:, 0]],
            np.cross(mesh.vertices[mesh.faces[:, 1]], mesh.vertices[mesh.faces[:, 2]]),
        ).sum()
        / 6
    )
    assert volume == pytest.approx(0.9 * 0.5 * 0.7, rel=0.06)  # and the faces look outwards


def test_mean_is_cut_where_most_shapes_gain() -> None:
    # Two large balls and a small one: cut at the large radius the IoUs are 1, 1 and (1/2)^3.
    radii = (0.4, 0.4, 0.2)
    shapes = [labelled(Sphere(radius), i, count=100_000) for i, radius in enumerate(radii)]
    mean = mean_shape(shapes)
    assert mean.training_iou == pytest.approx((1 + 1 + 0.125) / 3, abs=0.03)
    assert 0 < mean.level < 2 / 3
    distances = np.linalg.norm(mean.mesh().vertices, axis=1)
    assert distances.mean() == pytest.approx(0.4, abs=0.015)


def test_mean_shape_closes_at_the_box() -> None:
    everything = labelled(Box((2.0, 2.0, 2.0)))
    mesh = mean_shape([everything]).mesh()
    assert np.abs(mesh.vertices).max() == pytest.approx(0.55, abs=1e-3)
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert (uses == 2).all()


def test_mean_agrees_with_its_mesh() -> None:
    mean = mean_shape([labelled(shape, 1) for shape in (UNLIKE["ball"], UNLIKE["cube"])])
    points = labelled(Sphere(0.1), 5).points
    agreement = volumetric_iou(mesh_contains(mean.mesh(), points), mean.occupancy(points))
    assert agreement > 0.98


@pytest.mark.parametrize("name", sorted(UNLIKE))
def test_a_copy_knows_inside_from_outside(name: str) -> None:
    shape = UNLIKE[name]
    fresh = labelled(shape, 7)
    copy = ShapeCopy(labelled(shape, 3))
    assert copy.iou(fresh) > (0.9 if name == "rod" else 0.95)


def test_a_copy_needs_no_consistent_normals() -> None:
    shape = labelled(UNLIKE["cube"], 3)
    inwards = replace(shape, surface_normals=-shape.surface_normals)
    assert ShapeCopy(inwards).iou(labelled(UNLIKE["cube"], 7)) > 0.95


def test_a_copy_follows_labels_that_are_thicker_than_the_surface() -> None:
    # The surface is a sheet without thickness, the labelled solid a plate around it.
    sheet, plate = labelled(Box((1.0, 1e-6, 0.8)), 3), Box((1.0, 0.06, 0.8))
    thick = replace(sheet, occupancies=plate.inside(sheet.points))
    assert ShapeCopy(thick).iou(labelled(plate, 7)) > 0.85


def test_a_copy_scores_like_its_mesh() -> None:
    target = labelled(Sphere(0.3), 1, count=20_000)
    cubes = mean_shape([labelled(Box((0.5, 0.5, 0.5)), seed, count=100_000) for seed in range(4)])
    mesh_scores = evaluate_mesh(
        cubes.mesh(),
        target.points,
        target.occupancies,
        target.surface_points,
        target.surface_normals,
        samples=20_000,
    )
    copy = ShapeCopy(labelled(Box((0.5, 0.5, 0.5)), 9))
    copy_scores = copy.scores(target, samples=20_000)
    assert copy_scores.keys() == mesh_scores.keys()
    for name in ("iou", "normal_consistency", "f_score_0.01"):
        assert copy_scores[name] == pytest.approx(mesh_scores[name], abs=0.03)
    assert copy_scores["chamfer_l1"] == pytest.approx(mesh_scores["chamfer_l1"], rel=0.05)


@pytest.fixture(scope="module")
def known_shapes() -> TrainingShapes:
    index = TrainingShapes()
    for seed, (name, shape) in enumerate(UNLIKE.items()):
        index.add(labelled(shape, seed, category="all", name=name), voxels(shape))
    return index


@pytest.mark.parametrize("name", sorted(UNLIKE))
def test_the_duplicate_is_nearest(known_shapes: TrainingShapes, name: str) -> None:
    shape = labelled(UNLIKE[name], 50)
    rng = np.random.default_rng(1)
    cloud = shape.surface_points[:300] + 0.005 * rng.standard_normal((300, 3))
    found = known_shapes.nearest_to_points(cloud)
    assert known_shapes.shapes[found] == ("all", name)
    found = known_shapes.nearest_to_voxels(voxels(UNLIKE[name]).astype(np.float32))
    assert known_shapes.shapes[found] == ("all", name)
    assert known_shapes.shapes[known_shapes.overlapping(shape)[0]] == ("all", name)


def test_overlap_orders_shapes(known_shapes: TrainingShapes) -> None:
    # A ball of radius 0.4 overlaps with balls of 0.45 and 0.2 by the ratios of their volumes; with
    # the cube of edge 0.8, which holds it, by pi / 6.
    order = [
        known_shapes.shapes[index][1]
        for index in known_shapes.overlapping(labelled(Sphere(0.4), 50), count=3)
    ]
    assert order[:2] == ["ball", "cube"]


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(InputError, match="no training shapes"):
        mean_shape([])
    with pytest.raises(InputError, match="no training shapes"):
        TrainingShapes().nearest_to_voxels(voxels(Sphere(0.3)))


def test_training_shapes_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, radius in enumerate((0.3, 0.4)):
        write_shape(tmp_path / "data", "c", f"t{number}", Sphere(radius), split="train", count=3000)

    def summarise() -> CategorySummary:
        return summarise_category(
            tmp_path / "data", "train", "c", with_voxels=True, cache=tmp_path / "cache"
        )

    fresh = summarise()
    (kept,) = (tmp_path / "cache").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(training_shapes, "read_shape", None)  # reading anew would fail
        again = summarise()
    assert again.index.shapes == fresh.index.shapes == [("c", "t0"), ("c", "t1")]
    np.testing.assert_array_equal(again.mean.grid, fresh.mean.grid)
    assert again.mean.level == fresh.mean.level
    ball = labelled(Sphere(0.4), 9)
    assert again.index.overlapping(ball) == fresh.index.overlapping(ball)
    assert again.index.nearest_to_voxels(voxels(Sphere(0.4))) == 1
    # Damaged, or of other data: read anew.
    kept.write_bytes(kept.read_bytes()[:1000])
    assert summarise().index.shapes == fresh.index.shapes
    write_shape(tmp_path / "data", "c", "t2", Sphere(0.2), split="train", count=3000)
    assert len(summarise().index.shapes) == 3
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("name", SOLIDS)
def test_the_true_mesh_is_flat(name: str) -> None:
    mesh, nearest = SOLIDS[name]
    fine = mesh.subdivide().subdivide().subdivide()
    away, near = angles(fine.vertices, fine.faces, nearest(fine.triangles_center))
    # A prism's sides are chords of the circle: turned by half of what one spans at most.
    assert max(away, near) < 180 / 256 + 1e-3


def test_a_box_that_is_turned_is_off_by_the_turn() -> None:
    mesh, nearest = SOLIDS["box"]
    fine = mesh.subdivide().subdivide().subdivide()
    turned = fine.vertices @ Rotation.from_euler("z", 3, degrees=True).as_matrix().T
    away, _ = angles(turned, fine.faces, nearest(fine.triangles_center))
    around = np.array([fine.area_faces[np.abs(fine.face_normals[:, 2]) < 0.5].sum(), fine.area])
    # The top and the bottom stay flat.
    assert away == pytest.approx(3 * around[0] / around[1], rel=0.15)


def test_crossing_faces_and_open_edges_are_counted() -> None:
    pytest.importorskip("pymeshlab", reason="comes with the extra for baselines")
    flat = [[0, 0, 0], [2, 0, 0], [0, 2, 0]]
    upright = [[0.5, 0.5, -1], [0.5, 0.5, 1], [3, 3, 0]]
    beside = [[9, 0, 0], [10, 0, 0], [9, 1, 0]]
    found = faults(np.array(flat + upright + beside, dtype=float), np.arange(9).reshape(3, 3))
    assert found == {"faces": 3, "crossing_faces": 2, "odd_edges": 9}
