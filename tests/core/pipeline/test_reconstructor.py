"""Reconstructions of fields whose surface is known: places, stages, models, devices, memory."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
import trimesh
from known_fields import SKIN, Ball, Skin, ball_observation, lopsided_cloud, with_network
from scipy.spatial import cKDTree
from torch import nn
from torch.nn import functional

from onet_core.devices import choose_device, memory_errors, needed_version
from onet_core.errors import Cancelled, DeviceError, InputError, ModelError, NoSurfaceError
from onet_core.inputs.frame import UP_AXES
from onet_core.inputs.pictures import prepare_picture
from onet_core.inputs.point_clouds import prepare_points
from onet_core.inputs.voxels import VoxelGrid, prepare_voxels
from onet_core.pipeline.loaded import forget_models
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings


class Blocks(nn.Module):
    """A field that interpolates the observed voxels, half way at their faces."""

    z_dim = 0

    def encode_inputs(self, inputs):
        return inputs

    def decode(self, points, z, code):
        grid = points.flip(-1)[:, None, None] * 2
        value = functional.grid_sample(code[:, None], grid, align_corners=False)
        return 10 * (value[:, 0, 0, 0] - 0.5)


@pytest.mark.parametrize("up_axis", UP_AXES)
def test_the_mesh_lies_over_the_cloud_wherever_that_is(up_axis):
    points = lopsided_cloud() * 7.3 + np.array([1000, -200, 35])
    seen = prepare_points(points, up_axis, "cloud")
    settings = Settings(resolution=40, symmetry=False)
    result = with_network(Skin(), "points").reconstruct(seen, settings)
    edge = np.ptp(points, axis=0).max()
    away, _ = cKDTree(points).query(result.mesh.vertices)
    error = np.abs(away / edge - SKIN)
    # The field has creases where two points are equally near; the grid blunts those.
    assert np.quantile(error, 0.99) < 0.005
    assert error.max() < 0.0125
    missed, _ = cKDTree(result.mesh.vertices).query(points)
    assert missed.max() < 1.5 * SKIN * edge
    mesh = trimesh.Trimesh(result.mesh.vertices, result.mesh.faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume > 0
    outwards = (result.mesh.normals * mesh.vertex_normals).sum(1)
    assert np.median(outwards) > 0.9
    np.testing.assert_allclose(np.linalg.norm(result.mesh.normals, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(result.frame.matrix, seen.frame.matrix)


@pytest.mark.parametrize("up_axis", UP_AXES)
def test_the_mesh_lies_over_the_voxels(up_axis):
    cells = np.zeros((16, 9, 12), bool)
    cells[:, :4, :5] = cells[:6, :, :5] = cells[2:5, 2:4] = True
    grid = VoxelGrid(cells, np.array([4.0, -5, 6]), 0.25)
    seen = prepare_voxels(grid, up_axis)
    result = with_network(Blocks(), "voxels").reconstruct(seen, Settings(resolution=64))
    low, high = result.mesh.vertices.min(0), result.mesh.vertices.max(0)
    np.testing.assert_allclose(low, grid.origin, atol=0.03)
    np.testing.assert_allclose(high, grid.origin + np.array(cells.shape) * 0.25, atol=0.03)
    mesh = trimesh.Trimesh(result.mesh.vertices, result.mesh.faces, process=False)
    assert mesh.volume == pytest.approx(cells.sum() * 0.25**3, rel=0.05)
    # Every vertex lies where an occupied and a free cell meet.
    occupied = np.argwhere(cells) * 0.25 + 0.125 + grid.origin
    free = np.argwhere(~np.pad(cells, 1)) * 0.25 - 0.125 + grid.origin
    for centres in (occupied, free):
        away = np.abs(mesh.vertices[:, None] - centres[None]).max(-1).min(1)
        assert away.max() < 0.125 + 0.04


def test_pictures_end_in_the_unit_cube_with_z_up():
    picture = np.full((50, 50, 3), 255, np.uint8)
    picture[10:40, 20:30] = 60
    reconstructor = with_network(Ball(), "image", inputs={"image_size": 64})
    result = reconstructor.reconstruct(prepare_picture(picture, size=224))
    assert tuple(reconstructor._network.seen.shape) == (1, 3, 64, 64)
    radii = np.linalg.norm(result.mesh.vertices, axis=1)
    np.testing.assert_allclose(radii, 0.4, atol=1e-3)
    assert result.frame.up_axis == "z"
    assert result.model == "test"


def test_stages_are_timed_counted_and_reported():
    reports: list[tuple[str, float]] = []
    result = with_network(Ball(), "points").reconstruct(
        ball_observation(),
        Settings(resolution=64, faces=2000, refinement_steps=3),
        lambda stage, fraction: reports.append((stage, fraction)),
    )
    assert set(result.seconds) == {
        *("encode", "network", "mise", "marching cubes", "simplify", "refine", "normals"),
    }
    assert all(seconds >= 0 for seconds in result.seconds.values())
    fractions = [fraction for _, fraction in reports]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert next(stage for stage, _ in reports) == "encode"
    assert {"network", "refine", "normals"} <= {stage for stage, _ in reports}
    faces, vertices = len(result.mesh.faces), len(result.mesh.vertices)
    assert faces == pytest.approx(2000, rel=0.02)
    # What of the coarse grid is always seen, one point a face and step, one a vertex.
    assert result.evaluations > 17**3 + 16**3 + 3 * faces + vertices
    plain = with_network(Ball(), "points").reconstruct(
        ball_observation(), Settings(resolution=30, normals=False)
    )
    assert plain.mesh.normals is None
    assert plain.evaluations == 31**3  # Below 32 the grid is evaluated completely.


@pytest.mark.parametrize("at", ["encode", "network", "refine", "normals"])
def test_progress_can_cancel_any_stage(at):
    def cancel(stage, fraction):
        if stage == at:
            raise Cancelled

    with pytest.raises(Cancelled):
        with_network(Ball(), "points").reconstruct(
            ball_observation(), Settings(resolution=32, faces=500, refinement_steps=2), cancel
        )


def test_other_kinds_and_empty_fields_are_refused():
    reconstructor = with_network(Ball(), "points")
    grid = prepare_voxels(VoxelGrid.of_array(np.ones((4, 4, 4))), name="grid.npy")
    with pytest.raises(ModelError, match=r"'test' reads a point cloud, but grid\.npy is voxels"):
        reconstructor.reconstruct(grid)
    with pytest.raises(NoSurfaceError, match="threshold"):
        reconstructor.reconstruct(ball_observation(), Settings(resolution=32, threshold=0.999999))
    for settings in (
        {"threshold": 0.0},
        {"threshold": 1.5},
        {"refinement_steps": -1},
        {"resolution": 1},
        {"faces": 2},
    ):
        with pytest.raises(InputError):
            Settings(**settings)


def test_weights_are_loaded_once_until_the_file_changes(weights):
    forget_models()
    settings = Settings(resolution=32, faces=400, refinement_steps=2)
    first, second = Reconstructor(weights, "cpu"), Reconstructor(str(weights), "cpu")
    assert first._network is second._network
    one = first.reconstruct(ball_observation(), settings)
    two = second.reconstruct(ball_observation(), settings)
    np.testing.assert_array_equal(one.mesh.vertices, two.mesh.vertices)
    assert all(p.grad is None and not p.requires_grad for p in first._network.parameters())
    os.utime(weights, (1, 1))
    assert Reconstructor(weights, "cpu")._network is not first._network
    forget_models()
    assert Reconstructor(weights, "cpu")._network is not first._network


def test_models_are_found_by_name_in_folders(weights):
    assert Reconstructor("tiny", "cpu", [weights.parent]).description.title == "Tiny"
    with pytest.raises(ModelError, match="no model 'nothing'"):
        Reconstructor("nothing", "cpu", [weights.parent])
    with pytest.raises(ModelError):
        Reconstructor(weights.with_name("missing.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError):
        Reconstructor(weights)


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device(torch.device("cpu")).type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("gpu", "cuda:99", "", "xpu"):
        with pytest.raises(DeviceError):
            choose_device(name)
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="no GPU"):
            choose_device("cuda")
    if not torch.backends.mps.is_available():
        with pytest.raises(DeviceError, match="Apple"):
            choose_device("mps")


def test_an_older_torch_is_refused_where_it_lacks_operations(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    for version, needed in (("2.9.1", "2.13"), ("2.13.0", ""), ("2.14.0a0+git26", ""), ("3.0", "")):
        monkeypatch.setattr(torch, "__version__", version)
        assert needed_version("mps") == needed
        assert needed_version("cpu") == ""
        if needed:
            with pytest.raises(DeviceError, match=rf"PyTorch {needed}, not {version}"):
                choose_device("mps")
        else:
            assert choose_device("mps").type == "mps"


def test_full_memory_is_an_ordinary_error():
    with (
        pytest.raises(DeviceError, match="memory of cpu is full"),
        memory_errors(torch.device("cpu")),
    ):
        torch.empty(2**60, dtype=torch.uint8)
    with pytest.raises(DeviceError, match="'cpu'"), memory_errors(torch.device("cuda")):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="other"), memory_errors(torch.device("cpu")):
        raise RuntimeError("other")
