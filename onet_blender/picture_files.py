"""Pictures that the worker reads from their files, so that Blender need not decode them.

Blender decodes in its main thread, where a JPEG of 12 megapixels takes 70 ms and a PNG 270; here
0.3 ms are left of it. Of the kinds of files that are told below, the worker makes the same pixels.
What is painted or of another kind (16 bits, TIFF, EXR ...) is still decoded and copied by Blender.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from .pieces import Pieces, in_background

# With these Blender keeps colour and alpha as they are in the file.
UNCHANGED_ALPHA = ("STRAIGHT", "CHANNEL_PACKED")
LENGTH_OF_HEAD = 32
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
BITS_OF_PNG, BITS_OF_BLENDERS_FLOATS = 24, 16
KIND_OF_WEBP, FLAGS_OF_WEBP, MOVES = slice(12, 16), 20, 0x02


def is_like_blenders(head: bytes) -> bool:
    """Whether a file that begins with this gives the pixels that Blender makes of it.

    PNG of up to 8 bits, JPEG, and WebP that stands still. Blender makes floats, which it brings to
    its own colours, of PNG with 16 bits, and of most other kinds it depends.
    """
    if head.startswith(PNG):
        return len(head) > BITS_OF_PNG and head[BITS_OF_PNG] < BITS_OF_BLENDERS_FLOATS
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP" and len(head) > FLAGS_OF_WEBP:
        return head[KIND_OF_WEBP] != b"VP8X" or not head[FLAGS_OF_WEBP] & MOVES
    return head.startswith(JPEG)


def is_stored(image: bpy.types.Image) -> bool:
    """Whether an image is one picture as it lies in its file or in this one, not painted since.

    The file as it is now counts, also where Blender still shows an older one.
    """
    return (
        image.type == "IMAGE"
        and image.source == "FILE"
        and not image.is_dirty
        and not image.use_multiview
        and image.alpha_mode in UNCHANGED_ALPHA
    )


def needs_no_decoding(image: bpy.types.Image) -> bool:
    """Whether `content_in_pieces` finds what it looks for, as far as that can be told at once."""
    if not is_stored(image):
        return False
    return image.packed_file is not None or is_like_blenders(
        _head(Path(image.filepath_from_user()))
    )


def content_in_pieces(image: bpy.types.Image) -> Pieces[NDArray[np.uint8] | None]:
    """The content of an image's file (N,) for the worker; None where Blender has to read it.

    What is packed is copied here: 4 ms for the JPEG named above, up to 47 for the PNG (23 MB).
    """
    if not is_stored(image):
        return None
    if image.packed_file is not None:
        content = image.packed_file.data
    else:
        path = Path(image.filepath_from_user())
        reading = in_background(lambda: _content(path))
        yield reading
        content = reading.result()
    return np.frombuffer(content, dtype=np.uint8) if is_like_blenders(content) else None


def _head(path: Path) -> bytes:
    """The first bytes of a file; none where it is gone: what Blender still has of it counts."""
    try:
        with path.open("rb") as file:
            return file.read(LENGTH_OF_HEAD)
    except OSError:
        return b""


def _content(path: Path) -> bytes:
    """The bytes of a file that is like Blender's, none of others."""
    try:
        return path.read_bytes() if is_like_blenders(_head(path)) else b""
    except OSError:
        return b""
