"""What is odd about a mask, so that the mesh may not be what was wanted: said, never guessed at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..sentences import Sentence

# Parts of the mask of at least this share of the largest are objects of their own: of fitted views
# of 172 validation shapes one has a second one, a tuft of grass.
_OBJECT = 0.25
# Along this share of its own width or height an object is cut off by the picture's border.
_CUT = 0.15
# Fewer pixels along the longer side show no form.
_SMALL = 32
# The mask covers so much of the picture's border, or of all of it.
_AROUND, _ALL = 0.95, 0.97


def doubts_about(mask: NDArray[np.uint8]) -> tuple[Sentence, ...]:
    """Why a mask (H, W), 255 is object, may show something else than one whole object."""
    shown = mask > 127
    border = np.concatenate([shown[0], shown[-1], shown[1:-1, 0], shown[1:-1, -1]])
    if not shown.any():
        return ()
    if shown.mean() >= _ALL:
        return (
            Sentence("The mask covers the whole picture: make it white only where the object is"),
        )
    if border.mean() >= _AROUND:
        return (
            Sentence(
                "The mask leaves out the middle and shows what is around it: invert it if it is "
                "the wrong way round"
            ),
        )
    found = []
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    height, width = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    if max(height, width) < _SMALL:
        found.append(
            Sentence(
                "The object has only {width} x {height} pixels: take a larger picture, a hundred "
                "are good",
                width=width,
                height=height,
            )
        )
    count = _objects(shown)
    if count > 1:
        found.append(
            Sentence(
                "The picture shows {count} separate things, which become one mesh: mask all but "
                "one",
                count=count,
            )
        )
    across = max(shown[:, 0].sum(), shown[:, -1].sum()) / height
    along = max(shown[0].sum(), shown[-1].sum()) / width
    if max(across, along) >= _CUT:
        found.append(
            Sentence(
                "The object is cut off at the border: what is beyond it is guessed, so take a "
                "picture of all of it"
            )
        )
    return tuple(found)


def _objects(shown: NDArray[np.bool_]) -> int:
    """How many large parts a mask has."""
    labels, _ = ndimage.label(shown, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel())[1:]
    return int(np.count_nonzero(areas >= _OBJECT * areas.max()))
