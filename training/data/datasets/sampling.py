"""Which of a shape's labelled points a training step is shown (section 4.6 of the paper)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from onet_core.errors import InputError

# What a configuration can ask for, and what it means. The first four are the paper's ablation.
SAMPLINGS = {
    "uniform": "evenly over the box",
    "uniform64": "evenly over the box, 64 of them, whatever the configured number",
    "equal": "half outside, half inside",
    "surface": "half near the surface, half away from it",
    "near": "as surface, with weights that keep the loss that of an even draw",
    "tempered": "as near, with weights half way to none: thin parts count for more",
}
# Those that tell what is near the surface from what is not.
BY_DISTANCE = ("surface", "near", "tempered")
FEW_POINTS = 64
# Beside a shape's points: a bit for each of them, set where it is near the surface.
NEAR_FILE = "near.npy"
# Beside them as well: how far each is from the surface, float16, up to the largest distance that
# softened occupancies of the shipped configurations ask for.
DISTANCES_FILE = "distances.npy"
FARTHEST = 0.12
# What counts as near: about a cell of the 32^3 grid.
NEAR_DISTANCE = 0.03


def check_sampling(sampling: str, points: int) -> None:
    """Raises InputError where there is no such sampling, or it can't halve the number of points."""
    if sampling not in SAMPLINGS:
        raise InputError(f"The sampling {sampling!r} is unknown; there are {', '.join(SAMPLINGS)}.")
    if sampling in ("equal", *BY_DISTANCE) and points % 2:
        raise InputError(f"An odd number of points ({points}) can't be halved for {sampling!r}.")


def surface_distances(
    points: NDArray[np.floating], surface: NDArray[np.floating], farthest: float
) -> NDArray[np.float32]:
    """Distances (N,) of points (N, 3) to the nearest of the samples (M, 3), at most `farthest`."""
    tree = cKDTree(surface.astype(np.float32), balanced_tree=False, compact_nodes=False)
    distances, _ = tree.query(points.astype(np.float32), distance_upper_bound=farthest)
    return np.minimum(distances, farthest).astype(np.float32)


def near_surface(points: NDArray[np.floating], surface: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which points (N, 3) have a surface sample (M, 3) within NEAR_DISTANCE: (N,)."""
    return surface_distances(points, surface, NEAR_DISTANCE) < NEAR_DISTANCE


def softened(
    inside: NDArray[np.floating], distances: NDArray[np.floating], softness: float
) -> NDArray[np.float32]:
    """Occupancies (N,) that pass gently from 0 to 1: sigmoid(signed distance / softness).

    inside: (N,) 0 or 1; distances: (N,) to the surface. A mean of such fields keeps thin parts that
    are not quite in the same place, where the mean of sharp ones falls below any threshold; the
    surface at a threshold t lies softness * ln(1 / t - 1) further out.
    """
    signed = np.where(inside > 0.5, distances, -distances).astype(np.float64)
    return (1 / (1 + np.exp(-signed / softness))).astype(np.float32)


def draw_halves(
    group: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Indices (count,), with replacement: half outside of a group (N,), then half within it.

    Also the weight of each: a weighted sum over the points drawn is on average that over as many
    points drawn evenly (stratified sampling). Where either side is empty the draw is even.
    """
    sides = [np.flatnonzero(~group), np.flatnonzero(group)]
    if not all(len(side) for side in sides):
        return rng.integers(len(group), size=count), np.ones(count, np.float32)
    half = count // 2
    chosen = np.concatenate([side[rng.integers(len(side), size=half)] for side in sides])
    shares = np.array([len(side) / len(group) for side in sides], dtype=np.float32)
    return chosen, np.repeat(shares * 2, half)
