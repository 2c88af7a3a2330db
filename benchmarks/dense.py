"""Processor seconds and memory of dense clouds and large voxel grids.

    python benchmarks/dense.py [--quick] [--points 100000 1000000 5000000] [--cells 256 512 512]
        [--noise 0] [--voxels 128 256 512]

Prints tables in Markdown. Each cloud, of a torus with waves, and each grid, of the same, is a
process of its own with one thread; memory is the most that it had resident, its 0.3 GB of libraries
and networks included.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
from _shared import table
from numpy.typing import NDArray

from onet_core.inputs.volumes import VoxelGrid
from onet_core.pipeline.job import Job, run
from onet_core.settings import Settings

RADIUS, TUBE, WAVE = 0.35, 0.14, 0.005


def torus(count: int, noise: float) -> NDArray[np.float32]:
    """Points (N, 3) on a torus with waves, about evenly."""
    random = np.random.default_rng(0)
    around, across = 2 * np.pi * random.random((2, count))
    tube = TUBE + WAVE * np.sin(40 * around) * np.sin(16 * across)
    away = RADIUS + tube * np.cos(across)
    points = np.stack([away * np.cos(around), away * np.sin(around), tube * np.sin(across)], axis=1)
    return np.asarray(points + noise * random.standard_normal(points.shape), dtype=np.float32)


def solid(cells: int) -> VoxelGrid:
    """The torus as a grid of cells, those inside occupied."""
    places = (np.arange(cells, dtype=np.float32) + 0.5) / cells - 0.5
    y, z = places[:, None], places[None]
    occupied = np.empty((cells, cells, cells), dtype=bool)
    for layer, x in enumerate(places):
        around, away = np.arctan2(y, x), np.hypot(x, y) - RADIUS
        waves = np.sin(40 * around) * np.sin(16 * np.arctan2(z, away))
        occupied[layer] = np.hypot(away, z) < TUBE + WAVE * waves
    return VoxelGrid(occupied, np.full(3, -0.5), 1 / cells)


def measure(count: int, cells: int, noise: float) -> None:
    """Prints the seconds, the most memory in MB and the faces of one cloud, or of a grid where
    `count` is 0."""
    if count:
        job = Job(points=torus(count, noise), settings=Settings(resolution=cells), device="cpu")
    else:
        job = Job(voxels=solid(cells), device="cpu")
    start = time.process_time()
    mesh = run(job).made.mesh
    seconds = time.process_time() - start
    # In KB, but on a Mac, where it is in bytes.
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(seconds, most / (1 << 20 if sys.platform == "darwin" else 1 << 10), len(mesh.faces))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one small cloud")
    parser.add_argument("--points", nargs="*", type=int, default=[100_000, 1_000_000, 5_000_000])
    parser.add_argument("--cells", nargs="*", type=int, default=[256, 512, 512])
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--voxels", nargs="*", type=int, default=[128, 256, 512])
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        count, cells = given.one
        measure(count, cells, given.noise)
        return
    clouds = list(zip(given.points, given.cells, strict=True))
    grids = [(0, cells) for cells in given.voxels]
    if given.quick:
        clouds, grids = [(30_000, 64)], [(0, 64)]
    title = f"Dense clouds with noise {given.noise:g}, one thread"
    for heading, kinds in ((title, clouds), ("Voxel grids, one thread", grids)):
        rows = []
        for count, cells in kinds:
            one = ["--one", str(count), str(cells), "--noise", str(given.noise)]
            command = [sys.executable, __file__, *one]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seconds, most, faces = (float(word) for word in said.split())
            figures = [f"{seconds:.1f}", f"{most / 1000:.2f}", f"{int(faces):,}"]
            rows.append([f"{count:,}" if count else "-", str(cells), *figures])
        if rows:
            table(heading, ["points", "cells", "processor seconds", "GB", "faces"], rows)


if __name__ == "__main__":
    main()
