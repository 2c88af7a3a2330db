"""Views of shapes: cameras in the original's style, and both renderers seeing the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from some_blender import BLENDER, has_bpy

from onet_core.errors import OnetError
from training.data.build.__main__ import main
from training.data.build.normalise import Triangles, make_triangles
from training.data.render.cameras import CAMERA_STYLES, SIZE, draw_camera
from training.data.render.cycles import BLENDER_VARIABLE, blender_command
from training.data.render.render import Style, render_views


def airplane() -> Triangles:
    """Fuselage, wings and fin, which look different from everywhere; the nose points to -z."""
    parts = [
        trimesh.creation.box([0.2, 0.2, 1.0]),
        trimesh.creation.box([0.9, 0.06, 0.25]),
        trimesh.creation.box([0.06, 0.35, 0.2]),
    ]
    parts[1].apply_translation([0, 0.05, 0.1])
    parts[2].apply_translation([0, 0.2, 0.4])
    mesh = trimesh.util.concatenate(parts)
    mesh.apply_translation(-mesh.bounds.mean(axis=0))
    colours = np.tile([60, 90, 160], (len(mesh.faces), 1))
    return make_triangles(mesh.vertices, mesh.faces, colours)


def test_cameras_in_the_originals_style() -> None:
    """Between 25 and 30 degrees high, all around, with the lens and the distances of the renders.

    The original's renders are of shapes with a diagonal of 1, seen from 0.65 to 1 times 1.75.
    """
    shape = airplane()
    diagonal = np.linalg.norm(np.ptp(shape.vertices, axis=0))
    rng = np.random.default_rng(0)
    cameras = [draw_camera(shape.vertices, rng, "choy") for _ in range(200)]
    eyes = np.array([camera.eye for camera in cameras])
    distances = np.linalg.norm(eyes, axis=1)
    heights = np.degrees(np.arcsin(eyes[:, 1] / distances))
    assert heights.min() >= 25
    assert heights.max() <= 30
    assert 0.65 <= (distances / diagonal / 1.75).min() < 0.7
    assert 0.95 < (distances / diagonal / 1.75).max() <= 1
    quarters = np.floor(np.arctan2(eyes[:, 0], eyes[:, 2]) / (np.pi / 2)).astype(int)
    assert np.bincount(quarters + 2).min() > 30
    for camera in cameras:
        # The matrix that the original's cameras.npz holds for every picture.
        expected = [[149.84375, 0, 68.5], [0, 149.84375, 68.5], [0, 0, 1]]
        np.testing.assert_allclose(camera.intrinsic, expected)
        np.testing.assert_allclose(camera.project(np.zeros((1, 3))), [[68.5, 68.5]])
        pixels = camera.project(shape.vertices)
        assert pixels.min() > 0
        assert pixels.max() < SIZE


@pytest.mark.parametrize("style", CAMERA_STYLES)
def test_rays_lead_back_to_the_points_that_are_projected(style: str) -> None:
    shape = airplane()
    camera = draw_camera(shape.vertices, np.random.default_rng(1), style)
    rays = camera.rays(camera.project(shape.vertices))
    towards = shape.vertices - camera.eye
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    np.testing.assert_allclose(rays, towards, atol=1e-9)


@pytest.mark.parametrize("cameras", CAMERA_STYLES)
def test_both_renderers_see_the_same_from_the_same_camera(cameras: str) -> None:
    if not has_bpy(BLENDER):
        pytest.skip(f"{BLENDER} has no bpy; {BLENDER_VARIABLE} may name a Python that has.")
    shape = airplane()
    light = render_views("airplane", shape, range(2), Style("light", cameras))
    cycles = render_views("airplane", shape, range(2), Style("cycles", cameras, BLENDER))
    for (drawn, camera), (rendered, same) in zip(light, cycles, strict=True):
        np.testing.assert_array_equal(camera.world, same.world)
        np.testing.assert_array_equal(camera.intrinsic, same.intrinsic)
        assert rendered.shape == (SIZE, SIZE, 3)
        ours, theirs = ((picture < 245).any(axis=2) for picture in (drawn, rendered))
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.93
        # Known points: every corner lies within a pixel of what Blender drew, none beside it.
        x, y = np.rint(camera.project(shape.vertices)).astype(int).T
        around = [theirs[y + i, x + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]
        assert np.any(around, axis=0).all()
        assert (rendered[0] == 255).all()  # white behind
        middle = rendered[theirs].mean(axis=0)
        assert middle[2] > middle[0]  # blue, as the shape is


def test_without_blender_one_sentence_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(OnetError, match=f"--blender.*{BLENDER_VARIABLE}"):
        blender_command("", tmp_path)
    (tmp_path / "meshes").mkdir()
    trimesh.creation.box([1, 1, 1]).export(tmp_path / "meshes" / "a.ply")
    arguments = ["folder", str(tmp_path / "meshes"), "--output", str(tmp_path / "data")]
    options = ["--renderer", "cycles", "--blender", "no-such", "--workers", "1", "--views", "1"]
    done = CliRunner().invoke(main, [*arguments, "--points", "999", "--surface", "999", *options])
    assert done.exit_code == 2
    assert "There is no 'no-such' here" in done.output
    assert not list((tmp_path / "data").rglob("points.npz"))


def test_a_blender_is_run_in_the_background_and_a_python_directly(tmp_path: Path) -> None:
    for name in ("blender", "python3.11"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    command = blender_command(str(tmp_path / "blender"), tmp_path)
    assert command[1:3] == ["--background", "--factory-startup"]
    assert command[-1] == str(tmp_path)
    assert "--background" not in blender_command(str(tmp_path / "python3.11"), tmp_path)


def test_a_blender_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'No module named bpy' >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(OnetError, match=r"could not render: No module named bpy\."):
        render_views("a", airplane(), range(1), Style("cycles", "choy", str(program)))
