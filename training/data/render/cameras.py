"""Random cameras around a shape, as in the renders of the original or fitted to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SIZE = 137

# What a build can ask for, and what it means.
CAMERA_STYLES = {
    "fitted": "heights and distances of photographs, the frame moved onto the shape",
    "choy": "25 to 30 degrees high, one lens, the middle of the shape in the middle",
    "level": "fitted from eye level, 5 degrees below to 15 above, lenses of 24 to 100 mm",
}
# The renders of Choy et al. 2016: a 35 mm lens on a sensor 32 mm wide, from 65 % to 100 % of a
# distance of 1.75 diagonals of the shape's box (their shapes had a diagonal of 1).
_CHOY_FOCAL = 35 / 32 * SIZE
_CHOY_DISTANCE = 1.75
# At these distances a lens of 36 mm shows a shape as large as pictures of it are fitted, and the
# nearest that a camera comes to one, in longest edges.
_SENSOR_DISTANCE, _NEAREST = 1 / 0.8, 1.1


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera of a rendered view.

    world: (3, 4), network frame -> camera (x right, y down, z forward).
    intrinsic: (3, 3).

    intrinsic @ world @ (x, y, z, 1), divided by its last entry, is in pixels, from (0, 0) at the
    picture's upper left corner to (SIZE, SIZE).
    """

    world: NDArray[np.float64]
    intrinsic: NDArray[np.float64]

    @property
    def axes(self) -> NDArray[np.float64]:
        """(3, 3): the directions right, down and forward in the network's frame."""
        return self.world[:, :3]

    @property
    def eye(self) -> NDArray[np.float64]:
        """(3,): where the camera is in the network's frame."""
        return -self.axes.T @ self.world[:, 3]

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Pixels (N, 2) of points (N, 3) in the network's frame."""
        seen = (points @ self.world[:, :3].T + self.world[:, 3]) @ self.intrinsic.T
        return seen[:, :2] / seen[:, 2:]

    def rays(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """Unit directions (N, 3) in the network's frame in which pixels (N, 2) are seen."""
        ones = np.ones((len(pixels), 1))
        directions = np.hstack([pixels, ones]) @ np.linalg.inv(self.intrinsic).T @ self.axes
        return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def draw_camera(
    vertices: NDArray[np.floating], rng: np.random.Generator, style: str = "fitted"
) -> Camera:
    """A camera of one of CAMERA_STYLES; it looks at the origin and sees the vertices (V, 3)."""
    azimuth = rng.random() * 2 * np.pi
    if style == "choy":
        degrees = 25 + 5 * rng.random()
        diagonal = float(np.linalg.norm(np.ptp(vertices, axis=0)))
        distance = (0.65 + 0.35 * rng.random()) * _CHOY_DISTANCE * diagonal
    elif style == "level":
        degrees = -5 + 20 * rng.random()
        lens = 24 + 76 * rng.random()
        distance = max(_NEAREST, lens / 36 * _SENSOR_DISTANCE)
    else:
        # Half of the views are from the heights of the original's renders, half from lower and
        # higher ones, as photographs are.
        usual = rng.random() < 0.5
        degrees = 25 + 5 * rng.random() if usual else 5 + 40 * rng.random()
        distance = 1.3 + 1.5 * rng.random()
    elevation = np.radians(degrees)
    if style == "choy":
        return _camera(azimuth, elevation, distance, _CHOY_FOCAL, np.full(2, SIZE / 2))
    # The frame is moved and scaled onto the shape, with some play, as a user's picture is
    # fitted to its object. So the principal point is not in the middle.
    share = 0.8 + 0.14 * (rng.random() - 0.5)
    shift = 0.08 * (rng.random(2) - 0.5)
    return fitted_camera(vertices, azimuth, elevation, distance, share, shift)


def fitted_camera(
    vertices: NDArray[np.floating],
    azimuth: float,
    elevation: float,
    distance: float,
    share: float = 0.8,
    shift: ArrayLike = (0.0, 0.0),
) -> Camera:
    """A camera that looks at the origin, its frame moved and scaled onto the vertices (V, 3).

    azimuth, elevation: radians, 0 at +z and at the horizon. distance: of the eye. share: how much
    of the frame the longer side of the shape fills. shift: of the frame, in its halves.
    """
    eye, axes = _stand(azimuth, elevation, distance)
    right, down, forward = axes
    seen = (vertices - eye) @ np.stack([right, -down, forward], axis=1)
    plane = seen[:, :2] / seen[:, 2:]
    low, high = plane.min(0), plane.max(0)
    half = (high - low).max() / 2 / share
    centre = (low + high) / 2 + half * np.asarray(shift)
    focal = SIZE / (2 * half)
    middle = np.full(2, SIZE / 2) + focal * np.array([-centre[0], centre[1]])
    return _camera(azimuth, elevation, distance, focal, middle)


def _stand(
    azimuth: float, elevation: float, distance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where a camera that looks at the origin is, (3,), and its axes, see `Camera.axes`."""
    level = np.array([np.sin(azimuth), 0.0, np.cos(azimuth)])
    eye = distance * (np.cos(elevation) * level + np.sin(elevation) * np.array([0.0, 1.0, 0.0]))
    forward = -eye / distance
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    return eye, np.stack([right, -np.cross(right, forward), forward])


def _camera(
    azimuth: float, elevation: float, distance: float, focal: float, middle: NDArray[np.float64]
) -> Camera:
    eye, axes = _stand(azimuth, elevation, distance)
    return Camera(
        np.concatenate([axes, -(axes @ eye)[:, None]], axis=1),
        np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1]]),
    )
