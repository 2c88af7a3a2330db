"""What the worker is asked for, end to end: the real worker, small real networks."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from onet_core.engine.client import EngineClient
from onet_core.errors import Cancelled, EngineError, InputError, ModelError, NoSurfaceError
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.steps import Steps
from onet_core.models.weights import load_weights, save_weights
from onet_core.pipeline.morphing import between


@pytest.fixture(scope="module")
def client() -> Iterator[EngineClient]:
    engine = EngineClient(sys.executable)
    yield engine
    engine.close()


def octahedron(path: Path, input_kind: str, network: dict[str, object]) -> Path:
    """Weights whose field is 20 (0.35 - |x| - |y| - |z|), whatever the input is."""
    description = ModelDescription(
        path.stem,
        "Octahedron",
        "occupancy_network",
        input_kind,
        {"decoder": "simple", "decoder_kwargs": {"hidden_size": 6}, **network},
        threshold=0.5,
    )
    made = build_network(description)
    state = made.state_dict()
    for key, value in state.items():
        if key.startswith("decoder."):
            value.zero_()
    state["decoder.fc_p.weight"].copy_(torch.cat([torch.eye(3), -torch.eye(3)]))
    state["decoder.fc_out.weight"].fill_(-20.0)
    state["decoder.fc_out.bias"].fill_(7.0)
    save_weights(path, made, description)
    return path


def sized_cube(path: Path) -> None:
    """Weights that generate cubes, whose largest |coordinate| is 0.05 (5 + z[0]).

    logit = 1 - sum of relu(+-100 p - 24 - 5 z[0]) is 0 in the middle of a face where
    100 p = 25 + 5 z[0].
    """
    description = ModelDescription(
        path.stem,
        "Sized cube",
        "occupancy_network",
        "none",
        {"decoder": "simple", "decoder_kwargs": {"hidden_size": 6}, "c_dim": 0, "z_dim": 2},
        threshold=0.5,
    )
    made = build_network(description)
    state = made.state_dict()
    for key, value in state.items():
        if key.startswith("decoder."):
            value.zero_()
    state["decoder.fc_p.weight"].copy_(100 * torch.cat([torch.eye(3), -torch.eye(3)]))
    state["decoder.fc_p.bias"].fill_(-24.0)
    state["decoder.fc_z.weight"][:, 0] = -5.0
    state["decoder.fc_out.weight"].fill_(-1.0)
    state["decoder.fc_out.bias"].fill_(1.0)
    save_weights(path, made, description)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that generate, and that read points."""
    path = tmp_path_factory.mktemp("models")
    octahedron(path / "ball.safetensors", "none", {"c_dim": 0, "z_dim": 2})
    octahedron(
        path / "cloud.safetensors",
        "points",
        {"encoder": "pointnet_resnet", "c_dim": 4, "z_dim": 0, "encoder_kwargs": {"hidden_dim": 4}},
    )
    sized_cube(path / "sized.safetensors")
    planes = {"channels": 4, "hidden": 4, "plane_resolution": 8, "unet_depth": 2, "unet_width": 4}
    description = ModelDescription("planes", "Planes", "convolutional", "points", planes)
    save_weights(path / "planes.safetensors", build_network(description), description)
    return path


def named(folder: Path, model: str, **others: object) -> dict[str, object]:
    return {"model": model, "folders": [str(folder)], "device": "cpu", **others}


def test_hello(client: EngineClient) -> None:
    info = client.call("hello").values
    assert info["torch"] == torch.__version__
    assert info["missing"] == []
    cpu = info["devices"][0]
    assert cpu["name"] == "cpu"
    if sys.platform.startswith("linux"):
        assert 2**28 < cpu["free_bytes"] <= cpu["total_bytes"] < 2**50


