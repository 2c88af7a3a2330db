"""What the worker tells about an input beside the mesh: background, fit, stray points, colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from onet_core.engine.messages import job_of
from onet_core.engine.methods import METHODS
from onet_core.errors import InputError, ModelError
from onet_core.models.build import build_network
from onet_core.models.catalogue import list_models
from onet_core.models.description import ModelDescription
from onet_core.models.weights import save_weights

SETTINGS = {"resolution": 32, "normals": False}


def silent(stage: str, fraction: float) -> None:
    assert 0 <= fraction <= 1


def ask(method: str, params: dict, **arrays: np.ndarray) -> tuple[dict, dict]:
    return METHODS[method](params, arrays, silent)


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Params for models that see |coordinate| < 0.3 in everything, by kind of input."""
    folder = tmp_path_factory.mktemp("models")
    params = {}
    for kind, encoder in (
        ("points", {"encoder": "pointnet_simple", "encoder_kwargs": {"hidden_dim": 8}}),
        ("voxels", {"encoder": "voxel_simple"}),
    ):
        description = ModelDescription(
            kind, kind, "occupancy_network", kind,
            {"decoder": "simple", "decoder_kwargs": {"hidden_size": 8}, "c_dim": 4, **encoder},
            threshold=0.5,
        )  # fmt: skip
        network = build_network(description)
        state = network.state_dict()
        for key, value in state.items():
            if key.startswith("decoder."):
                value.zero_()
        state["decoder.fc_p.weight"][:6] = 40 * torch.cat([torch.eye(3), -torch.eye(3)])
        state["decoder.fc_p.bias"][:6] = -11
        state["decoder.fc_out.weight"][0, :6] = -1
        state["decoder.fc_out.bias"][0] = 1
        network.load_state_dict(state)
        save_weights(folder / f"{kind}.safetensors", network, description)
        params[kind] = {
            "model": str(folder / f"{kind}.safetensors"), "device": "cpu", "settings": SETTINGS,
            "kind": kind, "up_axis": "z",
        }  # fmt: skip
    return params


def picture(background: int = 255) -> np.ndarray:
    """A red square of 20 in a frame of 60 pixels."""
    pixels = np.full((60, 60, 3), background, dtype=np.uint8)
    pixels[20:40, 20:40] = (200, 10, 10)
    return pixels


def test_what_is_taken_away_from_a_picture_is_told() -> None:
    square = np.zeros((60, 60), dtype=np.uint8)
    square[20:40, 20:40] = 255
    busy = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    clear = np.concatenate([picture(7), square[..., None]], axis=2)
    for pixels, arrays, message in (
        (picture(), {}, "plain"),
        (clear, {}, "transparent"),
        (busy, {"mask": square}, "mask"),
        (clear, {"mask": square}, "mask"),
        (busy, {}, "none"),
    ):
        info, seen = ask("look", {"name": "photo"}, pixels=pixels, **arrays)
        assert info["background"] == message
        assert seen["seen"].shape == (224, 224, 3)
        assert seen["seen"].dtype == np.uint8
        if message in ("plain", "transparent"):
            # The object takes 80 % of the frame, on white.
            assert seen["seen"][112, 112].tolist() == [200, 10, 10]
            assert seen["seen"][112, 15].tolist() == [255, 255, 255]
            assert seen["seen"][112, 30].tolist() == [200, 10, 10]
    with pytest.raises(InputError, match="not a picture"):
        ask("look", {"name": "cloud"}, points=np.random.default_rng(0).normal(size=(50, 3)))


def test_white_objects_before_white_are_painted_white() -> None:
    """The mask says what is object; the black wall beside it is not."""
    pixels = np.zeros((60, 60, 3), dtype=np.uint8)
    pixels[15:45, 15:45] = 255
    mask = pixels[..., 0]
    box = trimesh.creation.box((0.8, 0.8, 0.8)).subdivide_to_size(0.05)
    arrays = {"mesh_vertices": np.asarray(box.vertices), "mesh_faces": np.asarray(box.faces)}
    _, answer = ask("paint", {"name": "photo"}, pixels=pixels, mask=mask, **arrays)
    assert answer["colours"].min() > 240


