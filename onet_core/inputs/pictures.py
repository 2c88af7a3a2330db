"""Pictures: files of any kind -> the object, alone on white, the way training pictures show it."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..errors import InputError
from .background import plain_background, without_specks
from .frame import Frame
from .observation import Background, Observation

PICTURE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".tga", ".ppm", ".pgm",
)  # fmt: skip
MINIMUM_EDGE = 8
# Share of the frame that the longer side of the object's bounding box takes: the median and mean
# over 1,500 of the rendered views that the picture networks learn from (1 % to 99 %: 0.67 to 0.88).
FILL = 0.8
# Larger pictures are shrunk first: the network sees 224 pixels.
_WORKING_EDGE = 1024
# Below this alpha somewhere, an alpha channel is taken to mean something.
_OPAQUE = 250


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """A picture's pixels (H, W, 3), or (H, W, 4) if it has transparency, turned upright by EXIF.

    Palettes, grey, 16-bit, CMYK and all else that Pillow reads become 8-bit RGB; of an animation
    the first frame is read. Raises InputError for files that are missing, damaged or no pictures.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    return _decode(path, path.name, upright=True)


def decode_picture(content: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """`read_picture` for the bytes of a file, (N,), as they lie there: not turned by EXIF.

    That is how Blender shows pictures.
    """
    return _decode(io.BytesIO(content.tobytes()), name, upright=False)


def _decode(file: Path | io.BytesIO, name: str, upright: bool) -> NDArray[np.uint8]:
    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            # Pillow warns of files with odd pieces that it can read; of bombs it makes an error.
            warnings.simplefilter("ignore")
            return np.array(_as_rgb(ImageOps.exif_transpose(image) if upright else image))
    except Exception as error:  # Pillow's readers raise whatever a damaged file makes them raise
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if isinstance(error, Image.UnidentifiedImageError):
            detail = "its content is of no known kind"
        raise InputError(f"{name} can't be read as a picture: {detail.rstrip('.')}.") from error


def read_mask(path: str | Path) -> NDArray[np.uint8]:
    """A mask (H, W) from a picture: its alpha if it has any, else its brightness; 255 is object."""
    return mask_of_pixels(read_picture(path))


def mask_of_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`read_mask` for the pixels of `read_picture`."""
    if pixels.shape[2] == 4 and pixels[..., 3].min() < _OPAQUE:
        return pixels[..., 3]
    return np.array(Image.fromarray(np.ascontiguousarray(pixels[..., :3])).convert("L"))


def prepare_picture(
    pixels: NDArray[Any], mask: NDArray[Any] | None = None, size: int = 224, name: str = ""
) -> Observation:
    """Pixels -> an observation (3, size, size): the object on white, centred, filling the frame.

    pixels: (H, W), (H, W, 1 to 4), with alpha last if 2 or 4; 8 or 16 bit, or floats from 0 to 1.
    mask: (H, W), object where above half; may be of another size if the aspect is the same.

    The background is what the mask leaves out, else what is transparent, else a plain background
    (see `plain_background`). A picture without any of these is taken whole, with white beside it
    where it is not square. The frame is the unit cube with z up: a picture has no place in space.
    Raises InputError for pictures smaller than 8 pixels and where no object is left.
    """
    label = name or "The picture"
    colours, alpha = _colours_and_alpha(pixels, label)
    height, width = colours.shape[:2]
    if min(height, width) < MINIMUM_EDGE:
        raise InputError(
            f"{label} has only {width} x {height} pixels: at least {MINIMUM_EDGE} are needed each "
            "way, a hundred are good."
        )
    coverage = alpha
    background: Background = "none" if alpha is None else "transparent"
    if mask is not None:
        background = "mask"
        given = _fitted_mask(mask, height, width, label)
        coverage = given if alpha is None else np.minimum(given, alpha)
    if max(height, width) > _WORKING_EDGE:
        factor = _WORKING_EDGE / max(height, width)
        shape = (max(1, round(width * factor)), max(1, round(height * factor)))
        if coverage is not None:
            coverage = _resized(coverage, shape)
        colours = _resized(colours, shape)
    if coverage is None:
        coverage = _coverage_on_plain_background(colours, label)
        background = "none" if coverage is None else "plain"
    square = _framed(colours, coverage, size, label)
    data = square.transpose(2, 0, 1) * np.float32(1 / 255)
    return Observation("image", data, Frame.unit(), name, background)


def _framed(
    colours: NDArray[np.uint8], coverage: NDArray[np.uint8] | None, size: int, label: str
) -> NDArray[np.uint8]:
    """The object on a white square (size, size, 3); without coverage the whole picture."""
    if coverage is None:
        return _centred(colours, max(colours.shape[:2]), size)
    seen = coverage > 127
    if not seen.any():
        raise InputError(f"{label} shows no object: all of it is masked out or transparent.")
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    weight = coverage[box][..., None] / 255
    on_white = np.round(colours[box] * weight + 255 * (1 - weight)).astype(np.uint8)
    return _centred(on_white, max(on_white.shape[:2]) / FILL, size)


def _centred(colours: NDArray[np.uint8], edge: float, size: int) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) in the middle of a white square of `edge` pixels, brought to `size`."""
    height, width = colours.shape[:2]
    room = int(np.ceil(edge)) + 2
    square = np.full((room, room, 3), 255, dtype=np.uint8)
    top, left = (room - height) // 2, (room - width) // 2
    square[top : top + height, left : left + width] = colours
    y, x = top + height / 2 - edge / 2, left + width / 2 - edge / 2
    scaled = Image.fromarray(square).resize(
        (size, size), Image.Resampling.BILINEAR, box=(x, y, x + edge, y + edge)
    )
    return np.array(scaled)


def _coverage_on_plain_background(
    colours: NDArray[np.uint8], label: str
) -> NDArray[np.uint8] | None:
    background = plain_background(colours)
    if background is None:
        return None
    foreground = without_specks(~background)
    if np.count_nonzero(foreground) < max(4, 1e-4 * foreground.size):
        raise InputError(f"{label} is of one colour: no object stands out from the background.")
    return np.where(foreground, 255, 0).astype(np.uint8)


def _colours_and_alpha(
    pixels: NDArray[Any], label: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Any pixels -> RGB (H, W, 3) and, where some of it matters, alpha (H, W), 8 bits each."""
    array = np.asarray(pixels)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or array.size == 0:
        raise InputError(
            f"{label} must be rows of pixels of 1 to 4 channels, not an array of shape "
            f"{np.shape(pixels)}."
        )
    array = _as_bytes(array, label)
    channels = array.shape[2]
    alpha = array[..., -1] if channels in (2, 4) else None
    if alpha is not None and alpha.min() >= _OPAQUE:
        alpha = None
    colours = array[..., :3] if channels >= 3 else array[..., :1].repeat(3, axis=2)
    return np.ascontiguousarray(colours), alpha


def _as_bytes(array: NDArray[Any], label: str) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return (array // 257).astype(np.uint8)
    if array.dtype.kind != "f":
        raise InputError(f"{label} must be of 8 or 16 bits or floats from 0 to 1: {array.dtype}.")
    if not np.isfinite(array).all():
        raise InputError(f"{label} has pixels that are not finite (NaN or infinite).")
    return np.round(np.clip(array, 0, 1) * 255).astype(np.uint8)


def _fitted_mask(mask: NDArray[Any], height: int, width: int, label: str) -> NDArray[np.uint8]:
    array = np.asarray(mask)
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"The mask of {label} must be rows of single values.")
    array = np.ascontiguousarray(_as_bytes(array, f"The mask of {label}"))
    if array.shape == (height, width):
        return array
    if abs(array.shape[1] / array.shape[0] * height / width - 1) > 0.02:
        raise InputError(
            f"The mask of {label} has {array.shape[1]} x {array.shape[0]} pixels, the picture "
            f"{width} x {height}: they must show the same."
        )
    return _resized(array, (width, height))


def _resized(array: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) -> (width, height) = shape, bilinear, averaging where it shrinks."""
    return np.array(Image.fromarray(array).resize(shape, Image.Resampling.BILINEAR))


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_wide_grey(np.array(image))).convert("RGB")
    if image.has_transparency_data:
        if image.mode == "La":
            image = image.convert("LA")
        return image.convert("RGBA")
    return image.convert("RGB")


def _wide_grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey of more than 8 bits (H, W) -> 8, white being the usual largest value of its type."""
    usual = (1.0, 255.0) if values.dtype.kind == "f" else (65535.0,)
    values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    largest = float(values.max(initial=0))
    white = next((value for value in usual if largest <= value), largest)
    return np.round(np.clip(values / white, 0, 1) * 255).astype(np.uint8)
