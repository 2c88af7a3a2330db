"""How right the normals of clean dense scans are, next to edges above all.

    python -m training.measure.clouds.edges BUILT --data DATA [--limit 104] [--points 30000]

Points on the outer surface of the meshes of DATA, with their true normals; BUILT holds the same
shapes' surfaces, which say what is outer, of the split `val`. Prints a table in Markdown: for some
values of the constants of `onet_core.scans.normals.sharpened`, the angle to the true normals.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from onet_core.mesh.gaps import spacing_of
from onet_core.scans import normals

from ...data.labelled import read_shape
from ..protocol import Protocol

FloatArray = NDArray[np.float64]

_OUTER, _ALONG = 0.004, 0.9
"""A point is of the outer surface if that is so near and so parallel."""

_WIDE, _NEIGHBOURS = 2.2, 12
"""The radius of quadrics in spacings and their points, as for scans without noise."""

_VALUES: dict[str, tuple[float, ...]] = {
    "CLEARER": (0.35, 0.5, 0.65, 0.8),
    "LOOKED_AT": (16, 24, 32),
}


def cloud_of(
    path: Path, surface: FloatArray, ways: FloatArray, count: int
) -> tuple[FloatArray, FloatArray]:
    """Points (N, 3) of the mesh of an indexed source that lie on the outer surface, of which some
    points and normals (M, 3) are known, with their outward normals (N, 3)."""
    with np.load(path, allow_pickle=False) as stored:
        corners = stored["vertices"].astype(np.float64)
        faces = stored["faces"].astype(np.int64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    mesh = trimesh.Trimesh((corners - (low + high) / 2) / (high - low).max(), faces, process=False)
    points, chosen = trimesh.sample.sample_surface(mesh, 4 * count, seed=0)
    points, found = np.asarray(points), np.asarray(mesh.face_normals[chosen])
    distances, near = cKDTree(surface).query(points)
    along = np.einsum("ni,ni->n", found, ways[near])
    is_outer = (distances < _OUTER) & (np.abs(along) > _ALONG)
    points, found = points[is_outer], (found * np.sign(along)[:, None])[is_outer]
    return points[:count], found[:count]


def angles(points: FloatArray, truth: FloatArray) -> dict[str, FloatArray]:
    """Of each choice of constants, the angles (N,) of a cloud's normals to the true ones."""
    tree = cKDTree(points)
    spacing = spacing_of(points, tree)
    planes = normals.plane_normals(points, tree, 10)
    planes *= np.where(np.einsum("ni,ni->n", planes, truth) < 0, -1.0, 1.0)[:, None]
    fits = normals.fitted(points, planes, tree, _WIDE * spacing, _NEIGHBOURS)

    def off(found: FloatArray) -> FloatArray:
        cosine = np.clip(np.einsum("ni,ni->n", found, truth), -1, 1)
        return np.asarray(np.degrees(np.arccos(cosine)))

    results = {"quadrics alone": off(fits.normals)}
    for name, values in _VALUES.items():
        before = getattr(normals, name)
        for value in values:
            setattr(normals, name, value)
            results[f"{name} {value:g}"] = off(normals.sharpened(points, fits, tree))
        setattr(normals, name, before)
    return results


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder of prepared shapes")
    parser.add_argument("--data", type=Path, required=True, help="the indexed source of the same")
    parser.add_argument("--limit", type=int, help="shapes; else all of the split val")
    parser.add_argument("--points", type=int, default=30_000)
    given = parser.parse_args()
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for category, name in Protocol(split="val", limit=given.limit).shapes(given.root):
        shape = read_shape(given.root, category, name)
        surface = shape.surface_points.astype(np.float64)
        path = given.data / "shapes" / category / f"{name}.npz"
        cloud = cloud_of(path, surface, shape.surface_normals.astype(np.float64), given.points)
        if len(cloud[0]) < given.points / 2:
            continue
        for title, off in angles(*cloud).items():
            row = float(off.mean()), 100 * float((off > 20).mean()), 100 * float((off > 45).mean())
            rows.setdefault(title, []).append(row)
    plain = np.array(rows["quadrics alone"])
    print(f"{len(plain)} shapes of the split `val`, {given.points:,} points.\n")
    print("| | mean angle | less than alone | worse by > 0.05 | > 20 degrees | > 45 degrees |")
    print("|---|---|---|---|---|---|")
    for title, found in rows.items():
        values = np.array(found)
        less = plain[:, 0] - values[:, 0]
        error = less.std(ddof=1) / np.sqrt(len(less))
        mean = values.mean(axis=0)
        print(
            f"| {title} | {mean[0]:.3f} | {less.mean():.3f} ± {error:.3f} | {(less < -0.05).sum()} "
            f"| {mean[1]:.2f} % | {mean[2]:.2f} % |"
        )


if __name__ == "__main__":
    main()
