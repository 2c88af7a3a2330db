"""Thumbnails of pictures that EXIF turns."""

from __future__ import annotations

import io
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from onet_blender.pictures import upright
from onet_blender.pictures.orientation import TURNS, orientation

SIZE = 16
# Tag 0x0112 alone, in the form of a TIFF.
HEAD_OF_EXIF = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"


def exif(turn: int) -> bytes:
    return HEAD_OF_EXIF + turn.to_bytes(4, "little") + bytes(4)


def in_jpeg(turn: int) -> bytes:
    body = b"Exif\0\0" + exif(turn)
    comment = b"\xff\xfe\0\x05abc"
    return b"\xff\xd8" + comment + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body


def in_png(turn: int) -> bytes:
    body = exif(turn)
    text = b"\0\0\0\x03tEXtabc\0\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + text + len(body).to_bytes(4, "big") + b"eXIf" + body + bytes(4)


def in_webp(turn: int) -> bytes:
    body = exif(turn)
    chunks = b"VP8X\x03\0\0\0abc\0" + b"EXIF" + len(body).to_bytes(4, "little") + body
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WEBP" + chunks


@pytest.mark.parametrize("form", [in_jpeg, in_png, in_webp, exif])
def test_the_turn_is_read_from_each_kind_of_file(form) -> None:  # type: ignore[no-untyped-def]
    for turn in range(1, 9):
        assert orientation(io.BytesIO(form(turn))) == turn
    for wrong in (0, 9):
        assert orientation(io.BytesIO(form(wrong))) == 1
    whole = form(6)
    for length in range(len(whole) - 8):
        assert orientation(io.BytesIO(whole[:length])) in (1, 6)


# Where the first pixel of the file, its upper left corner, is in the upright picture, by EXIF's
# own words: "the 0th row is at the visual top of the image, the 0th column at its left side" ...
CORNERS = {2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
# ... and where the second pixel of the first row goes from there.
STEPS = {2: (0, -1), 3: (0, -1), 4: (0, 1), 5: (1, 0), 6: (1, 0), 7: (-1, 0), 8: (-1, 0)}


class Pixels:
    """As much of a preview's pixels as is used."""

    def __init__(self, owner: Preview) -> None:
        self._owner = owner

    def foreach_get(self, values: np.ndarray) -> None:
        values[:] = self._owner.values

    def foreach_set(self, values: np.ndarray) -> None:
        self._owner.values, self._owner.is_image_custom = values.copy(), True


class Preview:
    """Stands in for Blender's, which makes none of its own without a window."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.image_size = (pixels.shape[1], pixels.shape[0])
        self.values = pixels[::-1].ravel()
        self.is_image_custom = False
        self.image_pixels_float = Pixels(self)


@pytest.mark.parametrize("turn", range(2, 9))
def test_thumbnails_are_turned_as_exif_says_and_once(turn: int) -> None:
    lying = np.zeros((SIZE, SIZE, 4), dtype=np.float32)
    lying[0, 0], lying[0, 1] = (1, 0, 0, 1), (0, 1, 0, 1)
    preview = Preview(lying)
    image = SimpleNamespace(preview=preview)
    for _ in range(2):  # once more it stays as it is
        assert upright.set_upright(image, turn)  # type: ignore[arg-type]
        seen = preview.values.reshape(SIZE, SIZE, 4)[::-1]
        corner = np.array(CORNERS[turn]) % SIZE
        assert seen[tuple(corner)].tolist() == [1, 0, 0, 1]
        assert seen[tuple(corner + STEPS[turn])].tolist() == [0, 1, 0, 1]
        assert preview.is_image_custom


def test_a_thumbnail_that_is_not_there_yet_is_waited_for() -> None:
    assert not upright.set_upright(bpy.data.images.new("none", 4, 4), 6)


def test_every_number_that_exif_has_is_known() -> None:
    assert set(TURNS) == set(range(2, 9))
