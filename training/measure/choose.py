"""Which value of a step suits a model: every value on the same validation shapes.

    python -m training.measure.choose points FOLDER snap_within 0.01 0.02 [--points N] [--noise S]

A field of `Steps` is set to each value in turn; every shape is made with each, and the table shows
means and, against the first value, the mean difference with its standard error, as shapes differ
far more among each other than values do. Below 100 shapes nothing should be chosen. What was chosen
goes into the model's configuration, with this command and the spread into `chosen_by`.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError, NoSurfaceError, OnetError
from onet_core.mesh.metrics import evaluate_mesh
from onet_core.models.catalogue import find_model
from onet_core.models.description import ModelDescription
from onet_core.models.steps import Steps
from onet_core.models.weights import load_weights
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

from ..data.conditions import Conditions
from ..data.labelled import LabelledShape, read_shape, thinned
from ..data.observations import observe
from .answers import EMPTY
from .generation import in_network_frame
from .protocol import Protocol
from .report import MEASURES

ENOUGH = 100


def value_of(field: str, text: str) -> Any:
    """A value of a field of `Steps`, from text; raises InputError where it is none."""
    kinds = {item.name: str(item.type) for item in fields(Steps)}
    readers: dict[str, Callable[[str], Any]] = {
        "bool": lambda word: {"true": True, "false": False}[word],
        "int": int,
    }
    if kinds.get(field) not in ("bool", "int", "float"):
        names = ", ".join(name for name, kind in kinds.items() if kind in ("bool", "int", "float"))
        raise InputError(f"There is no step {field!r} with values to choose: there are {names}.")
    try:
        return readers.get(kinds[field], float)(text)
    except (ValueError, KeyError) as error:
        raise InputError(f"{text!r} is no value of {field}.") from error


def with_step(described: ModelDescription, field: str, value: Any) -> ModelDescription:
    """The description with another value of a field of its steps."""
    return replace(described, steps=replace(described.steps, **{field: value}))


def measured(
    reconstructors: Sequence[Reconstructor],
    shapes: Iterable[tuple[LabelledShape, Any]],
    settings: Settings,
    samples: int,
) -> Iterator[NDArray[np.float64]]:
    """For each shape the measures of each reconstructor's mesh, (reconstructors, MEASURES)."""
    for shape, observation in shapes:
        target = thinned(shape, labels=samples, surface=samples, seed=settings.random_seed)
        rows = []
        for reconstructor in reconstructors:
            try:
                mesh = in_network_frame(reconstructor.reconstruct(observation, settings))
            except NoSurfaceError:
                mesh = EMPTY
            scores = evaluate_mesh(
                mesh, target.points, target.occupancies, target.surface_points,
                target.surface_normals, settings.random_seed, samples=samples,
            )  # fmt: skip
            rows.append([scores[name] for name in MEASURES])
        yield np.array(rows)


def table(field: str, values: Sequence[Any], scores: NDArray[np.float64]) -> str:
    """The comparison as Markdown; scores: (shapes, values, MEASURES)."""
    lines = [
        f"| {field} | " + " | ".join(MEASURES) + " |",
        "|" + "---|" * (1 + len(MEASURES)),
    ]
    for number, value in enumerate(values):
        cells = []
        for measure in range(len(MEASURES)):
            own = scores[:, number, measure]
            cell = f"{np.mean(own):.5f}"
            if number:
                apart = own - scores[:, 0, measure]
                error = float(np.std(apart, ddof=1)) / math.sqrt(len(apart))
                cell += f" ({np.mean(apart):+.5f} ± {error:.5f})"
            cells.append(cell)
        lines.append(f"| {value} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table. Returns 2 where something can't be used."""
    parser = argparse.ArgumentParser(prog="python -m training.measure.choose", description=__doc__)
    parser.add_argument("model", help="name of a model, or a weights file")
    parser.add_argument("root", type=Path, help="folder of prepared shapes")
    parser.add_argument("field", help="field of the model's steps")
    parser.add_argument("values", nargs="+", help="the values to compare, today's first")
    parser.add_argument("--limit", type=int, help="shapes; else all of the split val")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--points", type=int, help="of clouds; else as the model learned")
    parser.add_argument("--noise", type=float, help="of clouds; else as the model learned")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args(arguments)
    try:
        values = [value_of(chosen.field, text) for text in chosen.values]
        network, described = load_weights(find_model(chosen.model).path)
        reconstructors = [
            Reconstructor.of_network(
                network, with_step(described, chosen.field, value), chosen.device
            )
            for value in values
        ]
        conditions = Conditions(count=chosen.points, noise=chosen.noise)
        seen = conditions.inputs_of(described)
        names = Protocol(split="val", limit=chosen.limit).shapes(chosen.root)
        read = (read_shape(chosen.root, category, name) for category, name in names)
        shapes = ((shape, observe(shape, seen, 0)) for shape in read)
        settings = Settings(resolution=chosen.resolution, normals=False)
        scores = np.array(list(measured(reconstructors, shapes, settings, chosen.samples)))
    except OnetError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    print(f"{len(names)} shapes of the split `val`, grid {chosen.resolution}.\n")
    print(table(chosen.field, values, scores), end="")
    if len(names) < ENOUGH:
        print(f"\nFewer than {ENOUGH} shapes: not enough to choose by.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
