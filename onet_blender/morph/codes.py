"""Latent codes as text: a text property of any length is saved, copied and linked by Blender."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from onet_core.errors import InputError


def code_text(code: ArrayLike) -> str:
    """The numbers (D,) in single precision, little-endian, as base64."""
    return base64.b64encode(np.asarray(code, dtype="<f4").tobytes()).decode("ascii")


def code_of(text: str) -> NDArray[np.float32]:
    """The numbers of `code_text`. Raises InputError where the text is no such."""
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    except (binascii.Error, ValueError) as error:
        raise InputError("The object's latent code is damaged: generate it again.") from error


def stacked(texts: Sequence[str]) -> NDArray[np.float32]:
    """The codes (K, D) of the shapes that a morph goes through.

    Raises InputError where they are damaged or of models that differ.
    """
    codes = [code_of(text) for text in texts]
    if not codes or not codes[0].size or len({code.shape for code in codes}) > 1:
        raise InputError(
            "The shapes of the morph don't belong together: their codes differ in length."
        )
    joined = np.stack(codes)
    if not np.isfinite(joined).all():
        raise InputError("The object's latent code is damaged: generate it again.")
    return joined
