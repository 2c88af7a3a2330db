"""Where a picture shows its object, and the object alone on a white square."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

# Steps of 255, in any channel, by which a background may differ from an even gradient: as much as
# its own noise along the border asks for, within these. The lower one keeps light objects on white
# whole, the upper one allows for coarse JPEG; few objects are as near to their background.
TOLERANCES = (5, 20)
# Differences that are no noise are larger than nine in ten of the border's, times this.
_APART = 2.5
# Share of the border that must be background; the object may be cut off along the rest.
BORDER_SHARE = 0.6
# From here on a background counts as white.
WHITE = 240
# Pixels of a JPEG block and one more.
FRINGE = 9
# Parts and holes smaller than this share of the object are dust, or spots of it.
SPECK = 0.005
# An opaque part that fills so much of its bounding box is a picture with a frame, not an object.
RECTANGLE = 0.93
# Share of the frame that the longer side of the object's bounding box takes: the median and mean
# over 1,500 of the rendered views that the picture networks learn from (1 % to 99 %: 0.67 to 0.88).
FILL = 0.8


class PlainBackground(NamedTuple):
    """pixels: (H, W), true where the background is.
    is_even: whether it differs from its gradient by less along the border than an object has to.
    Else some of it passes for the object, as of a room whose wall and floor are alike.
    """

    pixels: NDArray[np.bool_]
    is_even: bool


def plain_background(colours: NDArray[np.uint8]) -> PlainBackground | None:
    """The background of a picture (H, W, 3), or None if it has no plain one.

    Plain means: along most of the border the colour follows one even gradient. The background are
    all pixels that follow it too: those that can be reached from the border, and the holes through
    an object. Small spots inside an object stay part of it.
    """
    height, width = colours.shape[:2]
    rows, columns = np.indices((height, width), dtype=np.float64)
    position = np.stack([np.ones_like(rows), rows / height - 0.5, columns / width - 0.5], axis=-1)
    border = np.ones((height, width), dtype=bool)
    border[1:-1, 1:-1] = False
    around, place = colours[border].astype(np.float64), position[border]

    gradient = np.zeros((3, 3))
    gradient[0] = np.median(around, axis=0)
    loosest = TOLERANCES[1]
    for _ in range(10):
        # What the object covers of the border drops out as the fit sharpens.
        fits = np.abs(around - place @ gradient).max(axis=1) <= 2 * loosest
        if np.count_nonzero(fits) < max(3, BORDER_SHARE * len(around)):
            return None
        previous = gradient
        gradient = np.linalg.lstsq(place[fits], around[fits], rcond=None)[0]
        if np.abs(gradient - previous).max() < 0.1:
            break
    noise = np.quantile(np.abs(around - place @ gradient).max(axis=1)[fits], 0.9)
    wanted = _APART * noise
    tolerance = np.clip(wanted, *TOLERANCES)
    difference = np.abs(colours - position @ gradient).max(axis=-1)
    differs = difference > tolerance
    if gradient[0].min() < WHITE:
        # JPEG leaves a fringe around an object. On white it does no harm, on anything else it would
        # show: there, what differs little from the background must be wider than a fringe.
        faint = differs & (difference <= loosest)
        areas = ndimage.binary_opening(faint, structure=np.ones((FRINGE, FRINGE)))
        differs &= areas | ~faint
    similar = ~differs
    if np.count_nonzero(similar & border) < BORDER_SHARE * len(around):
        return None
    outside = ndimage.binary_propagation(similar & border, mask=similar)
    # Patterns and dithering have gaps of the background's colour, too, but no open areas of it.
    holes = ndimage.binary_opening(similar & ~outside, structure=np.ones((3, 3)))
    holes = _large_parts(holes, int(np.count_nonzero(~outside)))
    return PlainBackground(outside | holes, bool(wanted <= loosest))


def opaque_rectangle(alpha: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    """The rows and columns of the opaque part of (H, W) where that is a rectangle; None else.

    A rectangle may have rounded corners. A picture that is opaque all along its border counts as
    one: transparency inside is then a mistake, or an alpha channel the wrong way round.
    """
    opaque = alpha > 127
    if not opaque.any():
        return None
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    border = np.concatenate([opaque[0], opaque[-1], opaque[:, 0], opaque[:, -1]])
    return box if border.all() or opaque[box].mean() >= RECTANGLE else None


def without_specks(foreground: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drops the connected parts of (H, W) that are tiny beside all of it."""
    return _large_parts(foreground, int(np.count_nonzero(foreground)))


def _large_parts(mask: NDArray[np.bool_], whole: int) -> NDArray[np.bool_]:
    """The connected parts of a mask (H, W) that have at least the share SPECK of `whole` pixels."""
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel())
    return (areas >= SPECK * whole)[labels] & mask


def framed(
    colours: NDArray[np.uint8], coverage: NDArray[np.uint8] | None, size: int
) -> NDArray[np.uint8]:
    """The object on a white square (size, size, 3); without coverage the whole picture."""
    if coverage is None:
        return _centred(colours, max(colours.shape[:2]), size)
    seen = coverage > 127
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    weight = coverage[box][..., None] / 255
    on_white = np.round(colours[box] * weight + 255 * (1 - weight)).astype(np.uint8)
    return _centred(on_white, max(on_white.shape[:2]) / FILL, size)


def framed_mask(mask: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Where the picture (size, size) of `prepare_picture` shows the object.

    mask: (H, W), the observation's.
    """
    dark = np.zeros((*mask.shape, 3), dtype=np.uint8)
    seen: NDArray[np.bool_] = framed(dark, mask, size)[..., 0] < 128
    return seen


def enlargement(mask: NDArray[np.uint8], size: int) -> float:
    """How many pixels of the picture (size, size) of `prepare_picture` one pixel became.

    mask: (H, W), the observation's.
    """
    seen = mask > 127
    longest = max(np.ptp(np.flatnonzero(seen.any(axis))) + 1 for axis in (0, 1))
    return float(size * FILL / longest)


def shown_in(
    picture: NDArray[np.float32], mask: NDArray[np.uint8] | None = None
) -> NDArray[np.bool_] | None:
    """Where a picture (3, S, S) in [0, 1] shows its object, (S, S); None where nothing tells.

    mask: see `framed_mask`; without one its background is what is plain.
    """
    if mask is not None:
        shown = framed_mask(mask, picture.shape[-1])
    else:
        background = plain_background((picture.transpose(1, 2, 0) * 255).round().astype(np.uint8))
        if background is None:
            return None
        shown = ~background.pixels
    return shown if shown.any() else None


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
