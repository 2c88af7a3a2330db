"""Many small inputs in one call, with one and with several jobs, beside the ideal.

    python benchmarks/batch.py [--quick] [--jobs N]

Prints a table in Markdown. The inputs are clouds of 1,000 points of bent rings, at 64 cells. The
ideal is what the same meshes cost in one process that has loaded everything, with one thread,
shared out evenly among the jobs: nothing is read, written or loaded in it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from _shared import heading, options, processor_seconds, table
from numpy.typing import NDArray

from onet_core.inputs.load import load_observation
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

CELLS = 64
POINTS = 1000


def bent_ring(seed: int) -> NDArray[np.float64]:
    """Points (1000, 3) of a ring of some thickness, bent and stretched."""
    rng = np.random.default_rng(seed)
    around, across = rng.uniform(0, 2 * np.pi, (2, POINTS))
    thickness, bend = rng.uniform(0.08, 0.18), rng.uniform(0, 0.3)
    radius = 0.3 + thickness * np.cos(across)
    height = thickness * np.sin(across) + bend * np.cos(2 * around)
    points = np.stack([radius * np.cos(around), height, radius * np.sin(around)], axis=1)
    return points * rng.uniform(0.5, 1, 3) + rng.normal(0, 0.003, points.shape)


def warm_seconds(files: list[Path]) -> float:
    """Processor seconds of the meshes alone, one after the other in this process."""
    reconstructor = Reconstructor("points", "cpu")
    settings = Settings(resolution=CELLS)
    seen = [load_observation(file, "points") for file in files]
    reconstructor.reconstruct(seen[0], settings)
    start = time.process_time()
    for one in seen:
        reconstructor.reconstruct(one, settings)
    return time.process_time() - start


def batch_table(chosen: argparse.Namespace) -> None:
    """Wall and processor time of `onet reconstruct` with one and with several jobs."""
    count = 20 if chosen.quick else 100
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "in"
        inputs.mkdir()
        for seed in range(count):
            np.savetxt(inputs / f"{seed:03}.xyz", bent_ring(seed), fmt="%.6f")
        warm = warm_seconds(sorted(inputs.iterdir()))
        for jobs in (1, chosen.jobs):
            command = [sys.executable, "-m", "onet_core.cli", "reconstruct", str(inputs)]
            command += ["-o", str(Path(folder) / f"out{jobs}"), "--kind", "points"]
            command += ["--device", "cpu", "--resolution", str(CELLS), "--jobs", str(jobs)]
            start = time.perf_counter()
            busy = processor_seconds(command)
            passed = time.perf_counter() - start
            ideal = warm / jobs
            rows.append(
                [
                    jobs,
                    f"{passed:.1f}",
                    f"{busy:.1f}",
                    f"{ideal:.1f}",
                    f"{passed / ideal:.2f}",
                    f"**{busy / warm:.2f}**",
                ]
            )
    header = ["jobs", "wall, s", "processor, s", "ideal, s", "wall / ideal", "processor / ideal's"]
    table(f"{count} clouds of {POINTS:,} points, {CELLS} cells", header, rows)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    heading("A batch", chosen)
    batch_table(chosen)


if __name__ == "__main__":
    main()
