"""Classical methods on clouds of known shapes, and how their parameters are chosen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from tiny_shapes import Box, Shape, Sphere, labelled, voxels, write_shape

from onet_core.errors import InputError
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import volumetric_iou
from training.data.conditions import Conditions
from training.measure.answers import is_closed
from training.measure.baselines import surfaces
from training.measure.baselines.surfaces import (
    SURFACINGS,
    chosen_parameters,
    contains,
    missing_for,
    spacing,
    voxel_surface,
)
from training.measure.baselines.tune import store, tune
from training.measure.protocol import Protocol

BOX = Box((0.9, 0.5, 0.7))


def cloud(shape: Shape, count: int = 2000, noise: float = 0.003) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    points = shape.surface(count, rng)[0]
    return points + noise * rng.standard_normal(points.shape)


def iou(mesh: Mesh, shape: Shape) -> float:
    target = labelled(shape, 5)
    return float(volumetric_iou(contains(mesh, target.points), target.occupancies))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("alpha", {"alpha": 20.0}),
        ("poisson", {"depth": 5, "weight": 4.0, "samples_per_node": 1.5, "neighbours": 10}),
        ("ball_pivoting", {"radius": 2.0}),
        ("blender", {"radius": 1.4, "voxel": 0.5}),
    ],
)
def test_a_cloud_becomes_its_shape(name: str, parameters: dict) -> None:
    if missing_for(name):
        pytest.skip(missing_for(name))
    points = cloud(BOX)
    mesh = SURFACINGS[name](points, {**parameters, "clean": False})
    if name == "blender":
        # A hollow wall of the radius around the points.
        radius = parameters["radius"] * spacing(points)
        assert np.abs(mesh.vertices).max(axis=0) == pytest.approx(
            np.array(BOX.edges) / 2 + radius, abs=radius
        )
    else:
        assert iou(mesh, BOX) > 0.93
    assert is_closed(mesh) == (name != "ball_pivoting")


def test_an_alpha_shape_leaves_gaps_wider_than_its_ball() -> None:
    ball, shift = cloud(Sphere(0.15)), np.array([0.4, 0, 0])
    points = np.concatenate([ball + shift, ball - shift])
    apart = SURFACINGS["alpha"](points, {"alpha": 16.0, "clean": False})
    solid = trimesh.Trimesh(apart.vertices, apart.faces, process=False)
    assert solid.volume == pytest.approx(2 * 4 / 3 * np.pi * 0.15**3, rel=0.1)
    assert np.abs(apart.vertices[:, 0]).min() > 0.24
    middle = labelled(Box((0.2, 1.0, 1.0)), 1).points * [0.2, 1, 1]
    assert not contains(apart, middle).any()


def test_stray_points_are_left_out_on_demand() -> None:
    points = np.concatenate([cloud(BOX), [[0.0, 0.54, 0.54]]])
    kept = SURFACINGS["alpha"](points, {"alpha": 1000.0, "clean": False})
    cleaned = SURFACINGS["alpha"](points, {"alpha": 1000.0, "clean": True})
    assert kept.vertices[:, 1].max() > 0.5
    assert cleaned.vertices[:, 1].max() < 0.3


def test_flat_clouds_are_input_errors() -> None:
    flat = cloud(BOX) * [1, 1, 0]
    with pytest.raises(InputError, match="flat"):
        SURFACINGS["alpha"](flat, {"alpha": 2.0, "clean": False})


def test_the_spacing_of_a_grid() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(8.0)] * 3), axis=-1).reshape(-1, 3)
    assert spacing(0.1 * grid) == pytest.approx(0.1)


def test_inside_of_open_and_inverted_meshes() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.4)
    mesh = Mesh(ball.vertices, ball.faces)
    whole = iou(mesh, Sphere(0.4))
    assert whole > 0.97
    assert iou(Mesh(ball.vertices, ball.faces[:, ::-1]), Sphere(0.4)) == whole
    open_at_the_top = ball.faces[ball.triangles_center[:, 1] < 0.39]
    assert len(open_at_the_top) < len(ball.faces)
    assert not is_closed(Mesh(ball.vertices, open_at_the_top))
    assert iou(Mesh(ball.vertices, open_at_the_top), Sphere(0.4)) > 0.95


def test_nothing_is_inside_of_nothing() -> None:
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    assert not contains(empty, np.zeros((5, 3))).any()
    # As after a blur that leaves nothing above the level.
    speck = np.zeros((32, 32, 32))
    speck[16, 16, 16] = 1
    faint = voxel_surface(speck, {"blur": 1.5, "level": 0.8})
    assert not contains(faint, np.zeros((5, 3))).any()


@pytest.mark.parametrize("blur", [0.0, 0.75])
def test_voxels_become_their_shape(blur: float) -> None:
    mesh = SURFACINGS["smoothed"](voxels(BOX), {"blur": blur, "level": 0.5})
    assert is_closed(mesh)
    assert iou(mesh, BOX) > 0.93
    assert np.abs(mesh.vertices.mean(axis=0)).max() < 0.01


def test_the_validation_split_chooses(tmp_path: Path) -> None:
    for index in range(2):
        write_shape(tmp_path / "data", "c", f"v{index}", BOX, split="val", seed=index, count=5000)
    conditions = Conditions(500, 0.002)
    protocol = Protocol(split="val", conditions=conditions)
    best = tune(["alpha"], tmp_path / "data", protocol)
    parameters, found = best["alpha"]
    assert parameters["alpha"] == max(SURFACINGS["alpha"].choices["alpha"])  # the box is convex
    assert found > 0.8
    path = tmp_path / "parameters.json"
    store(best, conditions, "somewhere", path)
    store(best, conditions, "elsewhere", path)
    store(best, Conditions(3000, 0.002), "third", path)
    entries = json.loads(path.read_text())["alpha"]
    assert [entry["chosen_on"] for entry in entries] == ["elsewhere", "third"]
    with pytest.raises(InputError, match="not for both"):
        tune(["alpha", "smoothed"], tmp_path / "data", protocol)


def test_the_most_alike_conditions_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "parameters.json"
    monkeypatch.setattr(surfaces, "PARAMETERS_FILE", path)
    for number, conditions in enumerate(
        (Conditions(300, 0.005), Conditions(3000, 0.005), Conditions(3000, 0.005, 0.3, 0.02))
    ):
        store({"alpha": ({"alpha": number}, 0.5)}, conditions, f"set {number}", path)
    for count, conditions, wanted in (
        (300, Conditions(), 0),
        (500, Conditions(), 0),
        (10_000, Conditions(), 1),
        (300, Conditions(outliers=0.1), 2),
    ):
        assert chosen_parameters("alpha", count, conditions)[0] == {"alpha": wanted}
    with pytest.raises(InputError, match="tune"):
        chosen_parameters("poisson", 300, Conditions())


def test_shipped_parameters_are_complete() -> None:
    for name, method in SURFACINGS.items():
        if len(method.combinations(Conditions())) > 1:
            parameters, source = chosen_parameters(name, 300, Conditions())
            assert set(parameters) >= set(method.choices)
            assert "val shapes" in source
