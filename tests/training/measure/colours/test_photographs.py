"""The sheet of photographs and their coloured meshes."""

from __future__ import annotations

import numpy as np
import pytest

from onet_core.mesh.mesh import Mesh
from training.measure.colours.photographs import PHOTOGRAPHS, Photograph, seen_from, sheet_of


@pytest.mark.parametrize("one", PHOTOGRAPHS, ids=lambda one: one.title)
def test_marks_lie_on_their_photographs(one: Photograph) -> None:
    picture, mask = one.picture(), one.mask()
    assert mask.shape == picture.shape[:2]
    assert set(np.unique(mask)) == {0, 255}
    for corners in one.outlines:
        high, wide = mask.shape
        assert all(0 <= x < wide and 0 <= y < high for x, y in corners)


def test_a_mark_tells_object_from_background() -> None:
    rocket = next(one for one in PHOTOGRAPHS if one.source == "rocket")
    picture, inside = rocket.picture().astype(float), rocket.mask() > 0
    redder = picture[..., 0] - picture[..., 2]
    assert redder[inside].mean() > 20
    assert redder[130:300, 220:290].mean() < -20


def test_a_mesh_is_seen_from_all_sides() -> None:
    """A red wall in front of a green one, z up, the front towards -y."""
    wall = np.array([[-0.5, 0, -0.5], [0.5, 0, -0.5], [0.5, 0, 0.5], [-0.5, 0, 0.5]])
    behind = np.array([0, 0.1, 0])
    vertices = np.concatenate([wall - behind, wall + behind])
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 6, 5], [4, 7, 6]])
    colours = np.repeat([[255, 0, 0], [0, 255, 0]], 4, axis=0).astype(np.uint8)
    mesh = Mesh(vertices, faces, colours=colours)
    for azimuth, colour in ((180, [255, 0, 0]), (0, [0, 255, 0])):
        seen = np.asarray(seen_from(mesh, azimuth))
        assert seen[len(seen) // 2, len(seen) // 2].tolist() == colour
        assert seen[0, 0].tolist() == [255] * 3
    sheet = sheet_of([[seen_from(mesh, turn) for turn in (0, 90)]])
    assert sheet.size == (1100, 220)
