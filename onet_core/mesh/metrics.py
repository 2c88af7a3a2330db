"""How close a mesh is to the truth: the original's evaluation protocol (`eval_meshes.py`).

All distances are in units of the given coordinates; shapes are normalised so that the longest edge
of the bounding box is about 1. The paper reports Chamfer-L1 in units of a tenth of that edge: its
numbers are 10 times those that are computed here and in the original code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .mesh import Mesh

SURFACE_SAMPLES = 100_000
F_SCORE_THRESHOLDS = (0.01,)
"""1 % of the longest edge, as in Tatarchenko et al., CVPR 2019."""

_PAIRS_AT_ONCE = 4_000_000


@dataclass(frozen=True, eq=False)
class SurfaceDistance:
    """What lies between two sets of surface points, seen from each to its nearest in the other.

    accuracy, completeness: mean Euclidean distance from the prediction to the target and back;
    accuracy_squared, completeness_squared: means of the squared distances; normals_accuracy,
    normals_completeness: mean of |n . n'| with the nearest point's normal, NaN where normals are
    missing; distances_to_target (P,), distances_to_prediction (T,): the distances themselves.
    """

    accuracy: float
    completeness: float
    accuracy_squared: float
    completeness_squared: float
    normals_accuracy: float
    normals_completeness: float
    distances_to_target: NDArray[np.float64]
    distances_to_prediction: NDArray[np.float64]

    @property
    def chamfer_l1(self) -> float:
        """Mean of accuracy and completeness (times 10 in the paper's tables)."""
        return 0.5 * (self.accuracy + self.completeness)

    @property
    def chamfer_l2(self) -> float:
        """Mean of the two mean squared distances."""
        return 0.5 * (self.accuracy_squared + self.completeness_squared)

    @property
    def normal_consistency(self) -> float:
        """Mean of the two directions' normal scores; 1 is best."""
        return 0.5 * (self.normals_accuracy + self.normals_completeness)

    def f_score(self, threshold: float) -> float:
        """Harmonic mean of precision and recall at a distance (Tatarchenko et al., CVPR 2019).

        Precision is the part of the predicted points that lie closer than `threshold` to the
        target, recall the part of the target's points that lie closer to the prediction.
        """
        precision = float((self.distances_to_target < threshold).mean())
        recall = float((self.distances_to_prediction < threshold).mean())
        if precision + recall == 0:
            return 0.0
        return 2 * precision * recall / (precision + recall)


def surface_distance(
    predicted_points: NDArray[np.floating],
    target_points: NDArray[np.floating],
    predicted_normals: NDArray[np.floating] | None = None,
    target_normals: NDArray[np.floating] | None = None,
) -> SurfaceDistance:
    """Compares two sets of points on surfaces, (P, 3) and (T, 3), with normals of the same shapes.

    Normals may have any length but zero. Raises ValueError where a set is empty.
    """
    if not len(predicted_points) or not len(target_points):
        raise ValueError("points are needed on both sides")
    to_target, target_index = cKDTree(target_points).query(predicted_points, workers=-1)
    to_prediction, predicted_index = cKDTree(predicted_points).query(target_points, workers=-1)
    normals_accuracy = normals_completeness = math.nan
    if predicted_normals is not None and target_normals is not None:
        predicted, target = _unit(predicted_normals), _unit(target_normals)
        normals_accuracy = _mean_alignment(predicted, target[target_index])
        normals_completeness = _mean_alignment(target, predicted[predicted_index])
    return SurfaceDistance(
        accuracy=float(to_target.mean()),
        completeness=float(to_prediction.mean()),
        accuracy_squared=float((to_target**2).mean()),
        completeness_squared=float((to_prediction**2).mean()),
        normals_accuracy=normals_accuracy,
        normals_completeness=normals_completeness,
        distances_to_target=to_target,
        distances_to_prediction=to_prediction,
    )


def volumetric_iou(
    predicted: NDArray[np.generic], target: NDArray[np.generic]
) -> NDArray[np.float64] | float:
    """Intersection over union of two sets of occupancies.

    (n,) -> float, or (batch, n) -> (batch,). Numbers count as occupied from 0.5 on. NaN where
    neither holds an occupied point, as in the original.
    """
    one, other = _is_occupied(predicted), _is_occupied(target)
    if one.shape != other.shape:
        raise ValueError(f"occupancies must have one shape, not {one.shape} and {other.shape}")
    intersection = (one & other).sum(axis=-1).astype(np.float64)
    union = (one | other).sum(axis=-1).astype(np.float64)
    iou = np.divide(intersection, union, out=np.full_like(union, np.nan), where=union > 0)
    return float(iou) if iou.ndim == 0 else iou


def sample_surface(
    mesh: Mesh, count: int, seed: int | np.random.Generator = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points spread evenly over a mesh's area and the normals of the faces that they lie on.

    Returns (count, 3) twice. Raises ValueError for a mesh without area.
    """
    generator = np.random.default_rng(seed)
    corner = np.asarray(mesh.vertices, dtype=np.float64)[mesh.faces]  # [F, 3, 3]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    cumulative = np.cumsum(np.linalg.norm(normal, axis=1))
    if not len(cumulative) or cumulative[-1] <= 0:
        raise ValueError("the mesh has no area")
    # `side="right"` and the clip keep faces without area from being drawn.
    draw = generator.random(count) * cumulative[-1]
    face = np.searchsorted(cumulative, draw, side="right")
    face = np.minimum(face, int(np.searchsorted(cumulative, cumulative[-1])))
    u, v = generator.random((2, count, 1))
    folded = u + v > 1
    u, v = np.where(folded, 1 - u, u), np.where(folded, 1 - v, v)
    drawn = corner[face]
    points = drawn[:, 0] + u * (drawn[:, 1] - drawn[:, 0]) + v * (drawn[:, 2] - drawn[:, 0])
    return points, _unit(normal[face])


def mesh_contains(mesh: Mesh, points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which points lie inside a mesh, by the original's test (`check_mesh_contains`).

    A point is inside where the line through it along z crosses an odd number of faces above it and
    an odd number below. A face is crossed where the point lies strictly within its projection:
    a line that meets an edge or a vertex exactly misses both faces. For closed meshes; with holes
    the two directions may disagree, and the point counts as outside.

    points (n, 3) -> (n,) bool.
    """
    triangles: NDArray[np.float64] = np.asarray(mesh.vertices, np.float64)[mesh.faces]  # [F, 3, 3]
    inside = np.zeros(len(points), dtype=bool)
    if not len(triangles) or not len(points):
        return inside
    lowest, highest = triangles.min(axis=(0, 1)), triangles.max(axis=(0, 1))
    near = np.flatnonzero(((points >= lowest) & (points <= highest)).all(axis=1))
    if not len(near):
        return inside
    query: NDArray[np.float64] = np.asarray(points, dtype=np.float64)[near]

    # Faces are entered into the cells of a grid in the xy-plane that their rectangles cover.
    size = int(np.clip(np.sqrt(len(triangles)), 1, 512))
    scale = size / np.maximum(highest[:2] - lowest[:2], np.finfo(np.float64).tiny)
    first = _grid_cell(triangles[:, :, :2].min(axis=1), lowest, scale, size)  # [F, 2]
    last = _grid_cell(triangles[:, :, :2].max(axis=1), lowest, scale, size)
    extent = last - first + 1
    face, within = _expand(extent[:, 0] * extent[:, 1])
    cell = (first[face, 0] + within // extent[face, 1]) * size
    cell += first[face, 1] + within % extent[face, 1]
    order = np.argsort(cell, kind="stable")
    face, cell = face[order], cell[order]

    query_cell = _grid_cell(query[:, :2], lowest, scale, size) @ [size, 1]
    begin = np.searchsorted(cell, query_cell, side="left")
    candidates = np.searchsorted(cell, query_cell, side="right") - begin
    above = np.zeros(len(query), dtype=np.int64)
    below = np.zeros(len(query), dtype=np.int64)
    start = 0
    totals = np.cumsum(candidates)
    while start < len(query):  # In blocks: the pairs of points and faces may be very many.
        done = totals[start - 1] if start else 0
        stop = max(int(np.searchsorted(totals, done + _PAIRS_AT_ONCE, side="right")), start + 1)
        row, within = _expand(candidates[start:stop])
        row += start
        pair_face = face[begin[row] + within]
        crossed, height = _crossings(query[row, :2], triangles[pair_face])
        row = row[crossed]
        is_above = height[crossed] >= query[row, 2]
        above += np.bincount(row[is_above], minlength=len(query))
        below += np.bincount(row[~is_above], minlength=len(query))
        start = stop
    inside[near] = (above % 2 == 1) & (below % 2 == 1)
    return inside


def evaluate_mesh(
    mesh: Mesh,
    points: NDArray[np.floating],
    occupancies: NDArray[np.generic],
    surface_points: NDArray[np.floating],
    surface_normals: NDArray[np.floating] | None,
    seed: int = 0,
    *,
    samples: int = SURFACE_SAMPLES,
    f_score_thresholds: Sequence[float] = F_SCORE_THRESHOLDS,
    contains: Callable[[Mesh, NDArray[np.floating]], NDArray[np.bool_]] = mesh_contains,
) -> dict[str, float]:
    """All of the paper's measures for one mesh, by the original's protocol.

    points (n, 3) and occupancies (n,), the true ones, from 0.5 on occupied: `iou` compares them
    with the point-in-mesh test; no network and no threshold take part. surface_points,
    surface_normals (m, 3): the true surface, compared with `samples` points drawn from the mesh by
    `seed`. (The original: all 100,000 of each.) contains: the point-in-mesh test, for meshes that
    the original's does not suit because they are open.

    Returns `iou`, `accuracy`, `completeness`, `accuracy2`, `completeness2` (squared), `chamfer_l1`,
    `chamfer_l2`, `normals_accuracy`, `normals_completeness`, `normal_consistency` (NaN without true
    normals) and `f_score_<threshold>` for each threshold.

    A mesh without faces or area scores as in the original: distances sqrt(3), squared ones 3,
    normals -1, IoU 0; F-score 0. (The original leaves `chamfer-L1` and `chamfer-L2` out then, so
    that its means skip failures; here they follow from the distances: sqrt(3) and 3.)
    """
    names = [f"f_score_{threshold:g}" for threshold in f_score_thresholds]
    try:
        sampled, normals = sample_surface(mesh, samples, seed)
    except ValueError:
        return {**_empty_scores(surface_normals is not None), **dict.fromkeys(names, 0.0)}
    distance = surface_distance(sampled, surface_points, normals, surface_normals)
    return {
        "iou": float(volumetric_iou(contains(mesh, points), occupancies)),
        "accuracy": distance.accuracy,
        "completeness": distance.completeness,
        "accuracy2": distance.accuracy_squared,
        "completeness2": distance.completeness_squared,
        "chamfer_l1": distance.chamfer_l1,
        "chamfer_l2": distance.chamfer_l2,
        "normals_accuracy": distance.normals_accuracy,
        "normals_completeness": distance.normals_completeness,
        "normal_consistency": distance.normal_consistency,
        **{
            name: distance.f_score(threshold)
            for name, threshold in zip(names, f_score_thresholds, strict=True)
        },
    }


def _empty_scores(with_normals: bool) -> dict[str, float]:
    alignment = -1.0 if with_normals else math.nan
    alignments = ["normals_accuracy", "normals_completeness", "normal_consistency"]
    return {
        "iou": 0.0,
        **dict.fromkeys(["accuracy", "completeness", "chamfer_l1"], math.sqrt(3)),
        **dict.fromkeys(["accuracy2", "completeness2", "chamfer_l2"], 3.0),
        **dict.fromkeys(alignments, alignment),
    }


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    vectors = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / length


def _mean_alignment(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.abs((one * other).sum(axis=-1)).mean())


def _is_occupied(occupancies: NDArray[np.generic]) -> NDArray[np.bool_]:
    return np.asarray(occupancies).astype(np.float64) >= 0.5


def _grid_cell(
    positions: NDArray[np.float64],
    lowest: NDArray[np.float64],
    scale: NDArray[np.float64],
    size: int,
) -> NDArray[np.int64]:
    return np.clip(((positions - lowest[:2]) * scale).astype(np.int64), 0, size - 1)


def _expand(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For counts (2, 3): rows 0 0 1 1 1, and the number within the row 0 1 0 1 2."""
    row = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return row, within


def _crossings(
    positions: NDArray[np.float64], triangles: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether lines along z at (n, 2) positions cross triangles (n, 3, 3), and at which height."""
    origin = triangles[:, 2]
    one, other = triangles[:, 0] - origin, triangles[:, 1] - origin
    x, y = positions[:, 0] - origin[:, 0], positions[:, 1] - origin[:, 1]
    area = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    sign = np.sign(area)
    u = (x * other[:, 1] - y * other[:, 0]) * sign
    v = (y * one[:, 0] - x * one[:, 1]) * sign
    size = np.abs(area)
    crossed = (u > 0) & (v > 0) & (u + v < size)
    divisor = np.where(size > 0, size, 1)
    height = origin[:, 2] + (u * one[:, 2] + v * other[:, 2]) / divisor
    return crossed, height
