"""What each choice costs in time, beside the same input with nothing chosen.

    python benchmarks/choices.py [--quick] [--threads N] [--clock processor]

Prints a table in Markdown, of the demo's scan of 4,200 points. Every row is a reconstruction as the
panel makes it, report included, with everything loaded; rows are timed in turn.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from _shared import heading, in_turn, median, options, ratio, repetitions, table

from onet_core.pipeline.job import FIT_WITHIN, Job, run
from onet_core.settings import Settings

SCAN = Path(__file__).resolve().parents[1] / "examples" / "chair_scan.ply"
PLAIN = Settings()
CHOICES = {
    "Resolution 64": Settings(resolution=64),
    "Resolution 256": Settings(resolution=256),
    "Remove Outliers": Settings(remove_outliers=True),
    "Symmetry off": Settings(symmetry=False),
    "Denoise off": Settings(denoise=False),
    "Snap off": Settings(snap=False),
    "Smoothing 0": Settings(smoothing=0),
    "Remove Small Islands": Settings(remove_islands=0.01),
    "Faces 5,000, unrefined": Settings(faces=5000, refinement_steps=0),
    "Faces 5,000 (30 refinement steps)": Settings(faces=5000),
    "Refinement 10 steps": Settings(refinement_steps=10),
    "a threshold of its own": Settings(threshold=0.4),
    "Normals off": Settings(normals=False),
}


def main() -> None:
    chosen = options(__doc__).parse_args()
    torch.set_num_threads(chosen.threads)
    heading("What choices cost", chosen)
    plain = Job(path=SCAN, kind="points", device="cpu", fit_within=FIT_WITHIN, settings=PLAIN)
    jobs = [plain, *(replace(plain, settings=settings) for settings in CHOICES.values())]
    times = in_turn(repetitions(chosen), [partial(run, job) for job in jobs], chosen.clock)
    rows = [["nothing chosen, 128 cells", median(times[0]), "1"]]
    rows += [
        [name, median(seconds), ratio(seconds, times[0])]
        for name, seconds in zip(CHOICES, times[1:], strict=True)
    ]
    table("A scan of 4,200 points", ["choice", "s", "beside nothing chosen"], rows)


if __name__ == "__main__":
    main()
