"""Weights beside each other on the same clouds of validation shapes, as paired differences.

    python -m training.measure.paired FOLDER points NEW.safetensors --points 300 --noise 0.005

The first weights are those of today. Means, and for all others the mean difference from the first
with its standard error: shapes differ far more among each other than weights do.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import NoSurfaceError, OnetError
from onet_core.inputs.observation import Observation
from onet_core.mesh.mesh import Mesh
from onet_core.models.catalogue import find_model
from onet_core.models.weights import load_weights
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

from ..data.conditions import Conditions
from ..data.labelled import read_shape
from ..data.observations import observe
from .answers import EMPTY
from .choose import COLUMNS, ENOUGH, measured, table
from .protocol import Protocol


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table. Returns 2 where something can't be used."""
    parser = argparse.ArgumentParser(prog="python -m training.measure.paired", description=__doc__)
    parser.add_argument("root", type=Path, help="folder of prepared shapes")
    parser.add_argument("models", nargs="+", help="names or weights files, today's first")
    parser.add_argument("--limit", type=int, help="shapes; else all of the split val")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--points", type=int, help="of clouds; else as the first learned")
    parser.add_argument("--noise", type=float, help="of clouds; else as the first learned")
    parser.add_argument("--missing", type=float, default=0.0, help="share of the surface")
    parser.add_argument("--outliers", type=float, default=0.0, help="share of the points")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--scores", type=Path, help="JSON file for the scores of each shape")
    given = parser.parse_args(arguments)
    try:
        conditions = Conditions(given.points, given.noise, given.missing, given.outliers)
        loaded = [load_weights(find_model(model).path) for model in given.models]
        seen = conditions.inputs_of(loaded[0][1])
        reconstructors = [Reconstructor.of_network(*one, given.device) for one in loaded]
        names = Protocol(split="val", limit=given.limit).shapes(given.root)
        settings = Settings(resolution=given.resolution, normals=False)

        def meshes(observation: Observation) -> Iterator[Mesh]:
            for reconstructor in reconstructors:
                try:
                    made = reconstructor.reconstruct(observation, settings)
                    # Where holes were filled, the network's frame is another.
                    yield made.mesh.transformed(observation.frame.inverse)
                except NoSurfaceError:
                    yield EMPTY

        def measure(category: str, name: str) -> NDArray[np.float64]:
            shape = read_shape(given.root, category, name)
            observation = observe(shape, seen, 0, conditions)
            assert observation is not None  # Conditions are for models that read points.
            return measured(meshes, shape, observation, given.samples)

        scores = np.array([measure(category, name) for category, name in names])
    except OnetError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if given.scores:
        record = {"shapes": names, "models": given.models, "measures": list(COLUMNS)}
        text = json.dumps({**record, "scores": scores.round(6).tolist()})
        given.scores.write_text(text, encoding="utf-8")
    print(f"{len(names)} shapes of the split `val`, grid {given.resolution}.\n")
    print(table("weights", given.models, scores), end="")
    if len(names) < ENOUGH:
        print(f"\nFewer than {ENOUGH} shapes: the standard errors count.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
