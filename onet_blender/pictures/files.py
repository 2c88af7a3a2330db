"""Pictures that the worker reads from their files, so that Blender need not decode them.

Blender decodes in its main thread, where a JPEG of 12 megapixels takes 70 ms and a PNG 270; here
0.3 ms are left of it. Of the kinds of files in `picture_kinds` the worker makes the same pixels.
What is painted or of another kind (16 bits, EXR, HDR ...) is still decoded and copied by Blender.
"""

from __future__ import annotations

import io
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from onet_core.files import is_on_network, is_special

from ..scene.pieces import Pieces, in_background
from .kinds import is_like_blenders

# With these Blender keeps colour and alpha as they are in the file.
UNCHANGED_ALPHA = ("STRAIGHT", "CHANNEL_PACKED")


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


def is_pipe(image: bpy.types.Image) -> bool:
    """Whether the file of an image is one that opening would wait for.

    A .blend file can name any place; of those on the network nothing is asked here.
    """
    text = image.filepath_from_user()
    return bool(text) and not is_on_network(text) and is_special(Path(text))


def needs_no_decoding(image: bpy.types.Image) -> bool:
    """Whether `content_in_pieces` finds what it looks for, as far as that is known at once."""
    if not is_stored(image):
        return False
    return image.packed_file is not None or _is_readable(Path(image.filepath_from_user()))


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
    if not is_like_blenders(io.BytesIO(content)):
        return None
    return np.frombuffer(content, dtype=np.uint8)


def _is_readable(path: Path) -> bool:
    """Whether a file is like Blender's; not where it is gone: Blender may have its pixels still."""
    if is_special(path):
        return False
    try:
        with path.open("rb") as file:
            return is_like_blenders(file)
    except OSError:
        return False


def _content(path: Path) -> bytes:
    """The bytes of a file that is like Blender's, none of others."""
    try:
        return path.read_bytes() if _is_readable(path) else b""
    except OSError:
        return b""