def test_normals_of_a_file_are_not_taken_for_exact_ones(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 6))
    rows[:, 3:] /= np.linalg.norm(rows[:, 3:], axis=1, keepdims=True)
    np.savetxt(tmp_path / "scan.xyz", rows, fmt="%.6f")
    _, opened = ask("open_file", {"path": str(tmp_path / "scan.xyz"), "up_axis": "y"})
    x, y, z = rows[:, 3:].T
    np.testing.assert_allclose(opened["normals"], np.stack([x, -z, y], axis=1), atol=1e-5)
    stated = job_of({}, {"points": opened["vertices"], "stated_normals": opened["normals"]})
    known = job_of({}, {"points": opened["vertices"], "normals": opened["normals"]})
    assert [job.normals.is_exact for job in (stated, known)] == [False, True]


def box_surface(count: int, half: float) -> np.ndarray:
    """Points on the surface of an axis-parallel cube around (5, 0, 0), corners among them."""
    random = np.random.default_rng(1)
    points = random.uniform(-1, 1, (count, 3))
    axis = random.integers(0, 3, count)
    points[np.arange(count), axis] = random.choice([-1, 1], count)
    points[:2] = [[-1, -1, -1], [1, 1, 1]]
    return points * half + [5, 0, 0]


def test_fit_is_the_share_of_points_by_the_surface(cube: dict[str, dict]) -> None:
    # The cloud is 4 wide, the mesh a cube of 0.6 of that: 0.8 inside the outer, all of the inner.
    inner, outer = box_surface(300, 1.2), box_surface(100, 2.0)
    points = np.concatenate([inner, outer])
    info, _ = ask("reconstruct", {**cube["points"], "fit": 0.02}, points=points)
    assert info["fit"] == pytest.approx(0.75, abs=0.03)
    info, _ = ask("reconstruct", {**cube["points"], "fit": 0.5}, points=points)
    assert info["fit"] == 1
    info, _ = ask("reconstruct", cube["points"], points=points)
    assert "fit" not in info
    assert "left_out" not in info


def test_stray_points_do_not_shrink_the_object(cube: dict[str, dict]) -> None:
    points = np.concatenate([box_surface(2000, 1.0), [[25, 0, 0], [5, 9, 40]]])
    colours = np.zeros((2002, 3), dtype=np.uint8)
    colours[:2000] = (10, 200, 30)
    settings = {**cube["points"].get("settings", {}), "remove_outliers": True}
    asked = {**cube["points"], "settings": settings}
    info, result = ask("reconstruct", asked, points=points, colours=colours)
    assert info["left_out"] == 2
    np.testing.assert_allclose(result["vertices"].min(0), [5 - 0.6, -0.6, -0.6], atol=0.03)
    np.testing.assert_allclose(result["vertices"].max(0), [5 + 0.6, 0.6, 0.6], atol=0.03)
    assert (result["colours"] == (10, 200, 30)).all()
    assert len(result["colours"]) == len(result["vertices"])


def test_colours_of_a_mesh_reach_the_result(cube: dict[str, dict]) -> None:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    faces = np.array([[q[0], q[i], q[i + 1]] for q in quads for i in (1, 2)])
    colours = np.full((12, 3, 3), 200, dtype=np.uint8)
    colours[:2] = 50  # the side at x = -1
    asked = cube["voxels"]
    _, result = ask("reconstruct", asked, vertices=corners, faces=faces, colours=colours)
    vertices = result["vertices"]
    left = np.argmax(np.abs(vertices), axis=1) == 0
    flat = np.abs(vertices).max(axis=1) - np.sort(np.abs(vertices), axis=1)[:, 1] > 0.1
    assert (result["colours"][flat & left & (vertices[:, 0] < 0)] == 50).all()
    assert (result["colours"][flat & left & (vertices[:, 0] > 0)] == 200).all()


def test_an_original_checkpoint_becomes_a_model(tmp_path: Path) -> None:
    network = build_network(
        ModelDescription(
            "a", "A", "occupancy_network", "none",
            {"decoder": "simple", "decoder_kwargs": {"hidden_size": 8}, "c_dim": 0, "z_dim": 4},
        )
    )  # fmt: skip
    torch.save({"model": network.state_dict(), "epoch_it": 3, "it": 100}, tmp_path / "mine.pt")
    folder = tmp_path / "models"
    folder.mkdir()
    params = {"source": str(tmp_path / "mine.pt"), "target": str(folder)}
    info, _ = ask("convert", params)
    assert info["name"] == "mine"
    assert "mine" in [entry.name for entry in list_models([folder])]
    with pytest.raises(ModelError, match="already"):
        ask("convert", params)
    (tmp_path / "broken.pt").write_bytes(b"nothing")
    with pytest.raises(ModelError):
        ask("convert", {**params, "source": str(tmp_path / "broken.pt")})
    assert [path.name for path in folder.iterdir()] == ["mine.safetensors"]
