"""How many of a generator's shapes are in several parts, with one value of a step or another.

    python -m training.measure.torn chair draws=1 faint_from=0 threshold=0.4 \\
        [--count 200] [--page training/results/chosen.md]

The same seeds for every value: `--count` samples and as many shapes halfway between two of them,
which is what a morph passes through. The table shows the share that is torn and, of each value, the
difference with its standard error; also the area of the surface in squares of the longest edge. It
grows where thin parts are drawn that would be left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import OnetError
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.parts import count_parts
from onet_core.models.catalogue import find_model
from onet_core.models.weights import load_weights
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.pipeline.sampling import LEAST_PART
from onet_core.settings import Settings

from .choose import UNIMPORTANT, command_of, publish, section, table, variants_of
from .generation import halfway_meshes, sample_meshes
from .provenance import commit_text

COLUMNS = ("torn", "torn_halfway", "area")


def is_torn(mesh: Mesh | None) -> bool:
    """Whether a shape is in several parts, crumbs of 0.1 % of the area left out, or is none."""
    return mesh is None or count_parts(mesh, LEAST_PART) > 1


def scores_of(reconstructor: Reconstructor, count: int, resolution: int) -> NDArray[np.float64]:
    """COLUMNS of each of the seeds from 0 on, (count, 3)."""
    settings = Settings(resolution=resolution, normals=False)
    samples = sample_meshes(reconstructor, count, settings)
    halfway = halfway_meshes(reconstructor, count, settings)
    return np.array(
        [
            (is_torn(one), is_torn(between), 0.0 if one is None else _area(one))
            for one, between in zip(samples, halfway, strict=True)
        ],
        dtype=np.float64,
    )


def _area(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, corner]].astype(np.float64) for corner in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table. Returns 2 where something can't be used."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m training.measure.torn", description=__doc__)
    parser.add_argument("model", help="name of a model that generates, or a weights file")
    parser.add_argument("values", nargs="+", help="FIELD=VALUE,... to compare with today's value")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--page", type=Path, help="Markdown file to which the table is added")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args(arguments)
    try:
        network, described = load_weights(find_model(chosen.model).path)
        compared = variants_of(described, chosen.values)
        scores = [
            scores_of(
                Reconstructor.of_network(network, variant, chosen.device),
                chosen.count,
                chosen.resolution,
            )
            for variant in compared.values()
        ]
    except OnetError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    facts = {
        "Command": command_of("training.measure.torn", arguments, UNIMPORTANT),
        "Commit": commit_text(),
        "Shapes": f"{chosen.count} samples and {chosen.count} halfway, grid {chosen.resolution}",
    }
    rows = table(described.name, list(compared), np.stack(scores, axis=1), COLUMNS)
    found = section(described.name, facts, rows)
    publish(found, chosen.count, chosen.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
