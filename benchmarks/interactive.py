"""What it costs to find a morph's next surface from the last one, and whether it is the same.

    python benchmarks/interactive.py [--model car] [--quick] [--threads N] [--clock processor]

Prints a table in Markdown: on the way between two shapes, steps of several lengths; each surface is
found from the last one and by a search through the whole box, in turn. `morph_latency.py` times the
whole way from the slider.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from _shared import heading, median, options, ratio, seconds, table

from onet_core.field import Field
from onet_core.models.catalogue import find_model
from onet_core.models.description import ModelDescription
from onet_core.models.prepared import prepare
from onet_core.models.weights import load_weights
from onet_core.pipeline.morphing import between
from onet_core.surface.extract import Extraction, extract
from onet_core.surface.interactive import InteractiveSurface

RESOLUTIONS = (32, 64, 128)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--model", default="car", help="a model that generates, or a weights file")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.set_grad_enabled(False)
    network, description = load_weights(find_model(chosen.model).path, "cpu")
    first, last = np.random.default_rng(0).standard_normal((2, network.z_dim))

    def field_at(position: float) -> Field:
        latent = torch.tensor(between(first, last, position), dtype=torch.float32)[None]
        return prepare(network, latent, network.encode_inputs(latent))

    end = 0.5 if chosen.quick else 0.9
    heading("A morph's next surface", chosen)
    print("\nHere the repetitions are the updates, each at another place of the way.")
    rows = [
        [
            f"{resolution}^3",
            step,
            *measured(
                [field_at(position) for position in np.arange(0.2, end, step).tolist()],
                resolution,
                description,
                chosen.clock,
            ),
        ]
        for resolution in RESOLUTIONS
        if resolution < 128 or not chosen.quick
        for step in (0.1, 0.03)
    ]
    header = ["grid", "step of the way", "updates", "followed", "equal to the search", "update, ms"]
    header += ["search, ms", "ratio", "points, update", "points, search"]
    table(f"{chosen.model}: from the last surface, and through the whole box", header, rows)


def measured(
    fields: list[Field], resolution: int, description: ModelDescription, clock: str
) -> list[object]:
    """A row of the table. The first update is a search, and warms up what is slow once."""
    settings = {"resolution": resolution, "threshold": description.threshold}
    surface = InteractiveSurface(**settings, padding=description.padding)
    updates: list[Extraction] = []
    searches: list[Extraction] = []
    update_times, search_times = [], []
    for field in fields:
        update_times.append(seconds(partial(_append, updates, surface.update, field), clock))
        search = partial(extract, **settings, padding=description.padding)
        search_times.append(seconds(partial(_append, searches, search, field), clock))
    pairs = [(update, search) for update, search in zip(updates, searches, strict=True)]
    equal = [
        np.array_equal(one.mesh.faces, other.mesh.faces)
        and np.allclose(one.mesh.vertices, other.mesh.vertices, atol=1e-5)
        for one, other in pairs
    ]
    points = [[sum(made.evaluations) for made in pair] for pair in pairs[1:]]
    return [
        len(fields) - 1,
        sum(update.is_followed for update in updates[1:]),
        sum(equal[1:]),
        f"{1000 * float(median(update_times[1:])):.0f}",
        f"{1000 * float(median(search_times[1:])):.0f}",
        ratio(update_times[1:], search_times[1:]),
        *(f"{count:,.0f}" for count in np.median(points, axis=0)),
    ]


def _append(results: list[Any], action: Callable[[Field], Any], field: Field) -> None:
    results.append(action(field))


if __name__ == "__main__":
    main()
