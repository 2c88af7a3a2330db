"""A copy of the last render as an image of its own, in pieces that do not hold Blender up.

Only Blender's own saving reaches a render's pixels, and whole. As they are, linear and without
compression, that takes 27 ms of its thread for 1920 x 1080; the other pieces take 8 each, beside
0.1 s once in a session, when Blender reads the view transform AgX. With view transform and
compression, at once, it would be 190 to 500 ms.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError
from onet_core.sentences import Sentence

from ..scene.pieces import Pieces, in_background
from .images import folder_for_files, packed
from .kinds import PNG
from .plain_exr import read_rgba

NAME = "Render (ONet)"
PIXELS_OF_A_BAND = 150_000
NOTHING_RENDERED = Sentence("Nothing has been rendered yet: render first (F12).")

# Settings for saving, in the order in which they depend on each other; Blender 4 has no media.
LINEAR = {
    "media_type": "IMAGE",
    "color_management": "FOLLOW_SCENE",
    "file_format": "OPEN_EXR",
    "color_mode": "RGBA",
    "color_depth": "32",
    "exr_codec": "NONE",
}
AS_SHOWN = {"media_type": "IMAGE", "file_format": "TARGA_RAW", "color_mode": "RGBA"}
LENGTH_OF_HEADER, SIZE_OF_TGA, START_OF_SIZE = 18, struct.Struct("<HH"), 12

LEFT_NEIGHBOUR = 1  # PNG's filter of that name; it makes photos and renders smaller
COMPRESSION = 4
EIGHT_BITS, RGBA = 8, 6


def render_in_pieces(scene: bpy.types.Scene) -> Pieces[bpy.types.Image]:
    """The last render as the scene's view shows it, transparent where it is, as a new image.

    Without the noise that Blender adds where it rounds (dithering). Raises InputError where nothing
    has been rendered.
    """
    result = next((image for image in bpy.data.images if image.type == "RENDER_RESULT"), None)
    if result is None:
        raise InputError(NOTHING_RENDERED)
    with folder_for_files() as folder:
        if _shows_strips(scene):
            # They have been through the view transform already.
            whole = folder / "whole.tga"
            _save(result, scene, AS_SHOWN, whole)
            bands = [whole]
        else:
            linear = folder / "linear.exr"
            _save(result, scene, LINEAR, linear)
            values = in_background(lambda: read_rgba(linear.read_bytes())[::-1])
            yield values
            bands = yield from _bands_in_pieces(values.result(), scene, folder)
        path = folder / f"{NAME}.png"
        written = in_background(lambda: path.write_bytes(png_of(_joined(bands))))
        yield written
        written.result()
        made = packed(path)
    made.name = NAME
    return made


def _shows_strips(scene: bpy.types.Scene) -> bool:
    """Whether a scene renders the strips of its sequencer, if it has any."""
    editor = scene.sequence_editor
    if editor is None or not scene.render.use_sequencer:
        return False
    return len(editor.strips if hasattr(editor, "strips") else editor.sequences) > 0


def _save(
    image: bpy.types.Image, scene: bpy.types.Scene, settings: Mapping[str, str], path: Path
) -> None:
    """Raises InputError where the image has nothing to be saved."""
    with _saved_with(scene, settings):
        try:
            image.save_render(str(path), scene=scene)
        except RuntimeError as error:
            raise InputError(NOTHING_RENDERED) from error


@contextmanager
def _saved_with(scene: bpy.types.Scene, wanted: Mapping[str, str]) -> Iterator[None]:
    """Has a scene save its renders like that, for a moment."""
    settings = scene.render.image_settings
    known = {name: value for name, value in wanted.items() if hasattr(settings, name)}
    before = {name: getattr(settings, name) for name in (*known, "color_depth")}
    try:
        for name, value in known.items():
            setattr(settings, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)


def _bands_in_pieces(
    values: NDArray[np.float32], scene: bpy.types.Scene, folder: Path
) -> Pieces[list[Path]]:
    """Files of the bands of linear pixels (H, W, 4), as the scene's view shows them.

    The lowest row is the first.
    """
    height, width, _ = values.shape
    rows = max(1, PIXELS_OF_A_BAND // width)
    paths = []
    for start in range(0, height, rows):
        band = values[start : start + rows]
        image = bpy.data.images.new("ONet", width, len(band), alpha=True, float_buffer=True)
        try:
            image.pixels.foreach_set(band.ravel())
            paths.append(folder / f"{start}.tga")
            _save(image, scene, AS_SHOWN, paths[-1])
        finally:
            bpy.data.images.remove(image)
        yield None
    return paths


def _joined(bands: Sequence[Path]) -> NDArray[np.uint8]:
    """The pixels (H, W, 4), first row on top, of Blender's uncompressed TGAs from below."""
    parts = []
    for path in bands:
        content = path.read_bytes()
        width, height = SIZE_OF_TGA.unpack_from(content, START_OF_SIZE)
        values = np.frombuffer(content, np.uint8, 4 * width * height, LENGTH_OF_HEADER)
        parts.append(values.reshape(height, width, 4))
    return np.concatenate(parts)[::-1, :, [2, 1, 0, 3]]  # it is blue, green, red, alpha


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """The file of a picture (H, W, 4), first row on top; needs no Blender, whose encoder does."""
    height, width, _ = pixels.shape
    rows = np.empty((height, 1 + 4 * width), dtype=np.uint8)
    values = np.ascontiguousarray(pixels).reshape(height, 4 * width)
    rows[:, 0] = LEFT_NEIGHBOUR
    rows[:, 1:5] = values[:, :4]
    np.subtract(values[:, 4:], values[:, :-4], out=rows[:, 5:])
    size = struct.pack(">IIBBBBB", width, height, EIGHT_BITS, RGBA, 0, 0, 0)
    chunks = (
        (b"IHDR", size),
        (b"IDAT", zlib.compress(rows.tobytes(), COMPRESSION)),
        (b"IEND", b""),
    )
    return PNG + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
