"""Colours for all of a mesh from one picture: seen, mirrored, else as the texture field says."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from ....mesh.mesh import Mesh
from ....mesh.normals import face_based_normals
from ...layers import in_one_thread
from ...weights import load_by_config
from ..painting import Look, from_nearest, look_at, not_white
from ..view import PictureView
from .candidates import candidates
from .network import PICTURE, TextureConfig, TextureField

WEIGHTS = Path(__file__).with_name("weights.safetensors")

# Places next to each other choose differently, which is seen as patches: each takes the mean of so
# many around it; perpendicular normals are as far apart as the other says, in longest edges.
_NEIGHBOURS, _TURNED = 48, 0.07
# Of finer meshes the others take the nearest of these places' colours.
_MOST_ASKED, _AT_ONCE = 20_000, 4096


def painted(
    mesh: Mesh,
    picture: NDArray[np.uint8],
    view: PictureView | None = None,
    shown: NDArray[np.bool_] | None = None,
    enlarged: float = 1.0,
) -> NDArray[np.uint8]:
    """Colours (V, 3) for a mesh, z up and its front towards -y, around the network's origin.

    picture, view, shown, enlarged, errors: see `painting.look_at`.
    """
    shown = not_white(picture) if shown is None else shown
    look = look_at(mesh, picture, view, shown, enlarged)
    normals = face_based_normals(look.vertices, mesh.faces)
    return np.rint(np.clip(textured(look, normals, picture, shown), 0, 255)).astype(np.uint8)


def textured(
    look: Look,
    normals: NDArray[np.float64],
    picture: NDArray[np.uint8],
    shown: NDArray[np.bool_],
    weights: Path = WEIGHTS,
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
                colours = field(small[None], *parts)[0].double().numpy()
                made[hidden[start : start + _AT_ONCE]] = colours * 255
        if field.config.spread:
            space = np.hstack([look.vertices, normals * (_TURNED / np.sqrt(2))])[hidden]
            made[hidden] = _smoothed(made[hidden], space, field.config.spread)
    is_made[hidden] = True
    return from_nearest(look.vertices, made, is_made, 1)


def _smoothed(
    colours: NDArray[np.float64], space: NDArray[np.float64], spread: float
) -> NDArray[np.float64]:
    """Colours (H, 3) of places (H, D), each the mean of those around it by a Gaussian."""
    count = min(_NEIGHBOURS, len(space))
    away, which = (found.reshape(-1, count) for found in cKDTree(space).query(space, count))
    weights = np.exp(-((away / spread) ** 2) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    smoothed: NDArray[np.float64] = np.einsum("hn,hnc->hc", weights, colours[which])
    return smoothed


@lru_cache(maxsize=2)
def load_texture_field(path: Path) -> TextureField:
    """The field of a file that `training.learn.colours` has written. Raises ModelError."""
    return load_by_config(path, lambda config: TextureField(TextureConfig(**config)))


def small_picture(picture: NDArray[np.uint8], shown: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(PICTURE, PICTURE, 4) of a picture (S, S, 3) and where it shows the object (S, S)."""
    bands = [*picture.transpose(2, 0, 1), np.where(shown, 255, 0).astype(np.uint8)]
    size = (PICTURE, PICTURE)
    box = Image.Resampling.BOX
    small = [Image.fromarray(np.ascontiguousarray(band)).resize(size, box) for band in bands]
    return np.dstack([np.asarray(band) for band in small])
