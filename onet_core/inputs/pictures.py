"""Pictures: files of any kind -> the object, alone on white, the way training pictures show it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy import ndimage

from ..errors import InputError
from ..matting.doubts import doubts_about
from ..sentences import Sentence
from .background import (
    PlainBackground,
    framed,
    opaque_rectangle,
    plain_background,
    without_specks,
)
from .frame import Frame
from .limits import (
    MOST_PIXELS,
    assert_file,
    assert_no_stand_in,
    bounded,
    optional_package,
    unreadable,
)
from .observation import Background, Observation

MINIMUM_EDGE = 8
# Larger pictures are shrunk first: the network sees 224 pixels.
_WORKING_EDGE = 1024
# Below this alpha somewhere, an alpha channel is taken to mean something.
_OPAQUE = 250
# Larger pictures are reduced while they are read.
_READ_WHOLE = 24 * 2**20
# Larger pictures must have at least a byte for this number of pixels, or are all of one colour:
# a smooth object on plain white has one for 140 as PNG, a plain PNG has one for 257 and more. Of
# 16 bits it is half of that.
_CHECKED_FROM, _MOST_PIXELS_A_BYTE = 24 * 2**20, 250
# What Pillow may take a file for, whatever its name. It has readers that start other programs, such
# as Ghostscript. The first ones are loaded in any case.
_COMMON = ("PNG", "JPEG", "GIF", "BMP", "DIB", "PPM")
_OTHERS = ("WEBP", "AVIF", "HEIF", "TIFF", "TGA", "JPEG2000", "ICO")
# What we allow is checked in `_decode`, with a sentence of ours.
Image.MAX_IMAGE_PIXELS = None
_HEAD = 64
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_ORIENTATION = 0x0112
# Quarter turns to the left, after mirroring left and right where the second is true.
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (1, True), 6: (3, False), 7: (3, True),
          8: (1, False)}  # fmt: skip

# What a picture is called in messages.
Label = str | Sentence
# Colours (H, W, 3) -> where they show the object, (H, W), 255 is object.
Cutter = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """A picture's pixels (H, W, 3), or (H, W, 4) if it has transparency, turned upright by EXIF.

    Palettes, grey, 16-bit, CMYK and all else that Pillow reads become 8-bit RGB; of an animation
    the first frame is read. Pictures beyond 24 megapixels come back reduced. Raises InputError for
    files that are missing, damaged, too large or no pictures.
    """
    path = Path(path)
    assert_file(path)
    return _decode(path, path.name)


def decode_picture(content: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """`read_picture` for the bytes of a file, (N,)."""
    return _decode(io.BytesIO(content.tobytes()), name)


def opened(file: Path | io.BytesIO) -> Image.Image:
    """Image.open for the kinds of files that are read here; raises what that raises."""
    try:
        return Image.open(file, formats=_COMMON)
    except Image.UnidentifiedImageError:
        Image.init()
        return Image.open(file, formats=[name for name in _OTHERS if name in Image.OPEN])


def quarter_turns(content: NDArray[np.uint8]) -> tuple[int, bool]:
    """How EXIF turns the bytes of a file: quarter turns to the left, after mirroring or not."""
    try:
        with opened(io.BytesIO(content.tobytes())) as image:
            return _TURNS.get(image.getexif().get(_ORIENTATION, 1), (0, False))
    except Exception:  # whoever decodes the picture says what is wrong with it
        return 0, False


def turned_like(mask: NDArray[Any], content: NDArray[np.uint8]) -> NDArray[Any]:
    """A mask (H, W) that was painted over a picture as it lies in its file, turned by its EXIF."""
    turns, mirrored = quarter_turns(content)
    return np.rot90(mask[:, ::-1] if mirrored else mask, turns)


def _decode(file: Path | io.BytesIO, name: str) -> NDArray[np.uint8]:
    _prepare_for(file, name)
    try:
        with warnings.catch_warnings(), opened(file) as image:
            # Pillow warns of files with odd pieces that it can read.
            warnings.simplefilter("ignore")
            pixels = bounded(name, "pixels", image.width * image.height, MOST_PIXELS)
            # With opacity they take a third more.
            bounded(name, "numbers", pixels * len(image.getbands()), 3 * MOST_PIXELS)
            size = len(file.getvalue()) if isinstance(file, io.BytesIO) else file.stat().st_size
            most = _MOST_PIXELS_A_BYTE // _bytes_a_number(image)
            if pixels > _CHECKED_FROM and pixels > most * size:
                raise InputError(
                    "{name} claims {pixels:,} pixels in {size:,} bytes; of that many at most "
                    "{most} a byte are read.",
                    name=name, pixels=pixels, size=size, most=most,
                )  # fmt: skip
            return np.array(_as_rgb(ImageOps.exif_transpose(_reduced(image))))
    except InputError:
        raise
    except Exception as error:  # Pillow's readers raise whatever a damaged file makes them raise
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if isinstance(error, Image.UnidentifiedImageError):
            raise InputError(
                "{name} can't be read as a picture: its content is of no known kind.", name=name
            ) from error
        raise InputError(
            "{name} can't be read as a picture: {reason}.", name=name, reason=detail.rstrip(".")
        ) from error


def _bytes_a_number(image: Image.Image) -> int:
    """1, or 2 where a picture that is not decoded yet has 16 bits, whatever it is read as."""
    stored = [image.mode, *map(str, getattr(image, "tile", ()))]
    return 2 if any(";16" in one for one in stored) else 1


def _prepare_for(file: Path | io.BytesIO, name: str) -> None:
    """Has Pillow read HEIC where this is one; InputError for web pages and archives."""
    try:
        if isinstance(file, io.BytesIO):
            head = file.getvalue()[:_HEAD]
        else:
            with file.open("rb") as opened:
                head = opened.read(_HEAD)
    except OSError as error:
        raise unreadable(Path(name), error) from error
    assert_no_stand_in(head, name)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        optional_package("pillow_heif", "pillow-heif", name).register_heif_opener()


def _reduced(image: Image.Image) -> Image.Image:
    """Very large pictures at a whole fraction of their size, before they are made RGB."""
    if image.width * image.height <= _READ_WHOLE:
        return image
    factor = max(image.size) // (2 * _WORKING_EDGE)
    size = (max(1, image.width // factor), max(1, image.height // factor))
    exif = image.getexif()
    # JPEG's decoder can do it by itself, at a part of the memory.
    image.draft(None, size)
    factor = max(image.size) // (2 * _WORKING_EDGE)
    if factor < 2:
        return image
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
        reduced = image.reduce(factor)
    else:
        reduced = image.resize(size, Image.Resampling.NEAREST)
    reduced.info["exif"] = exif.tobytes()
    return reduced


def read_mask(path: str | Path) -> NDArray[np.uint8]:
    """A mask (H, W) from a picture: its alpha if it has any, else its brightness; 255 is object."""
    return mask_of_pixels(read_picture(path))


def mask_of_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`read_mask` for the pixels of `read_picture`."""
    if pixels.shape[2] == 4 and pixels[..., 3].min() < _OPAQUE:
        return pixels[..., 3]
    return np.array(Image.fromarray(np.ascontiguousarray(pixels[..., :3])).convert("L"))


