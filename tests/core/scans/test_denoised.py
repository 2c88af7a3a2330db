"""Noise taken off the points of scans, on shapes whose surfaces are known exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from safetensors.torch import save_file

from onet_core.errors import ModelError
from onet_core.models.scans.denoiser import FEATURES, SCALES
from onet_core.models.scans.load import load_denoiser
from onet_core.models.scans.prepared_denoiser import PreparedDenoiser
from onet_core.pipeline.dense import DENOISER
from onet_core.scans.batches import cubes_of
from onet_core.scans.denoised import Denoised, denoised
from onet_core.scans.neighbours import Merged, Neighbours
from onet_core.scans.opinions import Neighbourhoods
from onet_core.scans.surface import finished

FloatArray = NDArray[np.float64]
COUNT, NOISE = 10_000, 0.01


def scan_of(shape: str) -> tuple[FloatArray, FloatArray]:
    """Noisy points (N, 3) of a shape within the unit cube, and its true normals there."""
    random = np.random.default_rng(0)
    if shape == "sphere":
        normals = random.standard_normal((COUNT, 3))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        points = 0.4 * normals
    else:
        box = trimesh.creation.box((0.8, 0.8, 0.8))
        points, faces = trimesh.sample.sample_surface(box, COUNT, seed=0)
        normals = np.asarray(box.face_normals[faces])
    return points + NOISE * random.standard_normal((COUNT, 3)), normals


def distances_to(shape: str, points: FloatArray) -> FloatArray:
    """How far points (N, 3) are from the shape's surface, by its formula."""
    if shape == "sphere":
        return np.abs(np.linalg.norm(points, axis=1) - 0.4)
    beyond = np.abs(points) - 0.4
    outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
    return np.where((beyond > 0).any(axis=1), outside, -beyond.max(axis=1))


@pytest.fixture(scope="module", params=["sphere", "box"])
def case(request: pytest.FixtureRequest) -> tuple[str, FloatArray, FloatArray, Denoised]:
    points, normals = scan_of(request.param)
    noise = np.full(COUNT, NOISE)
    network = load_denoiser(DENOISER)
    around = Neighbourhoods(points, normals, noise, np.zeros(COUNT), network.config)
    return request.param, points, normals, denoised(around, network)


def test_it_leaves_less_noise_than_quadrics(
    case: tuple[str, FloatArray, FloatArray, Denoised],
) -> None:
    shape, points, normals, found = case
    before = distances_to(shape, points).mean()
    quadrics = finished(points, normals, np.full(COUNT, NOISE), Neighbours(points)).points
    left = distances_to(shape, found.points).mean()
    assert left < 0.4 * before
    assert left < 0.85 * distances_to(shape, quadrics).mean()


def test_normals_come_near_the_true_ones(
    case: tuple[str, FloatArray, FloatArray, Denoised],
) -> None:
    _, _, normals, found = case
    angles = np.degrees(np.arccos(np.clip(np.einsum("ni,ni->n", normals, found.normals), -1, 1)))
    assert np.linalg.norm(found.normals, axis=1) == pytest.approx(np.ones(COUNT), abs=1e-5)
    assert np.median(angles) < 4


def test_expected_errors_tell_where_it_is_wrong(
    case: tuple[str, FloatArray, FloatArray, Denoised],
) -> None:
    shape, _, _, found = case
    left = distances_to(shape, found.points)
    order = np.argsort(found.errors)
    if shape == "box":  # its edges are what is hard
        assert left[order[-COUNT // 10 :]].mean() > 1.5 * left[order[: COUNT // 2]].mean()
    assert 1 / 3 < np.mean(found.errors) / left.mean() < 3


def test_the_answer_turns_with_the_scan() -> None:
    points, normals = scan_of("box")
    turn = trimesh.transformations.random_rotation_matrix(np.array([0.2, 0.7, 0.4]))[:3, :3]
    network, noise = load_denoiser(DENOISER), np.full(COUNT, NOISE)
    known = noise, np.zeros(COUNT), network.config
    straight = denoised(Neighbourhoods(points, normals, *known), network)
    turned = Neighbourhoods(points @ turn.T, normals @ turn.T, *known)
    away = np.linalg.norm(denoised(turned, network).points @ turn - straight.points, axis=1)
    assert np.median(away) < 0.05 * NOISE


def test_points_that_become_one_leave_as_little_noise() -> None:
    """Each is the mean of those in a cube as wide as the noise deviates."""
    network = load_denoiser(DENOISER)
    for shape in ("sphere", "box"):
        points, normals = scan_of(shape)
        cubes = cubes_of(points, NOISE)
        toward = cubes.means(normals)
        toward /= np.linalg.norm(toward, axis=1, keepdims=True)
        finer = (
            cubes.means(Neighbours(points).spacing()) / Neighbours(cubes.means(points)).spacing()
        )
        merged = Merged(cubes.counts.astype(np.float32), finer)
        left = []
        for known in ((points, normals, None), (cubes.means(points), toward, merged)):
            count = len(known[0])
            around = Neighbourhoods(
                *known[:2], np.full(count, NOISE), np.zeros(count), network.config, known[2]
            )
            found = denoised(around, network).points
            left.append(distances_to(shape, found).mean())
        assert left[1] < 1.05 * left[0]


@pytest.mark.parametrize("header", [{}, {"config": "[]"}, {"config": '{"width": 24}'}])
def test_other_weights_are_refused(tmp_path: Path, header: dict[str, str]) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"own.weight": torch.zeros(48, 48)}, path, header)
    with pytest.raises(ModelError, match=r"other\.safetensors holds no weights of this network"):
        load_denoiser(path)


def test_quadrics_of_every_second_point_do_as_well() -> None:
    points, normals = scan_of("sphere")
    network, noise = load_denoiser(DENOISER), np.full(COUNT, NOISE)
    left = []
    for fitted in (1, 2):
        config = replace(network.config, fitted=fitted)
        around = Neighbourhoods(points, normals, noise, np.zeros(COUNT), config)
        left.append(distances_to("sphere", denoised(around, network).points).mean())
    assert left[1] < 1.25 * left[0]


@pytest.mark.parametrize("neighbours", [1, 7, 40])
def test_the_prepared_network_gives_what_the_network_does(neighbours: int) -> None:
    network = load_denoiser(DENOISER)
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(50, neighbours, FEATURES, generator=generator)
    heights = torch.randn(50, neighbours, SCALES, generator=generator)
    with torch.inference_mode():
        found = PreparedDenoiser(network)(features, heights)
        for ours, theirs in zip(found, network(features, heights), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