def test_models_lists_folders_and_tells_what_is_broken(
    client: EngineClient, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    listed = client.call("models", {"folders": [str(folder), str(tmp_path)]}).values["models"]
    entries = {entry["name"]: entry for entry in listed}
    assert entries["ball"]["description"]["input_kind"] == "none"
    assert entries["ball"]["path"] == str(folder / "ball.safetensors")
    assert entries["broken"]["description"] is None
    assert "broken.safetensors" in entries["broken"]["error"]


def test_generates_and_reports_progress(client: EngineClient, folder: Path) -> None:
    seen: list[float] = []
    answer = client.call(
        "generate",
        named(folder, "ball", seed=1, settings={"resolution": 64}),
        on_progress=lambda stage, fraction: seen.append(fraction),
    )
    assert seen == sorted(seen)
    assert seen[-1] == 1, "also where the last stages take less time than lies between reports"
    # |x| + |y| + |z| = 0.35 touches each axis at 0.35.
    np.testing.assert_allclose(answer.arrays["vertices"].max(0), 0.35, atol=0.01)
    assert answer.arrays["faces"].dtype == np.int32
    assert answer.arrays["normals"].shape == answer.arrays["vertices"].shape
    assert answer.values["model"] == "ball"
    assert answer.values["evaluations"] > 1000
    assert answer.values["seconds"]


def test_latents_are_those_that_generate_uses(client: EngineClient, folder: Path) -> None:
    def latent(**params: object) -> np.ndarray:
        answer = client.call("latent", named(folder, "ball", **params))
        assert answer.values["model"] == "ball"
        return answer.arrays["latent"]

    one, two = latent(seed=1), latent(seed=2)
    np.testing.assert_array_equal(one, latent(seed=1))
    np.testing.assert_allclose(
        latent(seed=1, other_seed=2, factor=0.3), between(one, two, 0.3), rtol=1e-6
    )
    small = {"resolution": 32}
    by_seed = client.call("generate", named(folder, "ball", seed=1, settings=small))
    by_latent = client.call("generate", named(folder, "ball", settings=small), {"latent": one})
    np.testing.assert_array_equal(by_seed.arrays["latent"], one)
    np.testing.assert_array_equal(by_latent.arrays["vertices"], by_seed.arrays["vertices"])


def test_samples_are_the_shapes_of_their_seeds(client: EngineClient, folder: Path) -> None:
    small = {"resolution": 16}
    one = client.call("generate", named(folder, "ball", seed=5, settings=small))
    seen: list[float] = []
    several = client.call(
        "sample",
        named(folder, "ball", seeds=[4, 5, 6], settings=small),
        on_progress=lambda stage, fraction: seen.append(fraction),
    )
    counts = several.values["vertex_counts"]
    assert len(counts) == len(several.values["face_counts"]) == 3
    second = several.arrays["vertices"][counts[0] : counts[0] + counts[1]]
    np.testing.assert_allclose(second, one.arrays["vertices"], atol=1e-7)
    assert sum(several.values["face_counts"]) == len(several.arrays["faces"])
    np.testing.assert_array_equal(several.arrays["latents"][1], one.arrays["latent"])
    assert seen == sorted(seen)


def test_morph_meets_its_shapes_at_both_ends(client: EngineClient, folder: Path) -> None:
    made = [
        client.call("generate", named(folder, "sized", seed=seed, settings={"resolution": 32}))
        for seed in (1, 2)
    ]
    codes = np.stack([answer.arrays["code"] for answer in made])

    def morphed(position: float) -> np.ndarray:
        params = named(folder, "sized", position=position, settings={"resolution": 32})
        return client.call("morph", params, {"codes": codes}).arrays["vertices"]

    for position, answer in zip((0, 1), made, strict=True):
        np.testing.assert_allclose(morphed(position), answer.arrays["vertices"], atol=1e-6)
    # The half edge of "sized" is its latent's first number plus 5, times 0.05.
    half = 0.05 * (5 + between(*codes, 0.25)[0])
    np.testing.assert_allclose(np.abs(morphed(0.25)).max(), half, atol=0.01)
    np.testing.assert_array_equal(morphed(0.25), morphed(0.25))


def test_a_morph_finds_its_surface_from_the_last_one_and_says_so(
    client: EngineClient, folder: Path
) -> None:
    codes = np.array([[-1.0, 0.5], [1.0, 0.5]])
    settings = {"resolution": 64}
    client.call("free")
    followed = []
    for position in (0.5, 0.52, 0.54):
        params = named(folder, "sized", settings=settings)
        answer = client.call("morph", {**params, "position": position}, {"codes": codes})
        followed.append(answer.values["followed"])
        latent = between(*codes, position).astype(np.float32)
        made = client.call("generate", params, {"latent": latent})
        vertices = answer.arrays["vertices"]
        np.testing.assert_allclose(vertices, made.arrays["vertices"], atol=1e-6)
        np.testing.assert_array_equal(answer.arrays["faces"], made.arrays["faces"])
    assert followed == [False, True, True]


def test_a_morph_looks_for_what_is_faint_unless_it_is_a_preview(
    client: EngineClient, folder: Path
) -> None:
    """Only a preview is found from the last one where there may be more than the last one shows."""
    network, description = load_weights(folder / "sized.safetensors")
    save_weights(
        folder / "faint.safetensors",
        network,
        replace(description, name="faint", steps=Steps(faint_from=0.1)),
    )
    codes = np.array([[-1.0, 0.5], [1.0, 0.5]])
    followed = {}
    for preview in (False, True):
        client.call("free")
        params = named(folder, "faint", settings={"resolution": 64}, preview=preview)
        answers = [
            client.call("morph", {**params, "position": position}, {"codes": codes})
            for position in (0.5, 0.52, 0.54)
        ]
        followed[preview] = [answer.values["followed"] for answer in answers]
    assert followed == {False: [False] * 3, True: [False, True, True]}


def test_morph_sequence_shares_its_topology_where_asked(client: EngineClient, folder: Path) -> None:
    codes = np.array([[-1.0, 0.5], [1.0, 0.5]])
    halves = [0.05 * (5 + between(*codes, position)[0]) for position in (0, 0.5, 1)]
    params = named(folder, "sized", positions=[0, 0.5, 1], settings={"resolution": 32})
    apart = client.call("morph_sequence", params, {"codes": codes})
    ends = np.cumsum(apart.values["vertex_counts"])[:-1]
    for half, vertices in zip(halves, np.split(apart.arrays["vertices"], ends), strict=True):
        np.testing.assert_allclose(np.abs(vertices).max(), half, atol=0.02)
    shared = client.call("morph_sequence", {**params, "shared": True}, {"codes": codes})
    steps, faces = shared.arrays["vertices"], shared.arrays["faces"]
    assert steps.shape == (3, apart.values["vertex_counts"][0], 3)
    assert faces.max() == steps.shape[1] - 1
    for half, vertices in zip(halves, steps, strict=True):
        # Every vertex lies on the surface of its own step.
        np.testing.assert_allclose(np.abs(vertices).max(1), half, atol=0.02)


def test_reconstructions_of_one_code_can_be_morphed(client: EngineClient, folder: Path) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (300, 3))
    small = named(folder, "cloud", settings={"resolution": 16})
    made = client.call("reconstruct", {**small, "kind": "points"}, {"points": points})
    assert made.arrays["code"].shape == (4,)
    codes = np.stack([made.arrays["code"], np.zeros(4)])
    answer = client.call("morph", {**small, "position": 0.0}, {"codes": codes})
    np.testing.assert_allclose(np.abs(answer.arrays["vertices"]).max(), 0.35, atol=0.02)