def write_mask(mask: NDArray[np.uint8], path: Path) -> None:
    """Writes a mask (H, W) as PNG, for `read_mask`; raises OSError."""
    Image.fromarray(mask).save(path, format="PNG")


def thumbnail(pixels: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """Pixels (H, W, 3 or 4) with opacity (H, W, 4), made smaller where a side is above `edge`."""
    image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGBA")
    image.thumbnail((edge, edge))
    return np.array(image)


def prepare_picture(
    pixels: NDArray[Any],
    mask: NDArray[Any] | None = None,
    size: int = 224,
    name: str = "",
    cutter: Cutter | None = None,
) -> Observation:
    """Pixels -> an observation (3, size, size): the object on white, centred, filling the frame.

    pixels: (H, W), (H, W, 1 to 4), with alpha last if 2 or 4; 8 or 16 bit, or floats from 0 to 1.
    mask: (H, W), object where above half; may be of another size if the aspect is the same.

    cutter: what finds the object where nothing else does, see `matting`; None for nothing.

    The background is what the mask leaves out, else what is transparent, else a plain background
    (see `plain_background`), else what the cutter leaves out. Where there is a cutter, an uneven
    background is left to it too, and where the plain one leaves an odd mask, the cutter's is taken
    if that is less odd. A picture without any of these is taken whole, with white beside it where
    it is not square. The frame is the unit cube with z up:
    a picture has no place in space. Raises InputError for pictures smaller than 8 pixels and where
    no object is left.
    """
    label = name or Sentence("The picture")
    colours, alpha = _colours_and_alpha(pixels, label)
    height, width = colours.shape[:2]
    if min(height, width) < MINIMUM_EDGE:
        raise InputError(
            "{name} has only {width} x {height} pixels: at least {least} are needed each "
            "way, a hundred are good.",
            name=label,
            width=width,
            height=height,
            least=MINIMUM_EDGE,
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
    doubts: tuple[Sentence, ...] = ()
    if coverage is None:
        coverage, background, doubts = _separated(colours, cutter, label)
    notes: tuple[Sentence, ...] = ()
    if coverage is not None and background == "transparent":
        inside = _coverage_in_a_frame(colours, coverage)
        if inside is not None:
            coverage, background = inside, "plain"
            notes = (
                Sentence(
                    "The opaque part is a whole rectangle, so its plain background was removed "
                    "too; a mask says otherwise"
                ),
            )
    if coverage is not None and not (coverage > 127).any():
        raise InputError(
            "{name} shows no object: all of it is masked out or transparent.", name=label
        )
    square = framed(colours, coverage, size)
    data = square.transpose(2, 0, 1) * np.float32(1 / 255)
    if coverage is not None:
        doubts = (*doubts, *doubts_about(coverage))
    return Observation(
        "image", data, Frame.unit(), name, background, notes, mask=coverage, doubts=doubts
    )


def _separated(
    colours: NDArray[np.uint8], cutter: Cutter | None, label: Label
) -> tuple[NDArray[np.uint8] | None, Background, tuple[Sentence, ...]]:
    """Where a picture shows its object, see `prepare_picture`, how that was found, and doubts."""
    plain = plain_background(colours)
    if cutter is not None and (plain is None or not plain.is_even):
        return _cut_out(cutter, colours, label), "cut_out", ()
    if plain is None:
        return None, "none", ()
    coverage = _coverage_on(plain, label)
    if cutter is not None and doubts_about(coverage):
        # A room or a wall can be plain in most places: what is left is odd then.
        other = cutter(colours)
        if (other > 127).any() and len(doubts_about(other)) < len(doubts_about(coverage)):
            return other, "cut_out", ()
    if plain.is_even:
        return coverage, "plain", ()
    uneven = Sentence(
        "The background is uneven, so some of it may pass for the object: cut the object out, or "
        "give a mask"
    )
    return coverage, "plain", (uneven,)


def _cut_out(cutter: Cutter, colours: NDArray[np.uint8], label: Label) -> NDArray[np.uint8]:
    """Where the cutter sees the object; InputError where it sees none."""
    coverage = cutter(colours)
    if np.count_nonzero(coverage > 127) < max(4, 1e-4 * coverage.size):
        raise InputError(
            "No object was found in {name}: give a mask, or turn Cut Out off to take all of it.",
            name=label,
        )
    return np.where(without_specks(coverage > 127) | (coverage <= 127), coverage, 0).astype(
        np.uint8
    )


def _coverage_in_a_frame(
    colours: NDArray[np.uint8], alpha: NDArray[np.uint8]
) -> NDArray[np.uint8] | None:
    """The object on a plain background inside a transparent frame, (H, W); None for any other.

    A few transparent pixels, rounded corners and a narrow border say nothing about the object.
    """
    box = opaque_rectangle(alpha)
    if box is None:
        return None
    inside = alpha[box]
    background = plain_background(colours[box])
    if inside.shape == alpha.shape and _is_opaque_around(alpha) and alpha.min() <= 127:
        # Transparent in the middle only: the alpha is the wrong way round, or a mistake.
        foreground = without_specks(inside <= 127 if background is None else ~background.pixels)
        return np.where(foreground, 255, 0).astype(np.uint8) if foreground.any() else None
    if background is None:
        return None
    whole = ndimage.binary_erosion(inside >= _OPAQUE, iterations=2, border_value=1)
    foreground = without_specks(~background.pixels & whole)
    if np.count_nonzero(foreground) < max(4, 1e-4 * foreground.size):
        return None
    coverage = np.zeros_like(alpha)
    coverage[box] = np.where(foreground, 255, 0)
    return coverage


def _is_opaque_around(alpha: NDArray[np.uint8]) -> bool:
    """Whether the whole border of (H, W) is opaque."""
    return bool(min(alpha[0].min(), alpha[-1].min(), alpha[:, 0].min(), alpha[:, -1].min()) > 127)


def _coverage_on(background: PlainBackground, label: Label) -> NDArray[np.uint8]:
    """Where a picture shows something else than its background; InputError where it is nothing."""
    foreground = without_specks(~background.pixels)
    if np.count_nonzero(foreground) < max(4, 1e-4 * foreground.size):
        raise InputError(
            "{name} is of one colour: no object stands out from the background.", name=label
        )
    return np.where(foreground, 255, 0).astype(np.uint8)


def _colours_and_alpha(
    pixels: NDArray[Any], label: Label
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Any pixels -> RGB (H, W, 3) and, where some of it matters, alpha (H, W), 8 bits each."""
    array = np.asarray(pixels)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or array.size == 0:
        raise InputError(
            "{name} must be rows of pixels of 1 to 4 channels, not an array of shape {shape}.",
            name=label,
            shape=np.shape(pixels),
        )
    array = _as_bytes(array, label)
    channels = array.shape[2]
    alpha = array[..., -1] if channels in (2, 4) else None
    if alpha is not None and alpha.min() >= _OPAQUE:
        alpha = None
    colours = array[..., :3] if channels >= 3 else array[..., :1].repeat(3, axis=2)
    return np.ascontiguousarray(colours), alpha


def _as_bytes(array: NDArray[Any], label: Label) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return (array // 257).astype(np.uint8)
    if array.dtype.kind != "f":
        raise InputError(
            "{name} must be of 8 or 16 bits or floats from 0 to 1: {dtype}.",
            name=label,
            dtype=array.dtype,
        )
    if not np.isfinite(array).all():
        raise InputError("{name} has pixels that are not finite (NaN or infinite).", name=label)
    return np.round(np.clip(array, 0, 1) * 255).astype(np.uint8)


def _fitted_mask(mask: NDArray[Any], height: int, width: int, label: Label) -> NDArray[np.uint8]:
    array = np.asarray(mask)
    if array.ndim != 2 or array.size == 0:
        raise InputError("The mask of {name} must be rows of single values.", name=label)
    array = np.ascontiguousarray(_as_bytes(array, Sentence("The mask of {name}", name=label)))
    if array.shape == (height, width):
        return array
    if abs(array.shape[1] / array.shape[0] * height / width - 1) > 0.02:
        raise InputError(
            "The mask of {name} has {mask_width} x {mask_height} pixels, the picture {width} x "
            "{height}: they must show the same.",
            name=label,
            mask_width=array.shape[1],
            mask_height=array.shape[0],
            width=width,
            height=height,
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
