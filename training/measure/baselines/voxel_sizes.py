"""Voxel grids of any size: ours beside blurred marching cubes at their best and the network.

    python -m training.measure.baselines.voxel_sizes BUILT --data DATA [--sizes 40 64 128]
        [--limit 100] [--table training/results/voxel_sizes.md]

The meshes of DATA are voxelised anew, as `inputs.voxelise` does; BUILT holds the same shapes'
surfaces, of the split `val`. Blur and level of marching cubes are those that are best on the mean
of all shapes, for each measure and number of cells.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from onet_core.inputs.volumes import VoxelGrid
from onet_core.inputs.voxelise import solid_voxels
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import sample_surface, surface_distance
from onet_core.mesh.parts import count_parts
from onet_core.pipeline.job import Job, run
from onet_core.settings import Settings

from ...data.labelled import LabelledShape, read_shape
from ..marching_cubes import marching_cubes
from ..protocol import Protocol

BLURS, LEVELS = (0.4, 0.8, 1.2), (0.5, 0.65, 0.8, 0.95)
_SAMPLES = 20_000

Scores = dict[str, NDArray[np.float64]]
_NETWORKS_LEVEL = 0.4
_BORDER = 4


def grid_of(path: Path, cells: int) -> VoxelGrid:
    """The mesh of an indexed source as voxels, in the network's frame: the longest edge is 1."""
    with np.load(path, allow_pickle=False) as stored:
        corners = stored["vertices"].astype(np.float64)
        faces = stored["faces"].astype(np.int64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    corners = (corners - (low + high) / 2) / (high - low).max()
    occupied = solid_voxels((corners[faces] + 0.5) * cells, cells)
    return VoxelGrid(occupied, np.full(3, -0.5), 1 / cells)


def meshes(grid: VoxelGrid) -> Iterator[tuple[str, Mesh]]:
    """What each method makes of a grid, in the network's frame."""
    for name, settings in (
        ("ours", Settings(normals=False)),
        ("network, 32 cells", Settings(normals=False, threshold=_NETWORKS_LEVEL)),
    ):
        yield name, run(Job(voxels=grid, up_axis="y", settings=settings, device="cpu")).made.mesh
    cells = np.pad(grid.occupied, _BORDER).astype(np.float32)
    for blur in BLURS:
        blurred = gaussian_filter(cells, blur)
        for level in LEVELS:
            vertices, faces = marching_cubes(blurred, level)
            placed = grid.origin + (vertices + 0.5 - _BORDER) * grid.pitch
            yield f"blur {blur}, level {level}", Mesh(placed.astype(np.float32), faces)


def measured(root: Path, data: Path, sizes: list[int], limit: int | None) -> dict[int, Scores]:
    """Of each number of cells, each method's Chamfer-L1, normal consistency and parts (S, 3)."""
    found: dict[int, dict[str, list[list[float]]]] = {cells: {} for cells in sizes}
    for category, name in Protocol(split="val", limit=limit).shapes(root):
        shape = read_shape(root, category, name)
        path = data / "shapes" / category / f"{name}.npz"
        for cells in sizes:
            for method, mesh in meshes(grid_of(path, cells)):
                found[cells].setdefault(method, []).append(_scores(mesh, shape))
        print(category, name, flush=True)
    return {
        cells: {method: np.array(rows) for method, rows in one.items()}
        for cells, one in found.items()
    }


def _scores(mesh: Mesh, shape: LabelledShape) -> list[float]:
    if mesh.is_empty:
        return [float(np.sqrt(3)), -1.0, 0.0]
    points, normals = sample_surface(mesh, _SAMPLES)
    distance = surface_distance(points, shape.surface_points, normals, shape.surface_normals)
    return [distance.chamfer_l1, distance.normal_consistency, float(count_parts(mesh))]


def table(found: dict[int, Scores]) -> str:
    """The means as Markdown; the differences to the best blur are paired, with standard errors."""
    lines = [
        "| cells | measure | ours | best blur | ours less it | network, 32 cells | which blur |",
        "|---|---|---|---|---|---|---|",
    ]
    for cells, scores in found.items():
        blurs = {name: rows for name, rows in scores.items() if name.startswith("blur")}
        for column, measure, sign in ((0, "Chamfer-L1", 1), (1, "normal consistency", -1)):
            best = min(blurs, key=lambda name: sign * blurs[name][:, column].mean())
            ours, other = scores["ours"][:, column], blurs[best][:, column]
            apart = ours - other
            error = apart.std(ddof=1) / np.sqrt(len(apart))
            lines.append(
                f"| {cells} | {measure} | {ours.mean():.5f} | {other.mean():.5f} | "
                f"{apart.mean():+.5f} ± {error:.5f} | "
                f"{scores['network, 32 cells'][:, column].mean():.5f} | {best} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder of prepared shapes")
    parser.add_argument("--data", type=Path, required=True, help="the indexed source of the same")
    parser.add_argument("--sizes", nargs="*", type=int, default=[40, 64, 128])
    parser.add_argument("--limit", type=int, help="shapes; else all of the split val")
    parser.add_argument("--table", type=Path, help="Markdown file to write")
    given = parser.parse_args()
    found = measured(given.root, given.data, given.sizes, given.limit)
    count = len(next(iter(found[given.sizes[0]].values())))
    text = (
        f"# Voxel grids of different sizes\n\n{count} shapes of the split `val`.\n\n{table(found)}"
    )
    print(text)
    if given.table:
        given.table.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
