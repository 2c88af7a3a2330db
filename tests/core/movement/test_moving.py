"""Clouds of frames to a moving mesh, in files too: the network's shape is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner

from onet_core.cli import main
from onet_core.engine.moving import move
from onet_core.errors import Cancelled, InputError
from onet_core.mesh.mesh import Mesh
from onet_core.movement.files import write_moving_glb
from tests.known_models import write

COUNT = 400
SHIFTS = (0.0, 0.1, 0.25, 0.4)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whatever it is given, its shape is a cube whose half edge is 0.3 of the points' size."""
    return write(tmp_path_factory.mktemp("models"), "cube_points")


def cloud(seed: int, shift: float = 0.0) -> np.ndarray:
    """Points of a cube's surface whose half edge is 0.3, and two of the corners of a unit cube."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.3, 0.3, (COUNT + 10 * seed, 3))
    faces = rng.integers(0, 3, len(points))
    points[np.arange(len(points)), faces] = 0.3 * rng.choice([-1, 1], len(points))
    # So that the network's cube is that of the points.
    corners = [[-0.5] * 3, [0.5] * 3]
    return np.concatenate([points, corners]) * [1, 1, 1] + [shift, 0, 0]


def params(model: Path, frames: list[int], counts: list[int]) -> dict[str, object]:
    return {
        "kind": "points", "model": str(model), "name": "cube", "up_axis": "z", "device": "cpu",
        "settings": {"resolution": 16, "snap": False, "faces": 400},
        "frames": frames, "counts": counts, "reference": frames[0],
    }  # fmt: skip


def report(stage: str, fraction: float) -> None:
    assert 0 <= fraction <= 1


def test_a_cube_that_goes_along_x_and_a_frame_without_points(model: Path) -> None:
    far = np.array([1000.0, 0, 0])
    clouds = [cloud(n, shift) + far for n, shift in enumerate(SHIFTS)]
    clouds.insert(2, np.empty((0, 3)))
    frames = [1, 2, 3, 4, 5]
    asked = params(model, frames, [len(one) for one in clouds])
    info, arrays = move(asked, {"points": clouds[0], "clouds": np.concatenate(clouds)}, report)
    assert info["frames"] == [1, 2, 4, 5]
    assert info["notes"][0]["template"].startswith("Frames with fewer than")
    moves = arrays["moves"]
    assert moves.shape == (4, len(arrays["vertices"]), 3)
    assert moves.dtype == np.float32
    np.testing.assert_allclose(moves[0], 0, atol=1e-6)
    for step, shift in zip(moves, SHIFTS, strict=True):
        np.testing.assert_allclose(step.mean(0), [shift, 0, 0], atol=0.03)
        # A cube stays a cube.
        places = arrays["vertices"] + step
        np.testing.assert_allclose(np.ptp(places, axis=0), 0.6, atol=0.08)


def test_it_can_be_stopped_on_the_way(model: Path) -> None:
    def stop(stage: str, fraction: float) -> None:
        if stage == "follow" and fraction > 0.5:
            raise Cancelled

    clouds = [cloud(n, shift) for n, shift in enumerate(SHIFTS)]
    asked = params(model, [1, 2, 3, 4], [len(one) for one in clouds])
    with pytest.raises(Cancelled):
        move(asked, {"points": clouds[0], "clouds": np.concatenate(clouds)}, stop)


@pytest.mark.parametrize(
    ("frames", "counts"), [([1, 2], [3]), ([1, 2], [3, -3]), ("12", [1, 2]), ([1, 2], [400, 3])]
)
def test_a_message_that_does_not_fit_together(
    model: Path, frames: list[int], counts: list[int]
) -> None:
    asked = params(model, frames, counts)
    with pytest.raises(InputError, match="needs the points of all its frames"):
        move(asked, {"points": cloud(0), "clouds": cloud(0)}, report)


def test_numbered_files_become_one_file_or_as_many(model: Path, tmp_path: Path) -> None:
    for number, shift in zip((1, 2, 10), SHIFTS, strict=False):
        np.savetxt(tmp_path / f"scan{number}.xyz", cloud(number, shift))
    options = [
        "--model", str(model), "--device", "cpu", "--resolution", "16", "--no-snap",
        "--up-axis", "z",
    ]  # fmt: skip
    scans = str(tmp_path / "scan*.xyz")
    target = tmp_path / "moving.glb"
    done = CliRunner().invoke(main, ["move", scans, "-o", str(target), *options])
    assert done.exit_code == 0, done.output
    assert "3 frames" in done.output
    scene = trimesh.load_scene(target)
    (mesh,) = scene.geometry.values()
    folder = tmp_path / "frames"
    done = CliRunner().invoke(main, ["move", scans, "-o", str(folder), *options])
    assert done.exit_code == 0, done.output
    written = [trimesh.load(path, process=False) for path in sorted(folder.iterdir())]
    assert len(written) == 3
    for one, shift in zip(written, SHIFTS, strict=False):
        np.testing.assert_array_equal(one.faces, written[0].faces)
        np.testing.assert_allclose(one.vertices.mean(0), [shift, 0, 0], atol=0.03)
    assert len(mesh.faces) == len(written[0].faces)


EMPTY = {
    ".ply": "ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nproperty float y\n"
    "property float z\nend_header\n",
    ".xyz": "",
}


@pytest.mark.parametrize("ending", EMPTY)
def test_files_without_points_are_frames_without(model: Path, tmp_path: Path, ending: str) -> None:
    for number, shift in zip((1, 3, 4), SHIFTS, strict=False):
        np.savetxt(tmp_path / f"scan{number}.xyz", cloud(number, shift))
    (tmp_path / f"scan2{ending}").write_text(EMPTY[ending])
    scans = [str(path) for path in tmp_path.iterdir()]
    target = tmp_path / "moving.glb"
    options = ["--model", str(model), "--device", "cpu", "--resolution", "16", "--no-snap"]
    done = CliRunner().invoke(main, ["move", *scans, "-o", str(target), *options])
    assert done.exit_code == 0, done.output
    assert "3 frames" in done.output
    assert "left out: 2." in done.output
    target.unlink()
    done = CliRunner().invoke(main, ["move", *scans, "-o", str(target), "--reference", "2"])
    assert done.exit_code == 2
    assert "Frame 2, whose mesh was to move, has 0 points" in done.output
    assert not target.exists()


def test_one_file_is_no_movement(model: Path, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "scan.xyz", cloud(0))
    done = CliRunner().invoke(main, ["move", str(tmp_path / "scan.xyz"), "-o", "x.glb"])
    assert done.exit_code == 2
    assert "two frames or more" in done.output


def test_a_glb_plays_what_it_was_given(tmp_path: Path) -> None:
    """Read by the letter of the format's specification, not by a library of ours."""
    import json

    mesh = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]), np.array([[0, 2, 1]]))
    moves = np.array([np.zeros((4, 3)), np.full((4, 3), [0, 0, 0.5])])
    path = tmp_path / "moving.glb"
    write_moving_glb(mesh, moves, [0.0, 2.0], path, "z")
    data = path.read_bytes()
    assert data[:4] == b"glTF"
    assert int.from_bytes(data[8:12], "little") == len(data)
    size = int.from_bytes(data[12:16], "little")
    document = json.loads(data[20 : 20 + size])
    body = data[20 + size + 8 :]

    def values(number: int) -> np.ndarray:
        accessor = document["accessors"][number]
        view = document["bufferViews"][accessor["bufferView"]]
        start = view["byteOffset"]
        return np.frombuffer(body[start : start + view["byteLength"]], "<f4")

    (primitive,) = document["meshes"][0]["primitives"]
    last = values(primitive["targets"][1]["POSITION"]).reshape(-1, 3)
    np.testing.assert_allclose(last, np.full((4, 3), [0, 0.5, 0]))  # z-up becomes y-up
    (sampler,) = document["animations"][0]["samplers"]
    np.testing.assert_array_equal(values(sampler["input"]), [0, 2])
    np.testing.assert_array_equal(values(sampler["output"]), [1, 0, 0, 1])
    place = document["nodes"][0]["translation"]
    first = values(primitive["attributes"]["POSITION"]).reshape(-1, 3) + place
    np.testing.assert_allclose(first, mesh.vertices[:, [0, 2, 1]] * [1, 1, -1], atol=1e-6)
