"""A texture field as a way to colour a mesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from ...learn.colours.candidates import candidates, hidden_in
from ...learn.colours.examples import small_picture
from ...learn.colours.network import TextureField
from .ways import Given

_AT_ONCE = 4096


class Textured:
    """What is seen from the picture, what is hidden from a texture field: a `Way`."""

    def __init__(self, weights: Path) -> None:
        self._network = TextureField().eval()
        state = {name: value.float() for name, value in load_file(weights).items()}
        self._network.load_state_dict(state)

    @torch.no_grad()
    def __call__(self, given: Given) -> NDArray[np.float64]:
        """See `Way`."""
        look = given.look
        made, hidden = look.blended()[0], np.flatnonzero(hidden_in(look))
        small = small_picture(given.picture, given.shown).transpose(2, 0, 1)
        picture = torch.from_numpy(small / np.float32(255))[None]
        for start in range(0, len(hidden), _AT_ONCE):
            asked = hidden[start : start + _AT_ONCE]
            found = candidates(look, given.normals, asked)
            parts = (found.places, found.about, found.colours)
            colours = self._network(picture, *(torch.from_numpy(part)[None] for part in parts))
            made[asked] = colours[0].numpy() * 255.0
        return made
