"""Normals that files state: used where they can be true, harmless where they are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from onet_core.inputs.load import read_input
from onet_core.pipeline.dense import NOT_STATED, STATED
from onet_core.pipeline.job import Job, run
from onet_core.scans.stated import are_plausible
from onet_core.settings import Settings


def on_sphere(count: int) -> np.ndarray:
    """Even directions (N, 3)."""
    number = np.arange(count) + 0.5
    height, turn = 1 - 2 * number / count, np.pi * (1 + 5**0.5) * number
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=1)


def _written(folder: Path, suffix: str, points: np.ndarray, normals: np.ndarray) -> Path:
    """As other programs write points with normals."""
    path = folder / f"scan{suffix}"
    rows = np.concatenate([points, normals], axis=1)
    if suffix == ".npz":
        np.savez(path, points=points, normals=normals)
    elif suffix == ".npy":
        np.save(path, rows)
    else:
        names = "x y z normal_x normal_y normal_z" if suffix == ".pcd" else "x y z nx ny nz"
        heads = {
            ".ply": "ply\nformat ascii 1.0\nelement vertex {}\n{}\nend_header".format(
                len(rows), "\n".join(f"property float {name}" for name in names.split())
            ),
            ".pcd": f"VERSION .7\nFIELDS {names}\nSIZE 4 4 4 4 4 4\nTYPE F F F F F F\n"
            f"COUNT 1 1 1 1 1 1\nWIDTH {len(rows)}\nHEIGHT 1\nPOINTS {len(rows)}\nDATA ascii",
            ".csv": names.replace(" ", ","),
        }
        np.savetxt(
            path, rows, fmt="%.7f", header=heads.get(suffix, ""), comments="",
            delimiter="," if suffix == ".csv" else " ",
        )  # fmt: skip
        if suffix not in heads:
            path.write_text(path.read_text().lstrip("\n"))
    return path


@pytest.mark.parametrize("suffix", [".ply", ".pcd", ".csv", ".xyz", ".xyzn", ".npz", ".npy"])
def test_files_with_normals_are_read(tmp_path: Path, suffix: str) -> None:
    normals = on_sphere(300)
    # Of another length: they are unit vectors afterwards. Without a name, the length tells them.
    length = 1.0 if suffix in (".xyz", ".xyzn", ".npy") else 40.0
    content = read_input(_written(tmp_path, suffix, 2 * normals + 5, length * normals), "points")
    assert content.colours is None
    assert content.normals is not None
    np.testing.assert_allclose(content.normals, normals, atol=1e-6)


def test_points_without_a_normal_have_none(tmp_path: Path) -> None:
    normals = on_sphere(50)
    normals[3], normals[4] = 0, np.nan
    found = read_input(_written(tmp_path, ".ply", on_sphere(50), normals), "points").normals
    assert found is not None
    assert (found[3:5] == 0).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_normals_of_one_sign_are_plausible(sign: int) -> None:
    ways = on_sphere(3_000)
    axes = ways * np.random.default_rng(0).choice([-1, 1], (3_000, 1))
    assert are_plausible(ways, axes, sign * ways)


def test_others_are_not() -> None:
    ways, random = on_sphere(3_000), np.random.default_rng(0)
    signs = random.choice([-1, 1], (3_000, 1))
    assert not are_plausible(ways, ways, ways * signs)
    assert not are_plausible(ways, ways, np.tile([0.0, 0, 1], (3_000, 1)))
    assert not are_plausible(ways, ways, np.zeros((3_000, 3)))
    shuffled = ways[random.permutation(3_000)]
    assert not are_plausible(ways, ways, shuffled)


@pytest.mark.parametrize("kind", ["inward", "shuffled"])
def test_wrong_normals_do_no_harm(tmp_path: Path, kind: str) -> None:
    """A ball with all normals inward, and with each point's at another point."""
    points = on_sphere(25_500)
    order = np.random.default_rng(0).permutation(len(points))
    normals = -points if kind == "inward" else points[order]
    path = _written(tmp_path, ".npz", points, normals)
    result = run(Job(path=path, kind="points", settings=Settings(resolution=32, normals=False)))
    mesh = trimesh.Trimesh(result.made.mesh.vertices, result.made.mesh.faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4 / 3 * np.pi, rel=0.02)
    said = STATED if kind == "inward" else NOT_STATED
    assert said.template in [note.template for note in result.findings.sentences()]
