"""Colours from one picture: scores against scikit-image, cameras, and what each way must reach."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from skimage.metrics import structural_similarity as reference

from training.data.build.normalise import Triangles, make_triangles
from training.data.render.cameras import SIZE, fitted_camera
from training.measure.colours.__main__ import main
from training.measure.colours.choose import NEIGHBOURS, TURNED, errors
from training.measure.colours.comparison import compare
from training.measure.colours.scores import absolute_error, structural_similarity
from training.measure.colours.views import ColouredShape, view_of
from training.measure.colours.ways import SHIPS, WAYS, alike_places

RED, BLUE = (200, 30, 30), (30, 30, 200)


def two_coloured() -> Triangles:
    """A long box, its upper half red, its lower half blue, the same from the left and right."""
    mesh = trimesh.creation.box([0.4, 0.6, 1.0]).subdivide().subdivide()
    high = mesh.triangles_center[:, 1] > 0
    return make_triangles(mesh.vertices, mesh.faces, np.where(high[:, None], RED, BLUE))


def test_scores_against_another_implementation() -> None:
    rng = np.random.default_rng(0)
    true = rng.random((40, 40, 3))
    made = np.clip(true + rng.normal(0, 0.2, true.shape), 0, 1)
    where = np.zeros((40, 40), dtype=bool)
    where[8:-8, 8:-8] = True
    _, full = reference(
        made,
        true,
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    assert structural_similarity(made, true, where) == pytest.approx(full[where].mean(), abs=1e-9)
    assert structural_similarity(true, true, where) == pytest.approx(1.0)
    assert absolute_error(np.zeros_like(true), true, where) == pytest.approx(true[where].mean())


def test_the_products_camera_sees_what_the_renderers_does() -> None:
    shape = two_coloured()
    camera = fitted_camera(shape.vertices, 0.7, 0.4, 1.9, 0.75, (0.03, -0.02))
    from onet_core.models.pictures.painting import _projected

    places, _ = _projected(shape.vertices, view_of(camera))
    np.testing.assert_allclose(places * SIZE, camera.project(shape.vertices), atol=1e-9)


def test_what_is_seen_and_mirrored_has_the_true_colours() -> None:
    found = compare(ColouredShape(two_coloured(), "box/one"), WAYS, is_lit=False)
    assert found is not None
    errors = {score.way: score.error for score in found[0]}
    # Red and blue are 2/3 apart, so their mean is a third of 0.67 * 2/3 off everywhere.
    assert errors["mean colour"] == pytest.approx(0.22, abs=0.05)
    assert errors[SHIPS] < 0.04
    assert errors[SHIPS] < errors["seen, else mean"] < errors["mean colour"]


def test_places_alike_are_those_that_face_the_same_way() -> None:
    vertices, normals = np.zeros((2, 3)), np.eye(3)[:2]
    first, second = alike_places(vertices, normals, 0.3)
    assert np.linalg.norm(first - second) == pytest.approx(0.3)


def test_the_choice_is_by_what_is_hidden() -> None:
    found = errors(ColouredShape(two_coloured(), "box/one"))
    assert found is not None
    assert found.shape == (len(TURNED), len(NEIGHBOURS))
    # The bottom is seen by no camera above the horizon; all of it is blue.
    assert found.min() < 0.02
    assert found.max() < 0.3


def test_the_command_writes_a_page_and_a_sheet(tmp_path: Path) -> None:
    source = tmp_path / "shapes"
    (source / "shapes" / "box").mkdir(parents=True)
    shape = two_coloured()
    np.savez(
        source / "shapes" / "box" / "one.npz",
        vertices=np.rint((shape.vertices + 0.5) * 65535).astype(np.uint16),
        faces=shape.faces,
        colours=shape.colours,
    )
    (source / "index.csv").write_text(
        "id,category,split,inside_method\none,box,test,winding\n", encoding="utf-8"
    )
    page, sheet = tmp_path / "page.md", tmp_path / "sheet.png"
    given = ["--source", str(source), "--flat", "--page", str(page), "--sheet", str(sheet)]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 0, result.output
    assert "(1 shapes)" in result.output
    assert SHIPS in page.read_text(encoding="utf-8")
    assert sheet.is_file()