def test_points_and_files_of_points_give_the_same_mesh_in_their_own_frame(
    client: EngineClient, folder: Path, tmp_path: Path
) -> None:
    points = np.random.default_rng(0).uniform([10, -3, 5], [14, -1, 6], (500, 3))
    points[:2] = [10, -3, 5], [14, -1, 6]
    np.save(tmp_path / "points.npy", points)
    settings = {"resolution": 32}
    params = named(folder, "cloud", kind="points", up_axis="z", settings=settings)
    by_array = client.call("reconstruct", params, {"points": points})
    by_file = client.call("reconstruct", {**params, "path": str(tmp_path / "points.npy")})
    vertices = by_array.arrays["vertices"]
    np.testing.assert_array_equal(vertices, by_file.arrays["vertices"])
    # The unit cube is the box's longest edge, 4; the octahedron's half axes are 0.35 of it.
    np.testing.assert_allclose(vertices.max(0) - vertices.min(0), 2 * 0.35 * 4, atol=0.1)
    np.testing.assert_allclose((vertices.max(0) + vertices.min(0)) / 2, [12, -2, 5.5], atol=0.1)
    np.testing.assert_allclose(np.array(by_array.values["matrix"])[:3, 3], [12, -2, 5.5])


def test_voxels_keep_their_place(client: EngineClient, tmp_path: Path) -> None:
    octahedron(
        tmp_path / "voxels.safetensors",
        "voxels",
        {"encoder": "voxel_simple", "c_dim": 4, "z_dim": 0},
    )
    params = named(
        tmp_path,
        str(tmp_path / "voxels.safetensors"),
        kind="voxels",
        up_axis="z",
        settings={"resolution": 32},
    )
    # One solid box, as cells and as a mesh, of which both fill the whole cube.
    cells = np.ones((32, 32, 32), bool)
    placed = client.call(
        "reconstruct", {**params, "origin": [1.0, 2.0, 3.0], "pitch": 0.25}, {"voxels": cells}
    )
    corners = np.array([[x, y, z] for x in (1, 9) for y in (2, 10) for z in (3, 11)], float)
    faces = np.array(
        [
            [0, 1, 3],
            [0, 3, 2],
            [4, 6, 7],
            [4, 7, 5],
            [0, 4, 5],
            [0, 5, 1],
            [2, 3, 7],
            [2, 7, 6],
            [0, 2, 6],
            [0, 6, 4],
            [1, 5, 7],
            [1, 7, 3],
        ]
    )
    meshed = client.call("reconstruct", params, {"vertices": corners, "faces": faces})
    for answer in (placed, meshed):
        vertices = answer.arrays["vertices"]
        np.testing.assert_allclose((vertices.max(0) + vertices.min(0)) / 2, [5, 6, 7], atol=0.3)
        np.testing.assert_allclose(vertices.max(0) - vertices.min(0), 0.7 * 8, atol=0.5)


