"""What a network looks at, normalised, with the way back to where it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kinds import INPUT_NAMES
from ..kinds import KindName as Kind
from ..sentences import Sentence
from .frame import Frame

Background = Literal["mask", "transparent", "plain", "cut_out", "none"]
VOXEL_RESOLUTION = 32


@dataclass(frozen=True, eq=False)
class Normals:
    """What is known of which side of a cloud's points is outside.

    directions: (N, 3), unit vectors, or zeros where a point has none.
    is_exact: whether they are known to be right and to point outward, as those of samples of a mesh
        are; those of files may be of any sign.
    are_sights: whether they are no normals but lead from the points to the scanners that saw them,
        as long as that is far.
    """

    directions: NDArray[np.floating]
    is_exact: bool = False
    are_sights: bool = False

    def only(self, kept: NDArray[Any]) -> Normals:
        """Those of the points that are marked in `kept` (N,), or that have these numbers (M,)."""
        return replace(self, directions=self.directions[kept])

    def turned(self, matrix: NDArray[np.floating], size: float = 1.0) -> Normals:
        """The same for points times a rotation (3, 3) that are then made so many times larger."""
        turned = self.directions @ matrix
        return replace(self, directions=turned * size if self.are_sights else turned)


@dataclass(frozen=True, eq=False)
class Observation:
    """One input of a network, in the network's frame.

    kind: says what `data` is:
        "image": (3, S, S) float32 in [0, 1], the object on white;
        "points": (N, 3) float32, bounding box centred with longest edge 1;
        "voxels": (32, 32, 32) float32, 0 or 1, index (i, j, k) along x, y, z; the centre of voxel i
        lies at (i + 0.5) / 32 - 0.5.
    frame: back to the source.
    name: for messages.
    background: how the object was separated from the background: "mask", "transparent", "plain",
        "cut_out", or "none".
    notes: what was decided while reading.
    normals: of points, where some are known.
    mask: (H, W) uint8, where a picture shows the object, at the picture's size or reduced; None for
        all of it.
    doubts: what may spoil the result, and what to do about it.
    cells: (A, B, C) of a voxel grid whose cells the network does not read one for one, along x, y,
        z: centred, the longest edge is 1.

    Raises InputError for arrays of other shapes.
    """

    kind: Kind
    data: NDArray[np.float32]
    frame: Frame
    name: str = ""
    background: Background | None = None
    notes: tuple[Sentence, ...] = ()
    normals: Normals | None = None
    mask: NDArray[np.uint8] | None = None
    doubts: tuple[Sentence, ...] = ()
    cells: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.kind not in INPUT_NAMES:
            raise InputError(
                "Unknown kind of input {kind!r}: choose {names}.",
                kind=self.kind,
                names=", ".join(INPUT_NAMES),
            )
        data = np.ascontiguousarray(self.data, dtype=np.float32)
        shape = data.shape
        fits = {
            "image": len(shape) == 3 and shape[0] == 3 and shape[1] == shape[2] > 0,
            "points": len(shape) == 2 and shape[1] == 3 and shape[0] > 0,
            "voxels": shape == (VOXEL_RESOLUTION,) * 3,
        }
        if not fits[self.kind]:
            raise InputError(
                "An input of kind {kind!r} can't have the shape {shape}.",
                kind=self.kind,
                shape=shape,
            )
        if not np.isfinite(data).all():
            raise InputError(
                "The {kind} input holds values that are not finite numbers.", kind=self.kind
            )
        object.__setattr__(self, "data", data)
