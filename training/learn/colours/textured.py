"""Colours for all of a mesh from one picture: seen, mirrored, else as the texture field says."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from onet_core.models.layers import in_one_thread
from onet_core.models.pictures.painting import Look, from_nearest

from .candidates import candidates
from .network import PICTURE, TextureConfig, TextureField

# The mean of many likely colours has the least error but tints what is sure: training/recipes/
# texture.md.
_SHARPNESS = 2.0
# Of finer meshes the others take the nearest of these places' colours.
_MOST_ASKED, _AT_ONCE = 40_000, 4096


def textured(
    look: Look,
    normals: NDArray[np.float64],
    picture: NDArray[np.uint8],
    shown: NDArray[np.bool_],
    weights: Path,
) -> NDArray[np.float64]:
    """Colours (V, 3), 0 to 255, of a look whose vertices have the normals (V, 3).

    picture: (S, S, 3). shown: (S, S), where it shows the object.
    """
    # What the mirror image shows is sure, where the object is alike to the left and to the right.
    made, is_made = look.blended()
    hidden = np.flatnonzero(~is_made)
    if len(hidden) > _MOST_ASKED:
        hidden = np.random.default_rng(0).choice(hidden, _MOST_ASKED, replace=False)
    if len(hidden):
        field = load_texture_field(weights)
        small = torch.from_numpy(small_picture(picture, shown).transpose(2, 0, 1)).float() / 255
        found = candidates(look, normals, hidden)
        known = [torch.from_numpy(part) for part in (found.places, found.about, found.colours)]
        with torch.no_grad(), in_one_thread(small):
            for start in range(0, len(hidden), _AT_ONCE):
                parts = [part[None, start : start + _AT_ONCE] for part in known]
                colours = field(small[None], *parts, _SHARPNESS)[0].double().numpy()
                made[hidden[start : start + _AT_ONCE]] = colours * 255
    is_made[hidden] = True
    return from_nearest(look.vertices, made, is_made, 1)


@lru_cache(maxsize=2)
def load_texture_field(path: Path) -> TextureField:
    """The field of a file that `training.learn.colours` has written."""
    with safe_open(str(path), framework="pt") as file:
        config = json.loads(file.metadata()["config"])
    field = TextureField(TextureConfig(**config))
    field.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return field.eval()


def small_picture(picture: NDArray[np.uint8], shown: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(PICTURE, PICTURE, 4) of a picture (S, S, 3) and where it shows the object (S, S)."""
    bands = [*picture.transpose(2, 0, 1), np.where(shown, 255, 0).astype(np.uint8)]
    size = (PICTURE, PICTURE)
    box = Image.Resampling.BOX
    small = [Image.fromarray(np.ascontiguousarray(band)).resize(size, box) for band in bands]
    return np.dstack([np.asarray(band) for band in small])
