"""Which of a cloud's points a network is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .denoise import denoise
from .symmetry.planes import find_mirror_plane


@dataclass(frozen=True, eq=False)
class Readings:
    """The points (N, 3) float32 that a network reads at first, and where it is asked about the
    same object again, turned, then: others of a dense cloud, whose noise differs.

    is_mirrored: whether they were completed by their mirror image.
    """

    first: NDArray[np.float32]
    second: NDArray[np.float32]
    is_mirrored: bool = False

    def without_noise(
        self, cloud: NDArray[np.float32], noise: float, reach: float
    ) -> Readings | None:
        """The same points with the noise averaged away, see `denoise`; None in a thin cloud."""
        first = denoise(self.first, cloud, noise, reach)
        if first is None:
            return None
        second = denoise(self.second, cloud, noise, reach)
        return Readings(first, first if second is None else second, self.is_mirrored)


def read_cloud(
    cloud: NDArray[np.float32],
    most: int,
    mirrored: int = 0,
    mirror_ratio: float = 1.0,
    seed: int = 0,
) -> Readings:
    """What a network reads of a cloud (N, 3), y up: at most `most` points at a time.

    mirrored: a symmetric cloud of up to this many points is completed by its mirror image. That
    helps thin clouds; in dense ones a plane that is half a degree off tears thin parts.
    mirror_ratio: how symmetric it has to be, see `symmetry.MirrorPlane.ratio`.
    """
    plane = None
    if len(cloud) <= mirrored:
        plane = find_mirror_plane(cloud)
        plane = plane if plane is not None and plane.ratio <= mirror_ratio else None
    if plane is not None:
        cloud = np.concatenate([cloud, plane.mirrored(cloud).astype(np.float32)])
    if len(cloud) <= most:
        return Readings(cloud, cloud, plane is not None)
    order = np.random.default_rng(seed).permutation(len(cloud))
    return Readings(cloud[np.sort(order[:most])], cloud[np.sort(order[-most:])])


def subsample(points: NDArray[np.float32], limit: int, seed: int) -> NDArray[np.float32]:
    """At most `limit` of the points (N, 3), drawn without replacement, in their old order.

    Fewer points are passed on as they are: the encoders only take maxima and means over the points,
    so that filling up with copies would change nothing or spoil the means.
    """
    if len(points) <= limit:
        return points
    chosen = np.random.default_rng(seed).choice(len(points), limit, replace=False)
    return points[np.sort(chosen)]
