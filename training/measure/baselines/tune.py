"""Chooses the classical methods' parameters on the validation split, never on the test split.

    python -m training.measure.baselines.tune --data ROOT --input-points 300 --noise 0.005

writes what gave the highest mean IoU over the categories into `parameters.json`, from where the
evaluation takes it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from onet_core.errors import InputError, OnetError
from onet_core.mesh.files import replacing
from onet_core.mesh.metrics import volumetric_iou
from onet_core.models.description import ModelDescription

from ...data.conditions import TURNS, Conditions
from ...data.labelled import read_shape, thinned
from ...data.observations import observe
from ..protocol import Protocol
from ..report import Result, summary
from .surfaces import PARAMETERS_FILE, SURFACINGS, Parameters, contains, missing_for

LABELS = 10_000


def tune(
    names: Sequence[str],
    root: Path,
    protocol: Protocol,
    progress: bool = False,
) -> dict[str, tuple[Parameters, float]]:
    """Method -> the parameters with the highest mean IoU over the categories, and that IoU.

    names: of SURFACINGS, all of one kind of input; protocol: its split is the one to choose on, its
    conditions give count and noise. Raises InputError for what can't be used.
    """
    kinds = {SURFACINGS[name].kind for name in names}
    if len(kinds) != 1:
        raise InputError("Choose parameters for points or for voxels, not for both at once.")
    for name in names:
        if missing_for(name):
            raise InputError(missing_for(name))
    plain = ModelDescription("baselines", "", "convolutional", kinds.pop())
    description = protocol.conditions.inputs_of(plain)
    tried = {name: SURFACINGS[name].combinations(protocol.conditions) for name in names}
    results: list[Result] = []
    for category, shape_name in tqdm(protocol.shapes(root), "shapes", disable=not progress):
        shape = thinned(read_shape(root, category, shape_name), labels=LABELS)
        observation = observe(shape, description, protocol.seed, protocol.conditions)
        assert observation is not None
        labels = observation.frame.to_network(shape.points)
        for name in names:
            for number, parameters in enumerate(tried[name]):
                try:
                    mesh = SURFACINGS[name](observation.data, parameters)
                    inside = contains(mesh, labels)
                    iou = float(volumetric_iou(inside, shape.occupancies))
                except InputError:
                    iou = 0.0
                method = f"{name} {number}"
                results.append(Result(category, shape_name, method, {"iou": iou}, {}))
    best: dict[str, tuple[Parameters, float]] = {}
    for name in names:
        ious = [summary(results, f"{name} {n}")["iou"] for n in range(len(tried[name]))]
        highest = max(range(len(ious)), key=ious.__getitem__)
        best[name] = tried[name][highest], ious[highest]
    return best


def store(
    best: dict[str, tuple[Parameters, float]],
    conditions: Conditions,
    chosen_on: str,
    path: Path = PARAMETERS_FILE,
) -> None:
    """Puts parameters in the place of those for the same conditions."""
    known: dict[str, list[dict[str, Any]]] = {}
    if path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
    place = {
        "count": conditions.count or 0,
        "noise": conditions.noise or 0.0,
        "missing": conditions.missing,
        "outliers": conditions.outliers,
    }
    for name, (parameters, iou) in best.items():
        others = [
            entry
            for entry in known.get(name, [])
            if any(entry[key] != value for key, value in place.items())
        ]
        entry = {**place, "parameters": parameters, "iou": round(iou, 4), "chosen_on": chosen_on}
        known[name] = [*others, entry]
    with replacing(path) as file:
        file.write((json.dumps(known, indent=1, sort_keys=True) + "\n").encode())


@click.command()
@click.option("--data", "root", required=True, type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(["points", "voxels"]), default="points")
@click.option("--methods", help="Only these, separated by commas.")
@click.option("--split", default="val", show_default=True)
@click.option("--limit", type=int, help="Only this many shapes, spread over the split.")
@click.option("--input-points", default=300, show_default=True)
@click.option("--noise", default=0.005, show_default=True)
@click.option("--missing", default=0.0)
@click.option("--outliers", default=0.0)
@click.option("--turn", type=click.Choice(TURNS), default="none")
def main(
    root: Path,
    kind: str,
    methods: str | None,
    split: str,
    limit: int | None,
    input_points: int,
    noise: float,
    missing: float,
    outliers: float,
    turn: str,
) -> None:
    """Chooses the parameters of all classical methods that can be had here."""
    names = [name for name, method in SURFACINGS.items() if method.kind == kind]
    if methods:
        names = [part.strip() for part in methods.split(",")]
    else:
        names = [name for name in names if not missing_for(name)]
    try:
        if split == "test":
            raise InputError("Nothing is chosen on the test split.")
        for name in names:
            if name not in SURFACINGS:
                raise InputError(f"There is no method {name!r}; there are {', '.join(SURFACINGS)}.")
        conditions = (
            Conditions(input_points, noise, missing, outliers, turn)
            if kind == "points"
            else Conditions()
        )
        protocol = Protocol(split=split, limit=limit, conditions=conditions)
        best = tune(names, root, protocol, progress=sys.stderr.isatty())
        shapes = len(protocol.shapes(root))
        store(best, conditions, f"chosen on {shapes} {split} shapes of {root.resolve().name}")
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    for name, (parameters, iou) in best.items():
        click.echo(f"{name}: {parameters}, mean IoU {iou:.4f}")


if __name__ == "__main__":
    main()
