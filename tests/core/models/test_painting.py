"""Colours from a picture: what the camera sees, what lies behind, and finding the camera."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from onet_core.errors import InputError
from onet_core.inputs.background import enlargement, framed, framed_mask
from onet_core.inputs.frame import network_to_up
from onet_core.mesh.mesh import Mesh
from onet_core.models.pictures.painting import EDGE, likeliest_view
from onet_core.models.pictures.texture.painted import painted
from onet_core.models.pictures.view import PictureView

RED, BLUE = (200, 30, 30), (30, 30, 200)


def block() -> Mesh:
    """A long block with a cabin towards its back, z up, its front towards -y."""
    lower = trimesh.creation.box((0.4, 1.0, 0.2))
    upper = trimesh.creation.box((0.4, 0.4, 0.3))
    upper.apply_translation((0, 0.3, 0.2))
    made = trimesh.util.concatenate([lower, upper]).subdivide_to_size(0.03)
    return Mesh(np.asarray(made.vertices), np.asarray(made.faces))


def picture_of(mesh: Mesh, azimuth: float) -> np.ndarray:
    """What an orthographic camera at the horizon sees: the upper half red, the lower blue."""
    seen = mesh.vertices @ network_to_up("z")
    angle = np.radians(azimuth)
    across = seen @ [np.cos(angle), 0, -np.sin(angle)]
    edge = 128
    columns = ((across * 0.7 + 0.5) * edge).astype(int)
    rows = ((0.5 - seen[:, 1] * 0.7) * edge).astype(int)
    made = np.full((edge, edge, 3), 255, dtype=np.uint8)
    for step in (0, 1, 2):
        for side in (0, 1, 2):
            made[rows + step - 1, columns + side - 1] = np.where(
                (seen[:, 1] > 0.0)[:, None], RED, BLUE
            )
    return made


def test_what_is_seen_takes_the_pictures_colour_and_so_does_the_other_side() -> None:
    mesh = block()
    view = PictureView(90.0, 0.0, 10.0, 10.0, 0.5, 0.5, 1.0)
    colours = painted(mesh, picture_of(mesh, 90.0), view).astype(int)
    for side in (-1, 1):
        chosen = mesh.vertices[:, 0] * side > 0.19
        high = chosen & (mesh.vertices[:, 2] > 0.06)
        low = chosen & (mesh.vertices[:, 2] < -0.06)
        assert np.abs(colours[high] - RED).mean() < 12
        assert np.abs(colours[low] - BLUE).mean() < 12


def test_the_side_is_found_by_the_outline() -> None:
    mesh = block()
    vertices = mesh.vertices @ network_to_up("z")
    for azimuth in (90.0, 270.0, 0.0):
        shown = (picture_of(mesh, azimuth) < 250).any(axis=2)
        found = likeliest_view(vertices, shown)
        off = (found.azimuth - azimuth + 180) % 360 - 180
        # An outline is the same from the mirrored side behind.
        behind = (180 - azimuth - found.azimuth + 180) % 360 - 180
        assert min(abs(off), abs(behind)) <= 16


def test_white_parts_of_an_object_before_white_stay_white_where_a_mask_is_known() -> None:
    mesh = block()
    view = PictureView(90.0, 0.0, 10.0, 10.0, 0.5, 0.5, 1.0)
    picture = picture_of(mesh, 90.0)
    shown = (picture < 250).any(axis=2)
    picture[(picture == BLUE).all(axis=2)] = 255
    colours = painted(mesh, picture, view, shown).astype(int)
    low = mesh.vertices[:, 2] < -0.06
    assert np.abs(colours[low & (mesh.vertices[:, 0] > 0.19)] - 255).mean() < 12
    high = mesh.vertices[:, 2] > 0.06
    assert np.abs(colours[high & (mesh.vertices[:, 0] > 0.19)] - RED).mean() < 12


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(InputError, match="nothing in the picture"):
        painted(block(), np.full((64, 64, 3), 255, dtype=np.uint8))


def test_small_pictures_leave_no_white_rim_and_thin_parts_keep_their_colours() -> None:
    """A car of 30 pixels, with a blue line of three: enlarged, the rim of either is half white."""
    small = np.full((40, 40, 3), 255, dtype=np.uint8)
    small[10:20, 5:35], small[20:23, 5:35] = RED, BLUE
    mask = np.where((small < 250).any(axis=2), 255, 0).astype(np.uint8)
    picture, shown = framed(small, mask, EDGE), framed_mask(mask, EDGE)
    enlarged = enlargement(mask, EDGE)
    assert enlarged == pytest.approx(EDGE * 0.8 / 30, rel=0.01)
    box = trimesh.creation.box((0.3, 0.9, 0.39)).subdivide_to_size(0.02)
    mesh = Mesh(np.asarray(box.vertices), np.asarray(box.faces))
    view = PictureView(90.0, 0.0, 10.0, 10.0, 0.5, 0.5, 1.0)
    colours = painted(mesh, picture, view, shown, enlarged).astype(int)
    side = np.abs(mesh.vertices[:, 0]) > 0.149
    assert colours[side, 1].max() < 40
    low = side & (mesh.vertices[:, 2] < -0.15)
    assert np.abs(colours[low] - BLUE).mean() < 12
    line = np.where((small == BLUE).all(axis=2), 255, 0).astype(np.uint8)
    thin = painted(mesh, framed(small, line, EDGE), view, framed_mask(line, EDGE), enlarged)
    assert np.abs(thin[side].astype(int) - BLUE).max() < 20
    # As it was: what lies at the border is nearly white.
    assert painted(mesh, picture, view, shown).astype(int)[side, 1].max() > 70


@pytest.mark.parametrize("size", [(0.7, 0.7, 0.7), (0.4, 0.6, 1.0)])
@pytest.mark.parametrize("colours", [(RED, BLUE), (BLUE, RED)])
def test_the_hidden_back_is_like_the_front_where_that_has_two_colours(
    size: tuple[float, float, float], colours: tuple[tuple[int, ...], ...]
) -> None:
    """Seen from the front at its own height: nothing shows the back, nor its mirror image."""
    box = trimesh.creation.box(size).subdivide_to_size(0.03)
    mesh = Mesh(np.asarray(box.vertices), np.asarray(box.faces))
    picture = np.full((EDGE, EDGE, 3), 255, dtype=np.uint8)
    middle, across, down = EDGE // 2, int(0.35 * EDGE * size[0]), int(0.35 * EDGE * size[2])
    picture[middle - down : middle, middle - across : middle + across] = colours[0]
    picture[middle : middle + down, middle - across : middle + across] = colours[1]
    made = painted(mesh, picture, PictureView(0.0, 0.0, 10.0, 7.0, 0.5, 0.5, 1.0)).astype(int)
    # The camera is at +z of the network's frame, which is +y here.
    back = mesh.vertices[:, 1] < -size[1] / 2 + 0.001
    for side, colour in zip((1, -1), colours, strict=True):
        half = back & (mesh.vertices[:, 2] * side > 0.06)
        assert np.abs(made[half] - colour).mean() < 20