def test_bad_input_is_told_and_the_worker_lives_on(
    client: EngineClient, folder: Path, tmp_path: Path
) -> None:
    cloud = np.random.default_rng(0).normal(size=(50, 3))
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    Image.new("RGB", (2, 2)).save(tmp_path / "tiny.png")
    (tmp_path / "evil.pt").write_bytes(b"cposix\nsystem\n(S'touch hacked'\ntR.")
    ball = named(folder, "ball", seed=0)
    client.call("hello")
    process = client.process_id
    for method, params, arrays, error in [
        ("reconstruct", {}, {}, InputError),
        ("reconstruct", {}, {"points": np.zeros((0, 3))}, InputError),
        ("reconstruct", {}, {"points": np.zeros((1, 3))}, InputError),
        ("reconstruct", {}, {"points": np.zeros((50, 2))}, InputError),
        ("reconstruct", {}, {"points": np.full((50, 3), np.nan)}, InputError),
        ("reconstruct", {}, {"points": np.full((50, 3), np.inf)}, InputError),
        ("reconstruct", {}, {"points": np.zeros((50, 3))}, InputError),
        ("reconstruct", {"up_axis": "w"}, {"points": cloud}, InputError),
        ("reconstruct", {}, {"vertices": cloud, "faces": np.zeros((0, 3), np.int64)}, InputError),
        ("reconstruct", {}, {"vertices": cloud, "faces": np.full((4, 3), 99)}, InputError),
        ("reconstruct", {}, {"vertices": cloud, "faces": np.zeros((4, 3))}, InputError),
        ("reconstruct", {}, {"vertices": cloud, "faces": np.zeros(4, int)}, InputError),
        ("reconstruct", {}, {"voxels": np.zeros((32, 32, 32), bool)}, InputError),
        ("reconstruct", {}, {"voxels": np.zeros((4, 4), bool)}, InputError),
        ("reconstruct", {}, {"pixels": np.zeros((2, 2, 3), np.uint8)}, InputError),
        ("reconstruct", {"path": "relative.ply"}, {}, InputError),
        ("reconstruct", {"path": str(tmp_path / "missing.ply")}, {}, InputError),
        ("reconstruct", {"path": str(tmp_path)}, {}, InputError),
        ("reconstruct", {"path": str(tmp_path / "cut.png")}, {}, InputError),
        ("reconstruct", {"path": str(tmp_path / "tiny.png")}, {}, InputError),
        ("reconstruct", named(folder, "ball"), {"points": cloud}, ModelError),
        ("reconstruct", named(folder, str(tmp_path / "evil.pt")), {"points": cloud}, ModelError),
        ("generate", named(folder, "cloud", seed=0), {}, ModelError),
        ("sample", named(folder, "ball", seeds=[]), {}, InputError),
        ("sample", named(folder, "ball", seeds=[1, "two"]), {}, InputError),
        ("sample", named(folder, "cloud", seeds=[1]), {}, ModelError),
        ("morph", named(folder, "ball", position=0.5), {}, InputError),
        ("morph", named(folder, "ball"), {"codes": np.zeros((2, 2))}, InputError),
        ("morph", named(folder, "ball", position=2), {"codes": np.zeros((2, 2))}, InputError),
        ("morph", named(folder, "ball", position=0), {"codes": np.zeros((1, 2))}, InputError),
        ("morph", named(folder, "ball", position=0), {"codes": np.zeros((2, 3))}, InputError),
        ("morph_sequence", named(folder, "ball"), {"codes": np.zeros((2, 2))}, InputError),
        (
            "morph_sequence",
            named(folder, "ball", positions=[0, 2]),
            {"codes": np.zeros((2, 2))},
            InputError,
        ),
        ("morph", named(folder, "planes", position=0), {"codes": np.zeros((2, 3))}, ModelError),
        ("generate", named(folder, "no such model", seed=0), {}, ModelError),
        ("generate", named(folder, "ball"), {}, InputError),
        ("generate", named(folder, "ball", seed="one"), {}, InputError),
        ("generate", named(folder, "ball", seed=-1), {}, InputError),
        ("generate", {**ball, "factor": 0.5}, {}, InputError),
        ("generate", ball, {"latent": np.zeros(99)}, InputError),
        ("generate", ball, {"latent": np.full(2, np.nan)}, InputError),
        ("generate", {**ball, "settings": {"no": 1}}, {}, InputError),
        ("generate", {**ball, "settings": {"threshold": 0.9999}}, {}, NoSurfaceError),
        ("no such method", {}, {}, EngineError),
    ]:
        with pytest.raises(error) as caught:
            client.call(method, params, arrays)
        assert "\n" not in str(caught.value), str(caught.value)
        assert "unexpected" not in str(caught.value), str(caught.value)
        assert client.process_id == process
    assert not (tmp_path / "hacked").exists()
    assert client.call("hello").values["python"]


