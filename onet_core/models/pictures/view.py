"""Where a picture was taken from, as its network estimates it. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PictureView:
    """The camera of a picture, around the network's frame, and how sure the network is.

    azimuth: degrees about the vertical, 0 behind the object (+z), 180 in front of it (-z).
    elevation: degrees above the horizon; the camera stands upright and looks at the origin.
    distance: from the origin, in longest edges of the object.
    focal: focal length, in edges of the square picture that the network read.
    x, y: where the origin is seen, 0 to 1 from left to right and from top to bottom.
    confidence: the IoU with the true shape that the network expects, 0 to 1.
    """

    azimuth: float
    elevation: float
    distance: float
    focal: float
    x: float
    y: float
    confidence: float

    @classmethod
    def of_numbers(cls, numbers: Sequence[float], confidence: float) -> PictureView:
        """From the six numbers of `camera.PictureCamera`."""
        azimuth, elevation, x, y, log_scale, nearness = numbers
        distance = 1 / nearness
        return cls(
            azimuth=math.degrees(azimuth) % 360,
            elevation=math.degrees(elevation),
            distance=distance,
            focal=math.exp(log_scale) * distance / 2,
            x=(x + 1) / 2,
            y=(y + 1) / 2,
            confidence=confidence,
        )
