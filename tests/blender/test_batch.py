"""The batch job: folders of mixed files, one of them bad, in every format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

from onet_blender import batch_job

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.mark.parametrize("form", ["glb", "obj", "ply", "stl", "blend"])
def test_one_bad_file_is_skipped_and_told(
    folder: Path, models: Path, form: str, capsys: pytest.CaptureFixture
) -> None:
    assert run(folder, models, "--format", form) == 1
    out = folder.parent / "out"
    assert sorted(path.name for path in out.iterdir()) == [f"other.{form}", f"scan.{form}"]
    told = capsys.readouterr().out
    assert "broken.ply: FAILED" in told
    assert "2 of 3 files done" in told
    bpy.ops.wm.read_factory_settings(use_empty=True)
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


def test_results_of_equal_stems_do_not_overwrite_each_other(tmp_path: Path) -> None:
    inputs = [tmp_path / name for name in ("a.png", "A.ply", "b.ply", "c.glb", "c-2.xyz")]
    names = [path.name for path in batch_job.targets_of(inputs, tmp_path / "out", "glb")]
    assert names == ["a.glb", "A-2.glb", "b.glb", "c.glb", "c-2.glb"]
    # Into the folder of the inputs, none of which may be replaced.
    names = [path.name for path in batch_job.targets_of(inputs, tmp_path, "glb")]
    assert names == ["a.glb", "A-2.glb", "b.glb", "c-2.glb", "c-2-2.glb"]


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