def test_cancel_stops_soon_and_keeps_the_worker(client: EngineClient, folder: Path) -> None:
    client.call("generate", named(folder, "ball", seed=0, settings={"resolution": 16}))
    process = client.process_id
    job = client.start("generate", named(folder, "ball", seed=0, settings={"resolution": 1024}))
    while not any(event.fraction > 0 for event in job.poll(wait=1.0)):
        assert not job.done
    start = time.monotonic()
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()
    assert time.monotonic() - start < 3
    assert client.process_id == process
    assert client.call("hello").values["python"]


def test_free_forgets_models_but_not_how_to_load_them(client: EngineClient, folder: Path) -> None:
    params = named(folder, "ball", seed=0, settings={"resolution": 32})
    before = client.call("generate", params).arrays["vertices"]
    assert client.call("free").values == {}
    np.testing.assert_array_equal(client.call("generate", params).arrays["vertices"], before)


def test_a_runtime_without_torch_is_told_when_it_is_needed(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    python = bare / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    packages = next(bare.glob("**/site-packages"))
    numpy = Path(str(np.__file__)).parent
    for item in (numpy, *numpy.parent.glob("numpy.libs")):
        (packages / item.name).symlink_to(item)
    engine = EngineClient(python, log=tmp_path / "log")
    with pytest.raises(EngineError, match="lacks the package 'torch'"):
        engine.call("hello")
    assert engine.call("models").values is not None
    engine.close()


def test_way_between_two_latents() -> None:
    first, second = np.array([2.0, 0.0]), np.array([0.0, 4.0])
    np.testing.assert_allclose(between(first, second, 0), first, atol=1e-12)
    np.testing.assert_allclose(between(first, second, 1), second, atol=1e-12)
    np.testing.assert_allclose(between(first, second, 0.5), 3 * np.array([0.5, 0.5]) ** 0.5)
    np.testing.assert_allclose(between(first, 2 * first, 0.5), 1.5 * first)


def test_thumbnails_show_the_shapes_of_their_seeds(client: EngineClient, folder: Path) -> None:
    params = named(folder, "sized", seeds=[1, 2], pixels=32, settings={"resolution": 32})
    pictures = client.call("thumbnails", params).arrays["pictures"]
    assert pictures.shape == (2, 32, 32, 4)
    covered = (pictures[..., 3] > 128).mean(axis=(1, 2))
    assert ((covered > 0.4) & (covered < 0.9)).all()  # a cube, seen from above a corner
