"""How long one update of a morph's slider takes, from the request to the mesh's arrival.

    python benchmarks/morph_latency.py [--model car] [--threads 2] [--quick]

The add-on asks the worker for a preview at 64 cells per axis for each place of the slider. Timed is
that whole way, through the pipes, and the same computation within this process: the difference is
what the worker process costs. On a busy machine `--clock processor --threads 1` counts this
process's own time, for the computation alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import numpy as np
import torch
from _shared import heading, in_turn, median, options, ratio, repetitions, table

from onet_core.engine.client import EngineClient
from onet_core.engine.methods import morph
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

RESOLUTIONS = (32, 64, 128)
TARGET = 0.12


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--model", default="car", help="a model that generates, or a weights file")
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    # The worker takes its number of threads from here.
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
    reconstructor = Reconstructor(chosen.model, chosen.device)
    codes = np.stack([reconstructor.latent(seed) for seed in range(2)])
    steps = 5 if chosen.quick else 15
    heading("One update of a morph's slider", chosen)
    client = EngineClient(sys.executable)

    def params(resolution: int, position: float) -> dict[str, object]:
        settings = {"resolution": resolution, "normals": False}
        chosen_model = {"model": chosen.model, "device": chosen.device}
        return {**chosen_model, "position": position, "settings": settings}

    count = repetitions(chosen) * steps

    def places() -> Iterator[float]:
        # One more: the first round is not counted.
        return iter(np.linspace(0.0, 1.0, count + 1).tolist())

    def through_worker(resolution: int) -> Callable[[], object]:
        way = places()
        return lambda: client.call("morph", params(resolution, next(way)), {"codes": codes})

    def within(resolution: int) -> Callable[[], object]:
        way = places()
        return lambda: morph(
            params(resolution, next(way)), {"codes": codes}, lambda stage, fraction: None
        )

    rows = []
    try:
        for resolution in RESOLUTIONS:
            if chosen.quick and resolution > 64:
                continue
            asked, computed = in_turn(
                count, [through_worker(resolution), within(resolution)], chosen.clock
            )
            made = reconstructor.decode(codes[0], Settings(resolution=resolution, normals=False))
            rows.append(
                [
                    f"{resolution}^3",
                    f"{1000 * float(median(asked)):.0f}",
                    f"{1000 * float(median(computed)):.0f}",
                    ratio(asked, computed),
                    f"{1000 * sorted(asked)[int(0.95 * count)]:.0f}",
                    f"{made.evaluations:,}",
                ]
            )
    finally:
        client.close()
    table(
        f"{chosen.model}, {count} places of the slider; the aim at 64^3 is {1000 * TARGET:.0f} ms",
        ["grid", "through the worker, ms", "computation, ms", "ratio", "95 % below, ms", "points"],
        rows,
    )


if __name__ == "__main__":
    main()
