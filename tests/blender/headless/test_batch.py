"""The batch job: folders of mixed files, one of them bad, in every format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

from onet_blender.headless import batch_job

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two clouds of a box of edges 4, 2, 1 around (10, 20, 30), a broken one, and a text."""
    made = tmp_path / "in"
    made.mkdir()
    random = np.random.default_rng(0)
    points = random.uniform(-1, 1, (500, 3))
    points[:2] = [[-1, -1, -1], [1, 1, 1]]
    points = points * [2, 1, 0.5] + [10, 20, 30]
    np.savetxt(made / "scan.xyz", points)
    np.save(made / "other.npy", points)
    (made / "broken.ply").write_bytes(b"ply\nformat ascii 1.0\nelement vertex 5\n")
    (made / "notes.md").write_text("not an input")
    return made


def run(folder: Path, models: Path, *more: str) -> int:
    return batch_job.main(
        [
            "--input",
            str(folder),
            "--output",
            str(folder.parent / "out"),
            "--kind",
            "points",
            "--model",
            str(models / "cube_points.safetensors"),
            "--resolution",
            "32",
            "--refine",
            "0",
            *more,
        ]
    )


def made_in(out: Path) -> list[str]:
    """The results in a folder; the record of them is hidden."""
    return sorted(path.name for path in out.iterdir() if not path.name.startswith("."))


def imported_bounds() -> tuple[np.ndarray, np.ndarray]:
    """The world bounding box of all meshes in the file."""
    bpy.context.view_layer.update()
    corners = np.array(
        [
            item.matrix_world @ vertex.co
            for item in bpy.context.scene.objects
            if item.type == "MESH"
            for vertex in item.data.vertices
        ]
    )
    return corners.min(0), corners.max(0)


@pytest.mark.usefixtures("shared_worker")
@pytest.mark.parametrize("form", ["glb", "obj", "ply", "stl", "blend"])
def test_one_bad_file_is_skipped_and_told(
    folder: Path, models: Path, form: str, capsys: pytest.CaptureFixture
) -> None:
    assert run(folder, models, "--format", form) == 2
    out = folder.parent / "out"
    assert made_in(out) == [f"other.{form}", f"scan.{form}"]
    printed = capsys.readouterr().out
    assert "broken.ply: FAILED" in printed
    assert "2 of 3 files done" in printed
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    target = str(out / f"scan.{form}")
    match form:
        case "glb":
            bpy.ops.import_scene.gltf(filepath=target)
        case "obj":
            bpy.ops.wm.obj_import(filepath=target)
        case "ply":
            bpy.ops.wm.ply_import(filepath=target)
        case "stl":
            bpy.ops.wm.stl_import(filepath=target)
        case "blend":
            bpy.ops.wm.open_mainfile(filepath=target)
    # The model sees a cube of edge 0.6 in the cube of edge 4 around (10, 20, 30).
    low, high = imported_bounds()
    np.testing.assert_allclose((low + high) / 2, [10, 20, 30], atol=0.05)
    np.testing.assert_allclose(high - low, 0.6 * 4, atol=0.05)


@pytest.mark.usefixtures("shared_worker")
def test_all_fine_is_zero(folder: Path, models: Path) -> None:
    (folder / "broken.ply").unlink()
    assert run(folder, models) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--input", "nowhere", "--output", "x"],
        ["--input", ".", "--output", "x", "--format", "doc"],
    ],
)
def test_bad_usage_is_two(
    arguments: list[str], runtime_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert batch_job.main(arguments) == 2
    assert not (tmp_path / "x").exists()


def test_as_a_script(folder: Path, models: Path, runtime_python: str) -> None:
    command = [
        sys.executable,
        str(ROOT / "onet_blender" / "batch.py"),
        "--",
        "--input",
        str(folder / "scan.xyz"),
        "--output",
        str(folder.parent / "out"),
        "--model",
        str(models / "cube_points.safetensors"),
        "--resolution",
        "32",
        "--runtime",
        runtime_python,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder.parent / "out" / "scan.glb").exists()


@pytest.mark.usefixtures("shared_worker")
def test_output_that_cannot_be_written_is_told(
    folder: Path, models: Path, capsys: pytest.CaptureFixture
) -> None:
    (folder.parent / "out").write_text("a file, where the folder should be")
    assert run(folder, models) == 2
    printed = capsys.readouterr().out
    assert printed.count("can't be written") == 2
    assert "Traceback" not in printed


def test_missing_runtime_is_told(
    folder: Path, models: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONET_RUNTIME_PYTHON")
    assert run(folder, models) == 2
    assert "--runtime" in capsys.readouterr().out
    assert run(folder, models, "--runtime", str(folder / "python")) == 2
    assert "no Python at" in capsys.readouterr().out


@pytest.mark.usefixtures("shared_worker")
def test_blocky_model_comes_back_upright(models: Path, tmp_path: Path) -> None:
    """A y-up file (OBJ): what is up in the file is up in Blender, and comes back up in a file."""
    (tmp_path / "in").mkdir()
    corners = [(x, y, z) for x in (0, 1) for y in (0, 4) for z in (0, 2)]
    quads = [(1, 2, 4, 3), (5, 7, 8, 6), (1, 5, 6, 2), (3, 4, 8, 7), (1, 3, 7, 5), (2, 6, 8, 4)]
    lines = [f"v {x} {y} {z}" for x, y, z in corners] + [
        f"f {a} {b} {c} {d}" for a, b, c, d in quads
    ]
    (tmp_path / "in" / "tower.obj").write_text("\n".join(lines))
    for form in ("blend", "obj"):
        assert batch_job.main([
            "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--format", form,
            "--model", str(models / "cube_voxels.safetensors"), "--resolution", "32",
        ]) == 0  # fmt: skip
    # The model sees a cube of edge 0.6 in the cube of edge 4 around (0.5, 2, 1).
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out" / "tower.blend"))
    low, high = imported_bounds()
    np.testing.assert_allclose((low + high) / 2, [0.5, -1, 2], atol=0.05)
    text = (tmp_path / "out" / "tower.obj").read_text()
    vertices = [line.split()[1:4] for line in text.splitlines() if line.startswith("v ")]
    values = np.array(vertices, dtype=float)
    np.testing.assert_allclose((values.min(0) + values.max(0)) / 2, [0.5, 2, 1], atol=0.05)
