"""Retrieval by pictures: the training shape with a view that looks most like the input.

By plain pixels, or by the code that the measured network itself makes of a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from onet_core.errors import InputError, ModelError
from onet_core.models.encoders import ImageEncoder
from onet_core.models.layers import resized
from onet_core.models.pictures.pair import PicturePair

from ...data.observations import list_views, read_view
from ..protocol import spread

Picture = NDArray[np.float32]
Features = Callable[[Picture], NDArray[np.float32]]
PIXELS = 32
# Views of each training shape that are compared with the input, of the 24 there may be.
VIEWS = 6


def pixel_features(picture: Picture) -> NDArray[np.float32]:
    """A picture (3, S, S) as 32 x 32 colours in a row."""
    small = functional.interpolate(
        torch.from_numpy(picture)[None], (PIXELS, PIXELS), mode="bilinear", antialias=True
    )
    return small.numpy().ravel()


def code_features(network: nn.Module) -> Features:
    """The network's code of a picture, of length 1. Raises ModelError where it makes none."""
    encoder = next((part for part in network.modules() if isinstance(part, ImageEncoder)), None)
    if encoder is None:
        raise ModelError("The network has no code of a picture, by which it could be compared.")
    device = next(encoder.parameters()).device
    # Of a pair, the encoder that learned to make a code reads a smaller picture than the pair.
    size = network.planes_size if isinstance(network, PicturePair) else None

    def features(picture: Picture) -> NDArray[np.float32]:
        given = torch.from_numpy(picture)[None].to(device)
        with torch.no_grad():
            code = encoder(given if size is None else resized(given, size))
        return functional.normalize(code)[0].cpu().numpy()

    return features


class PictureIndex:
    """Features of some views of every training shape. Fill it with `add`."""

    def __init__(self, features: Features, image_size: int) -> None:
        self.features = features
        self.image_size = image_size
        self.shapes: list[tuple[str, str]] = []
        self._views: list[NDArray[np.float32]] = []
        self._owners: list[int] = []

    def add(self, category: str, name: str, folder: Path) -> None:
        """Takes up one shape. Raises InputError where its pictures are missing or damaged."""
        count = len(list_views(folder))
        views = [
            self.features(read_view(folder, self.image_size, view)) for view in spread(count, VIEWS)
        ]
        self._owners += [len(self.shapes)] * len(views)
        self._views += views
        self.shapes.append((category, name))

    def nearest(self, picture: Picture) -> tuple[str, str]:
        """(category, name) of the shape with the view nearest to a picture (3, S, S)."""
        if not self._views:
            raise InputError("There are no training pictures to find the nearest of.")
        distance = np.linalg.norm(np.stack(self._views) - self.features(picture), axis=1)
        return self.shapes[self._owners[int(distance.argmin())]]
