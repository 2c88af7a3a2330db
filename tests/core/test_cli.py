"""The command line, with small untrained networks in place of the ones that ship."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from click.testing import CliRunner
from PIL import Image

from onet_core.cli import main
from onet_core.mesh.files import MESH_FORMATS
from onet_core.models import catalogue
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.weights import load_weights, save_weights

FAST = ["--resolution", "16", "--device", "cpu"]
NETWORKS = {
    "points": ("points", {"encoder": "pointnet_simple", "c_dim": 8}),
    "voxels": ("voxels", {"encoder": "voxel_simple", "c_dim": 8}),
    "picture": ("image", {"encoder": "resnet18", "c_dim": 8}),
    "airplane": ("none", {"encoder": None, "c_dim": 0, "z_dim": 16, "decoder": "simple"}),
}


def save_untrained(path: Path, name: str) -> None:
    """A network of the given kind with fresh weights, half of whose box is inside."""
    kind, network = NETWORKS[name]
    description = ModelDescription(
        name,
        name.title(),
        "occupancy_network",
        kind,
        network=network,
        threshold=0.5,
        categories=["chair", "table"],
        metrics={"iou": 0.51234, "chamfer_l1": 0.01, "categories": {"table": {"iou": 0.4}}},
        inputs={"image_size": 64} if kind == "image" else {},
        licence="GPL-3.0-or-later",
    )
    torch.manual_seed(1)
    made = build_network(description).eval()
    with torch.no_grad():
        if made.z_dim:
            made.decoder.fc_z.weight *= 0.1
        points = torch.rand(1, 4000, 3) - 0.5
        code = torch.zeros(1, made.c_dim)
        logits = made.decode(points, torch.zeros(1, made.z_dim), code)
        made.decoder.fc_out.bias -= logits.median()
    save_weights(path, made, description)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    for name in NETWORKS:
        save_untrained(folder / f"{name}.safetensors", name)
    return folder


@pytest.fixture
def folder(tmp_path, pretrained, monkeypatch):
    """A folder with one input of each kind; the pretrained models are the small ones."""
    monkeypatch.setattr(catalogue, "PRETRAINED", pretrained)
    picture = np.full((40, 40, 3), 255, np.uint8)
    picture[10:30, 5:35] = 80
    Image.fromarray(picture).save(tmp_path / "photo.png")
    np.savetxt(tmp_path / "scan.xyz", np.random.default_rng(0).normal(size=(50, 3)) + 100)
    trimesh.creation.box((1, 2, 3)).export(tmp_path / "blocks.stl")
    return tmp_path


def run(*arguments, code: int = 0):
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def meshes(folder: Path) -> list[str]:
    """The visible files of a folder; the record of results is hidden."""
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))


def test_every_kind_of_input_becomes_a_mesh_over_it(folder):
    result = run(
        "reconstruct", folder / "photo.png", folder / "scan.xyz", folder / "blocks.stl",
        "-o", folder / "new" / "out", *FAST,
    )  # fmt: skip
    out = folder / "new" / "out"
    assert meshes(out) == ["blocks.ply", "photo.ply", "scan.ply"]
    assert result.stdout.count("->") == 3
    scan = trimesh.load(out / "scan.ply")
    assert np.abs(scan.vertices - 100).max() < 10
    for name in meshes(out):
        assert len(trimesh.load(out / name).faces) > 0


@pytest.mark.parametrize("suffix", MESH_FORMATS)
def test_formats(folder, suffix):
    run("reconstruct", folder / "blocks.stl", "-o", folder / "out", "--format", suffix, *FAST)
    assert meshes(folder / "out") == [f"blocks.{suffix}"]


def test_an_output_named_as_a_mesh_is_that_file(folder):
    run("reconstruct", folder / "scan.xyz", "-o", folder / "new" / "Chair.GLB", *FAST)
    assert meshes(folder / "new") == ["Chair.GLB"]
    made = trimesh.load(folder / "new" / "Chair.GLB", file_type="glb", force="mesh")
    assert len(made.faces) > 10
    run("generate", "--model", "airplane", "-o", folder / "new" / "one.stl", *FAST)
    assert len(trimesh.load(folder / "new" / "one.stl").faces) > 10
    # A folder may be called anything.
    (folder / "all.obj").mkdir()
    run("reconstruct", folder / "scan.xyz", "-o", folder / "all.obj", *FAST)
    assert meshes(folder / "all.obj") == ["scan.ply"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reconstruct", "scan.xyz", "blocks.stl", "-o", "a.glb"], "2 inputs"),
        (["generate", "--model", "airplane", "--count", "3", "-o", "a.ply"], "3 shapes"),
        (["reconstruct", "scan.xyz", "-o", "a.glb", "--format", "ply"], "--format"),
        (["reconstruct", "blocks.stl", "-o", "blocks.stl"], "the input itself"),
        (["reconstruct", "scan.xyz", "-o", "photo.png"], "is a file"),
    ],
)
def test_an_output_that_can_not_be_one_file_is_refused(folder, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*")}
    result = run(*arguments, *FAST, code=2)
    assert message in result.output
    assert result.output.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.rglob("*")} == before


def test_glb_is_turned_y_up(folder):
    for suffix in ("ply", "glb"):
        run("reconstruct", folder / "scan.xyz", "-o", folder, "--format", suffix, *FAST)
    ply, glb = (trimesh.load(folder / f"scan.{s}", force="mesh") for s in ("ply", "glb"))
    x, y, z = ply.bounds.mean(0)
    np.testing.assert_allclose(glb.bounds.mean(0), [x, z, -y], atol=1e-3)


def test_options_reach_the_pipeline(folder):
    arguments = ("reconstruct", folder / "scan.xyz", "-o", folder / "out", "--device", "cpu")
    run(*arguments, "--resolution", "24")
    full = len(trimesh.load(folder / "out" / "scan.ply").faces)
    run(*arguments, "--resolution", "24", "--faces", full // 2, "--refine", "1")
    assert len(trimesh.load(folder / "out" / "scan.ply").faces) < 0.52 * full
    contents = set()
    for more in ((), ("--up", "y"), ("--threshold", "0.49"), ("--smoothing", "3")):
        run(*arguments, "--resolution", "16", *more)
        contents.add((folder / "out" / "scan.ply").read_bytes())
    assert len(contents) == 4


def test_bad_inputs_are_reported_in_one_line_and_skipped(folder):
    (folder / "empty.xyz").write_text("")
    (folder / "broken.png").write_bytes(b"\x89PNG")
    (folder / "song.mp3").write_bytes(b"la")
    bad = [folder / name for name in ("empty.xyz", "broken.png", "song.mp3", "missing.ply")]
    result = run(
        "reconstruct", bad[0], bad[1], folder / "scan.xyz", bad[2], bad[3],
        "-o", folder / "out", *FAST, code=2,
    )  # fmt: skip
    assert meshes(folder / "out") == ["scan.ply"]
    lines = result.stderr.splitlines()
    assert len(lines) == 5
    for path, line in zip(bad, lines, strict=False):
        assert line.startswith(f"Skipped {path}: ")
    assert lines[-1] == "4 of 5 inputs could not be used."


def test_no_surface_is_said_and_nothing_is_left(folder):
    result = run(
        "reconstruct", folder / "scan.xyz", "-o", folder / "out", "--threshold", "0.999999", *FAST,
        code=2,
    )  # fmt: skip
    assert "threshold" in result.stderr
    assert meshes(folder / "out") == []


def test_equal_names_get_numbers_and_inputs_are_never_replaced(folder):
    (folder / "other").mkdir()
    (folder / "other" / "SCAN.xyz").write_bytes((folder / "scan.xyz").read_bytes())
    np.save(folder / "scan.npy", np.ones((4, 4, 4), bool))
    np.save(folder / "scan-2.npy", np.ones((4, 4, 4), bool))
    inputs = [folder / "scan.xyz", folder / "other" / "SCAN.xyz", folder / "scan.npy"]
    result = run("reconstruct", *inputs, folder / "scan-2.npy", "-o", folder / "out", *FAST)
    assert meshes(folder / "out") == ["SCAN-3.ply", "scan-2.ply", "scan-4.ply", "scan.ply"]
    assert f"{folder / 'scan-2.npy'} -> {folder / 'out' / 'scan-2.ply'}" in result.stdout
    before = (folder / "blocks.stl").read_bytes()
    run("reconstruct", folder / "blocks.stl", "-o", folder, "--format", "stl", *FAST)
    assert (folder / "blocks.stl").read_bytes() == before
    assert (folder / "blocks-2.stl").exists()


def test_a_folder_of_its_own_inputs_and_names_that_stay(folder):
    arguments = ("reconstruct", folder, "-o", folder, "--format", "stl", *FAST)
    run(*arguments)
    first = meshes(folder)
    assert {"blocks-2.stl", "photo.stl", "scan.stl"} <= set(first)
    result = run(*arguments)
    assert meshes(folder) == first
    assert result.stdout.count("->") == 3
    # One that sorts before it does not take its name.
    np.save(folder / "scan.npy", np.ones((4, 4, 4), bool))
    run(*arguments)
    assert set(meshes(folder)) - set(first) == {"scan.npy", "scan-2.stl"}


def test_nothing_that_lies_in_a_folder_ends_the_run(folder, monkeypatch):
    os.mkfifo(folder / "pipe.ply")
    (folder / "circle.obj").symlink_to("circle.obj")
    (folder / "lost.png").symlink_to("nowhere")
    (folder / "broken.obj").write_text("v 0 0 0\nf 1 2 x\n")
    np.savez(folder / "odd.npz", text=np.array(["a"]))
    long = "n" * 251 + ".xyz"
    (folder / long).write_bytes((folder / "scan.xyz").read_bytes())
    result = run(
        "reconstruct", folder, folder / ("m" * 300), folder / "none.ply", "-o", folder / "out",
        *FAST, code=2,
    )  # fmt: skip
    assert len(meshes(folder / "out")) == 4
    for name, reason in {
        "pipe.ply": "a pipe", "circle.obj": "in a circle", "lost.png": "not there",
        "broken.obj": "", "odd.npz": "", "m" * 300: "too long", "none.ply": "no such file",
    }.items():  # fmt: skip
        lines = [line for line in result.stderr.splitlines() if name in line]
        assert len(lines) == 1
        assert lines[0].startswith("Skipped ")
        assert reason in lines[0]
    assert "6 of 11 inputs" in result.stderr

    def broken(*_: object) -> None:
        raise KeyError("nobody\nforesaw this")

    monkeypatch.setattr("onet_core.pipeline.job.run", broken)
    result = run("reconstruct", folder / "scan.xyz", "-o", folder / "out", *FAST, code=2)
    assert "unexpected error stopped it (KeyError" in result.stderr


def test_several_inputs_at_a_time_are_the_same_meshes(folder, pretrained):
    (folder / "broken.obj").write_text("v 0 0 0\nf 1 2 x\n")
    (folder / "again.xyz").write_bytes((folder / "scan.xyz").read_bytes())
    inputs = [folder / name for name in ("scan.xyz", "broken.obj", "again.xyz")]
    model = ["--model", pretrained / "points.safetensors", *FAST]
    wording = []
    for jobs in ("1", "2"):
        out = folder / jobs
        result = run("reconstruct", *inputs, "-o", out, "--jobs", jobs, *model, code=2)
        assert meshes(out) == ["again.ply", "scan.ply"]
        wording.append(re.sub(r"[\d.]+ s\)", "", result.output.replace(str(out), "out")))
    assert wording[0] == wording[1]
    for name in ("again.ply", "scan.ply"):
        assert (folder / "1" / name).read_bytes() == (folder / "2" / name).read_bytes()
    # No process leaves anything behind, and the record knows both.
    assert len(list((folder / "2").iterdir())) == 3


def test_folders_stand_for_their_files(folder):
    (folder / "notes.md").write_text("not an input")
    (folder / ".hidden.xyz").write_text("")
    run("reconstruct", folder, folder / "scan.xyz", "-o", folder / "out", *FAST)
    assert meshes(folder / "out") == ["blocks.ply", "photo.ply", "scan.ply"]
    (folder / "bare").mkdir()
    assert "There are no files" in run("reconstruct", folder / "bare", "-o", folder, code=2).stderr


def test_a_mask_for_one_picture(folder):
    mask = np.zeros((40, 40), np.uint8)
    mask[12:28, 8:20] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    run(
        "reconstruct", folder / "photo.png", "--mask", folder / "mask.png", "-o", folder / "out",
        *FAST,
    )  # fmt: skip
    result = run(
        "reconstruct", folder / "photo.png", folder / "scan.xyz", "--mask", folder / "mask.png",
        "-o", folder / "out", code=2,
    )  # fmt: skip
    assert "2 inputs" in result.stderr


def test_a_named_model_decides_what_an_input_is(folder, pretrained):
    model = pretrained / "points.safetensors"
    run("reconstruct", folder / "blocks.stl", "--model", model, "-o", folder / "out", *FAST)
    assert meshes(folder / "out") == ["blocks.ply"]
    for arguments, message in {
        ("--model", "points", "--kind", "image"): "reads a point cloud",
        ("--model", "points"): "not a point cloud",
        ("--model", "airplane"): "onet generate",
    }.items():
        result = run(
            "reconstruct", folder / "photo.png", "-o", folder / "out2", *arguments, *FAST, code=2
        )
        assert message in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "nothing"), "no model"),
        (("--device", "gpu"), "Unknown device"),
        (("--threshold", "2"), "Threshold"),
        (("--refine", "-1"), "Refine can"),
    ],
)
def test_what_concerns_the_whole_run_ends_it(folder, arguments, message):
    if arguments[0] == "--device":
        arguments += ("--model", "points")
    result = run("reconstruct", folder / "scan.xyz", "-o", folder / "out", *arguments, code=2)
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (folder / "out").exists()


def test_generating_is_repeatable(folder):
    arguments = ("generate", "--model", "airplane", "--seed", 3, "-o", folder / "out", *FAST)
    run(*arguments, "--count", 2)
    assert meshes(folder / "out") == ["airplane-3.ply", "airplane-4.ply"]
    first = (folder / "out" / "airplane-3.ply").read_bytes()
    assert first != (folder / "out" / "airplane-4.ply").read_bytes()
    run(*arguments)
    assert (folder / "out" / "airplane-3.ply").read_bytes() == first
    result = run("generate", "--model", "points", "-o", folder / "none", code=2)
    assert "does not generate" in result.stderr
    assert not (folder / "none").exists()


def test_models_are_listed_broken_ones_too(folder, pretrained, tmp_path, monkeypatch):
    lines = run("models").stdout.splitlines()
    assert lines[0].split() == ["NAME", "READS", "IOU", "CHAMFER-L1", "LEARNED", "FROM", "LICENCE"]
    (row,) = [line for line in lines if line.startswith("picture")]
    assert row.split()[:4] == ["picture", "image", "0.512", "0.01"]
    assert "chair, table" in row
    assert "GPL" in row
    bare = tmp_path / "models"
    bare.mkdir()
    monkeypatch.setattr(catalogue, "PRETRAINED", bare)
    assert "no models" in run("models").stdout
    (bare / "broken.safetensors").write_bytes(b"x")
    assert "broken.safetensors" in run("models").stderr
    result = run("reconstruct", folder / "scan.xyz", "-o", folder / "out", *FAST, code=2)
    assert "no model for inputs" in result.stderr


def test_conversion(folder, tmp_path):
    source = tmp_path / "old.pt"
    target = tmp_path / "new.safetensors"
    torch.manual_seed(0)
    network = build_network(
        ModelDescription(
            "old", "Old", "occupancy_network", "none",
            network={"encoder": None, "c_dim": 0, "z_dim": 128, "decoder": "simple"},
        )
    )  # fmt: skip
    torch.save({"model": network.state_dict(), "it": 1}, source)
    assert str(target) in run("convert", source, target).stdout
    again, description = load_weights(target)
    assert description.input_kind == "none"
    for name, value in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)
    assert "must end with" in run("convert", source, tmp_path / "new.pt", code=2).stderr
    source.write_bytes(b"not a checkpoint")
    result = run("convert", source, tmp_path / "other.safetensors", code=2)
    assert "old.pt" in result.stderr
    assert not (tmp_path / "other.safetensors").exists()


def test_help_and_models_load_no_torch():
    code = (
        "import sys\nfrom onet_core.cli import main\n"
        "main([{!r}], standalone_mode=False)\nsys.exit('torch' in sys.modules)"
    )
    for argument in ("--help", "models"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(argument)], check=False, capture_output=True
        )
        assert done.returncode == 0, done.stderr


def test_a_cloud_to_a_mesh_loads_nothing_that_takes_long(tmp_path):
    directions = np.random.default_rng(0).normal(size=(1000, 3))
    np.savetxt(tmp_path / "ball.xyz", directions / np.linalg.norm(directions, axis=1)[:, None])
    code = (
        "import sys\nfrom onet_core.cli import main\nmain(sys.argv[1:], standalone_mode=False)\n"
        "print(sorted({'sympy', 'trimesh', 'matplotlib', 'skimage'} & set(sys.modules)))"
    )
    arguments = ["reconstruct", "ball.xyz", "-o", "ball.obj", "--kind", "points"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--resolution", "16", "--device", "cpu"],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ((), 0),
        (("--faces", "50"), 30),
        (("--faces", "50", "--refine", "0"), 0),
        (("--refine", "3"), 3),
    ],
)
def test_refinement_follows_simplification(folder, monkeypatch, arguments, steps):
    taken = []
    monkeypatch.setattr(
        "onet_core.pipeline.finish.refine",
        lambda mesh, field, *, steps, **_: taken.append(steps) or mesh,
    )
    run("reconstruct", folder / "scan.xyz", "-o", folder / "out", *FAST, *arguments)
    assert taken == ([steps] if steps else [])


def test_threads_spin_little_so_that_a_busy_machine_does_not_stall_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for given, expected in ((None, "1000"), ("7", "7")):
        monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
        if given is not None:
            monkeypatch.setenv("GOMP_SPINCOUNT", given)
        assert CliRunner().invoke(main, ["models"]).exit_code == 0
        assert os.environ["GOMP_SPINCOUNT"] == expected
    monkeypatch.delenv("GOMP_SPINCOUNT")
