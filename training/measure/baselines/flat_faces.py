"""How flat a box's faces and how round a cylinder's come out of a scan, beside screened Poisson.

    python -m training.measure.baselines.flat_faces [--count 30000] [--noises 0 0.002]
        [--table flat_faces.md]

The mean angle in degrees between the faces of a result and the true face they belong to, by area,
away from edges and near them (less than 0.02 of the longest edge). Needs Open3D, which has to be
installed beside this package.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .scans import ours, poisson, scan_of

FloatArray = NDArray[np.float64]

_DEPTHS = (7, 8, 9)
_CELLS = 160
_EDGE = 0.02
_HALVES = np.array([0.5, 0.3, 0.2])
_RADIUS, _HALF_HEIGHT = 0.3, 0.4


class Nearest(NamedTuple):
    """Of places near a solid's surface: the true normal of the face that each belongs to (N, 3) and
    how far each is from where two faces meet (N,)."""

    normals: FloatArray
    from_edges: FloatArray


def of_box(places: FloatArray) -> Nearest:
    """Of a box with the half edges 0.5, 0.3 and 0.2."""
    away = np.abs(places) - _HALVES
    axis = np.argmax(away, axis=1)
    normals = np.zeros_like(places)
    rows = np.arange(len(places))
    normals[rows, axis] = np.sign(places[rows, axis])
    return Nearest(normals, np.sort(-away, axis=1)[:, 1])


def of_cylinder(places: FloatArray) -> Nearest:
    """Of an upright cylinder with the radius 0.3 and the height 0.8."""
    radius = np.linalg.norm(places[:, :2], axis=1)
    beside, above = radius - _RADIUS, np.abs(places[:, 2]) - _HALF_HEIGHT
    is_side = beside > above
    normals = np.zeros_like(places)
    normals[is_side, :2] = places[is_side, :2] / radius[is_side, None]
    normals[~is_side, 2] = np.sign(places[~is_side, 2])
    return Nearest(normals, -np.minimum(beside, above))


SOLIDS: dict[str, tuple[trimesh.Trimesh, Callable[[FloatArray], Nearest]]] = {
    "box": (trimesh.creation.box(2 * _HALVES), of_box),
    "cylinder": (trimesh.creation.cylinder(_RADIUS, 2 * _HALF_HEIGHT, sections=256), of_cylinder),
}


def angles(vertices: FloatArray, faces: NDArray[Any], nearest: Nearest) -> tuple[float, float]:
    """Mean angles away from edges and near them; `nearest`: of the faces' middles."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(across, axis=1)
    cosine = (across * nearest.normals).sum(axis=1) / np.maximum(areas, 1e-20)
    turned = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    is_flat = nearest.from_edges > _EDGE
    return (
        float(np.average(turned[is_flat], weights=areas[is_flat])),
        float(np.average(turned[~is_flat], weights=areas[~is_flat])),
    )


def measured(name: str, count: int, noise: float) -> dict[str, tuple[float, float]]:
    """Ours, and Poisson's best away from edges of three depths, with true and estimated normals."""
    mesh, nearest = SOLIDS[name]
    turn = Rotation.from_euler("xyz", [0.3, 0.5, 0.2]).as_matrix()
    turned = trimesh.Trimesh(mesh.vertices @ turn.T, mesh.faces, process=False)
    points, normals = scan_of(turned, count, noise)

    def angles_of(vertices: FloatArray, faces: NDArray[Any]) -> tuple[float, float]:
        upright = vertices @ turn
        return angles(upright, faces, nearest(upright[faces].mean(axis=1)))

    found = {"ours": angles_of(*ours(points, _CELLS)[:2])}
    for kind, estimate in (("true normals", False), ("estimated normals", True)):
        tries = (poisson(points, normals, depth, estimate=estimate) for depth in _DEPTHS)
        found[kind] = min(angles_of(*made[:2]) for made in tries)
    return found


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=30_000)
    parser.add_argument("--noises", nargs="*", type=float, default=(0.0, 0.002))
    parser.add_argument("--table", type=Path, help="Markdown file to write")
    given = parser.parse_args()
    lines = [
        "| solid | noise | ours | Poisson, true normals | Poisson, estimated normals |",
        "|---|---|---|---|---|",
    ]
    for name in SOLIDS:
        for noise in given.noises:
            found = measured(name, given.count, noise)
            cells = " | ".join(f"{flat:.2f}, {edge:.1f}" for flat, edge in found.values())
            lines.append(f"| {name} | {noise:g} | {cells} |")
            print(lines[-1], flush=True)
    if given.table:
        given.table.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
