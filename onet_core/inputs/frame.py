"""Where an observation came from: the map between the network's unit cube and the source.

This is the one place where axes are turned. The network's frame is ShapeNet's: y up, the front
towards -z, the shape centred with its longest bounding-box edge 1. Blender's frame has z up and
the front towards -y; a point (x, y, z) of the network is (-x, z, y) there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

UpAxis = Literal["x", "y", "z", "-x", "-y", "-z"]
UP_AXES: tuple[UpAxis, ...] = get_args(UpAxis)

# Proper rotations from the network's axes to a source with that axis up: row i gives the source's
# i-th coordinate. "y" is the network's own frame, "z" Blender's; "x" continues the cycle of "z";
# a negative axis is the positive one turned half round an axis that lies flat.
_ROTATIONS: dict[str, list[list[int]]] = {
    "y": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "-y": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
    "z": [[-1, 0, 0], [0, 0, 1], [0, 1, 0]],
    "-z": [[-1, 0, 0], [0, 0, -1], [0, -1, 0]],
    "x": [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
    "-x": [[0, -1, 0], [-1, 0, 0], [0, 0, -1]],
}


def network_to_up(up_axis: str) -> NDArray[np.float64]:
    """The rotation (3, 3) that takes network directions to a frame with `up_axis` up.

    Its entries are 0, 1 and -1. Raises InputError for an unknown axis.
    """
    if up_axis not in _ROTATIONS:
        raise InputError(
            "Unknown up-axis {up_axis!r}: choose one of {axes}.",
            up_axis=up_axis,
            axes=", ".join(UP_AXES),
        )
    return np.array(_ROTATIONS[up_axis], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Frame:
    """A map from network coordinates to source coordinates: rotation, one scale, translation.

    matrix: (4, 4) float64, acts on column vectors.
    """

    matrix: NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise InputError("A frame needs a 4 by 4 matrix of finite numbers.")
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def of_bounds(cls, lower: ArrayLike, upper: ArrayLike, up_axis: str = "z") -> Frame:
        """The frame whose unit cube is centred on a source box, with the box's longest edge 1.

        lower, upper: (3,) corners in source coordinates. Raises InputError for a box that has no
        size, or whose size drowns in the rounding of its coordinates.
        """
        low, high = (np.asarray(corner, dtype=np.float64) for corner in (lower, upper))
        magnitude = float(max(np.abs(low).max(), np.abs(high).max()))
        # Beyond this, squares of coordinates leave the range of floating point numbers.
        if not magnitude < 1e100:
            raise InputError("The coordinates are too large to compute with: rescale the input.")
        scale = float((high - low).max())
        if scale <= 1e-12 * magnitude or scale < 1e-100:
            raise InputError("All coordinates are the same: there is no shape in the input.")
        matrix = np.eye(4)
        matrix[:3, :3] = scale * network_to_up(up_axis)
        matrix[:3, 3] = (low + high) / 2
        return cls(matrix)

    @classmethod
    def of_points(cls, points: ArrayLike, up_axis: str = "z") -> Frame:
        """The frame of points (N, 3): bounding box centred, its longest edge 1."""
        array = np.asarray(points, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != 3 or len(array) == 0:
            raise InputError(
                "Points must come as rows of x, y, z; these have shape {shape}.", shape=array.shape
            )
        return cls.of_bounds(array.min(0), array.max(0), up_axis)

    @classmethod
    def unit(cls, up_axis: str = "z") -> Frame:
        """The unit cube around the origin, for what has no place of its own (pictures, seeds)."""
        return cls.of_bounds((-0.5,) * 3, (0.5,) * 3, up_axis)

    @property
    def inverse(self) -> NDArray[np.floating]:
        """(4, 4), source to network."""
        return np.linalg.inv(self.matrix)

    @property
    def scale(self) -> float:
        """The edge of the network's unit cube, in units of the source."""
        return float(np.linalg.norm(self.matrix[:3, 1]))

    @property
    def up_axis(self) -> UpAxis:
        """The source axis that lies nearest to the network's y axis."""
        up = self.matrix[:3, 1]
        axis = int(np.abs(up).argmax())
        return UP_AXES[axis + (3 if up[axis] < 0 else 0)]

    def to_source(self, points: ArrayLike) -> NDArray[np.float64]:
        """Network coordinates (N, 3) -> source coordinates (N, 3)."""
        return np.asarray(points, dtype=np.float64) @ self.matrix[:3, :3].T + self.matrix[:3, 3]

    def to_network(self, points: ArrayLike) -> NDArray[np.floating]:
        """Source coordinates (N, 3) -> network coordinates (N, 3)."""
        # Translation first: far from the origin the other order would lose digits.
        moved = np.asarray(points, dtype=np.float64) - self.matrix[:3, 3]
        return np.linalg.solve(self.matrix[:3, :3] / self.scale, moved.T / self.scale).T
