"""Measures weights on a split.

    python -m training.measure.evaluate WEIGHTS --data ROOT --baselines all

The original's protocol on meshes (`eval_meshes.py`, paper section 4): the network's mesh against
100,000 labelled points and 100,000 points of the true surface. Baselines see the same inputs and
are measured in the same way. Networks without an input are asked to rebuild the test shapes from
their latents instead, and their samples are compared with the test shapes as sets. Networks that
learned a code for each training shape are measured on these.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from onet_core.errors import InputError, OnetError
from onet_core.inputs.observation import Observation
from onet_core.mesh.metrics import SURFACE_SAMPLES
from onet_core.models.catalogue import find_model
from onet_core.models.description import ModelDescription
from onet_core.models.weights import load_weights
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

from ..data.build.processes import in_processes
from ..data.conditions import TURNS, Conditions
from ..data.labelled import LabelledShape, list_shapes, read_shape, thinned
from ..data.observations import observe
from ..learn.config import Config, available_configs, load_config
from ..sheet import SheetRow, draw_mesh, draw_points
from .answers import Method, input_picture, rebuilding, reconstructing, remembering
from .baselines.methods import ALL, BASELINES, make_baselines
from .evaluation import NETWORK, Evaluation, merged
from .generation import (
    HALFWAY,
    SETS,
    compare_sets,
    halfway_meshes,
    mean_of_sets,
    mesh_cloud,
    nearest_clouds,
    sample_meshes,
    sets_of_samples,
    surface_cloud,
    torn_share,
)
from .protocol import Protocol, spread
from .provenance import command_text, commit_text, data_version
from .record import record_metrics
from .report import Result

SHEET_ROWS = 26
SHEET_SAMPLES = 24


def evaluate(
    weights: str | Path,
    root: Path,
    protocol: Protocol | None = None,
    *,
    baselines: Sequence[str] = (),
    device: str = "auto",
    progress: bool = False,
    cache: Path | None = None,
    workers: int = 1,
) -> Evaluation:
    """Measures a weights file (or a model's name) on a dataset in the original's layout.

    baselines: names of BASELINES, or "all". progress: show bars. Shapes whose files are unusable
    are skipped and listed. cache: folder where baselines keep what they read of training shapes.
    workers: processes that share the shapes; of networks without an input one does all.
    Raises InputError for unusable datasets, ModelError, DeviceError.
    """
    start = time.perf_counter()
    path = find_model(weights).path
    network, description = load_weights(path)
    options: dict[str, Any] = {"baselines": baselines, "device": device, "cache": cache}
    if workers > 1 and description.input_kind != "none":
        shapes = (protocol or Protocol()).fitting(description).shapes(root)
        workers = min(workers, len(shapes))
        parts = [(number, workers) for number in range(workers)]
        answers = in_processes(_part, parts, path, root, protocol, options, workers=workers)
        evaluation = merged([found for _, found in answers], shapes)
        if not evaluation.results:
            raise InputError(f"No shape of {root} could be measured: {evaluation.skipped[0]}")
        evaluation.seconds = time.perf_counter() - start
        return evaluation
    return evaluate_network(network, description, root, protocol, progress=progress, **options)


def _part(
    part: tuple[int, int],
    path: Path,
    root: Path,
    protocol: Protocol | None,
    options: dict[str, Any],
) -> Evaluation:
    """What one of several processes measures."""
    network, description = load_weights(path)
    return evaluate_network(network, description, root, protocol, part=part, **options)


def evaluate_network(
    network: nn.Module,
    description: ModelDescription,
    root: Path,
    protocol: Protocol | None = None,
    *,
    baselines: Sequence[str] = (),
    device: str = "auto",
    progress: bool = False,
    cache: Path | None = None,
    part: tuple[int, int] = (0, 1),
) -> Evaluation:
    """`evaluate` for a network that is in memory, in evaluation mode.

    part: (k, n) measures every n-th of the shapes, from the k-th on.
    """
    start = time.perf_counter()
    protocol = (protocol or Protocol()).fitting(description)
    description = protocol.conditions.inputs_of(description)
    shapes = protocol.shapes(root)
    reconstructor = Reconstructor.of_network(network, description, device)
    settings = Settings(
        resolution=protocol.resolution,
        threshold=protocol.threshold,
        normals=False,
        random_seed=protocol.seed,
        symmetry=protocol.symmetry,
    )
    if description.input_kind == "index":
        methods = {NETWORK: remembering(reconstructor, network, root, protocol.split, settings)}
    elif description.input_kind == "none":
        methods = {NETWORK: rebuilding(reconstructor, network, settings)}
    else:
        methods = {NETWORK: reconstructing(reconstructor, settings)}
    evaluation = Evaluation(description, root.resolve().name, protocol)
    categories = list(dict.fromkeys(category for category, _ in shapes))
    made = make_baselines(
        baselines, network, description, root, protocol, categories, progress, cache
    )
    methods |= made.methods
    evaluation.provenance = {
        "Commit": commit_text(),
        "Data": f"{evaluation.dataset}, version {data_version(root, shapes)} of these shapes",
    }
    evaluation.notes, evaluation.skipped = made.notes, made.skipped
    evaluation.headings = ["input", *methods, "truth"]
    drawn = set(spread(len(shapes), SHEET_ROWS))
    clouds = []
    number, parts = part
    mine = list(enumerate(shapes))[number::parts]
    for index, (category, name) in tqdm(mine, "shapes", disable=not progress):
        try:
            shape = read_shape(root, category, name)
            observation = observe(shape, description, protocol.seed, protocol.conditions)
        except InputError as error:
            evaluation.skipped.append(str(error))
            continue
        row = _measure(evaluation, methods, shape, observation, draw=index in drawn)
        if row is not None:
            evaluation.rows.append(row)
        if description.input_kind == "none":
            clouds.append(surface_cloud(shape, protocol.seed))
    if not evaluation.results and parts == 1:
        raise InputError(f"No shape of {root} could be measured: {evaluation.skipped[0]}")
    if description.input_kind == "none":
        _measure_samples(evaluation, reconstructor, settings, root, shapes, clouds)
    evaluation.seconds = time.perf_counter() - start
    return evaluation


def _measure(
    evaluation: Evaluation,
    methods: dict[str, Method],
    shape: LabelledShape,
    observation: Observation | None,
    *,
    draw: bool,
) -> SheetRow | None:
    """Adds every method's result on one shape; returns the shape's row of the contact sheet."""
    samples, seed = evaluation.protocol.samples, evaluation.protocol.seed
    target = thinned(shape, labels=samples, surface=samples, seed=seed)
    evaluation.labelled.append(len(target.points))
    evaluation.surface.append(len(target.surface_points))
    pictures, captions = [], []
    for method, answer_to in methods.items():
        answer = answer_to(target, observation)
        scores = answer.scores(target, samples=samples, seed=seed)
        evaluation.results.append(
            Result(
                target.category,
                target.name,
                method,
                scores,
                answer.seconds,
                answer.note,
                answer.is_closed,
            )
        )
        if draw:
            pictures.append(answer.picture())
            captions.append(f"IoU {scores['iou']:.3f}  CD {scores['chamfer_l1']:.4f}")
    if not draw:
        return None
    truth = draw_points(shape.surface_points, shape.surface_normals)
    return SheetRow(
        [input_picture(observation), *pictures, truth],
        [f"{target.category} {target.name}", *captions, ""],
    )


def _measure_samples(
    evaluation: Evaluation,
    reconstructor: Reconstructor,
    settings: Settings,
    root: Path,
    shapes: Sequence[tuple[str, str]],
    clouds: Sequence[NDArray[np.floating]],
) -> None:
    """Sets of as many samples as test shapes against these, beside sets of real training shapes.

    A second sheet shows some samples and the training shape nearest to each, among all of the
    categories: what was learned by heart would look the same.
    """
    protocol = evaluation.protocol
    count = len(clouds)
    sampled = sample_meshes(reconstructor, SETS * count, settings, protocol.seed)
    samples = [mesh for mesh in sampled if mesh is not None]
    clouded = [None if mesh is None else mesh_cloud(mesh, protocol.seed) for mesh in sampled]
    made = [cloud for cloud in clouded if cloud is not None]
    categories = list(dict.fromkeys(category for category, _ in shapes))
    training = list_shapes(root, protocol.train_split, categories)
    known = [surface_cloud(read_shape(root, *entry), protocol.seed) for entry in training]
    rng = np.random.default_rng(protocol.seed)
    chosen = [rng.permutation(len(known))[:count] for _ in range(SETS)]
    evaluation.sets = {
        "samples": sets_of_samples(clouded, clouds),
        "training shapes": mean_of_sets(
            [compare_sets([known[index] for index in some], clouds) for some in chosen]
        ),
    }
    evaluation.torn = torn_share(samples)
    halfway = halfway_meshes(reconstructor, HALFWAY, settings, protocol.seed)
    evaluation.torn_halfway = torn_share([mesh for mesh in halfway if mesh is not None])
    drawn = samples[:SHEET_SAMPLES]
    for number, (mesh, (nearest, distance)) in enumerate(
        zip(drawn, nearest_clouds(made[: len(drawn)], known), strict=True)
    ):
        original = read_shape(root, *training[nearest])
        evaluation.sample_rows.append(
            SheetRow(
                [
                    draw_mesh(mesh),
                    draw_points(original.surface_points, original.surface_normals),
                ],
                [f"sample {number}", f"{'/'.join(training[nearest])}  CD {distance:.4f}"],
            )
        )


@click.command()
@click.argument("weights")
@click.option(
    "--data",
    "root",
    type=click.Path(path_type=Path),
    help="Dataset in the original's layout; a configuration knows its own.",
)
@click.option("--split", default="test", show_default=True)
@click.option("--categories", help="Only these, separated by commas.")
@click.option("--limit", type=int, help="Only this many shapes, spread over the split.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the report.")
@click.option(
    "--baselines",
    default="",
    help=f"{ALL}, or names separated by commas. "
    + "; ".join(f"{kind}: {', '.join(names)}" for kind, names in BASELINES.items()),
)
@click.option("--resolution", default=128, show_default=True, help="Cells along an axis.")
@click.option("--threshold", type=float, help="Probability at the surface; else the model's own.")
@click.option(
    "--samples",
    default=SURFACE_SAMPLES,
    show_default=True,
    help="Labelled points and surface points per shape; fewer for a quick look.",
)
@click.option("--seed", default=0, show_default=True)
@click.option("--input-points", type=int, help="Size of the input clouds; else the model's own.")
@click.option("--noise", type=float, help="Noise of the input clouds; else the model's own.")
@click.option("--missing", default=0.0, help="Share of the surface that no input point lies on.")
@click.option("--outliers", default=0.0, help="Share of the input points that lie anywhere.")
@click.option(
    "--turn",
    type=click.Choice(TURNS),
    default="none",
    show_default=True,
    help="any: input clouds are turned about the vertical by a random angle.",
)
@click.option(
    "--symmetry/--no-symmetry",
    default=True,
    show_default=True,
    help="Let the network complete thin, symmetric clouds by their mirror image.",
)
@click.option("--device", default="auto", show_default=True)
@click.option("--workers", default=os.cpu_count() or 1, show_default="one per core")
@click.option("--record", is_flag=True, help="Write the means into the weights' description.")
def main(
    weights: str,
    root: Path | None,
    split: str,
    categories: str | None,
    limit: int | None,
    output: Path | None,
    baselines: str,
    resolution: int,
    threshold: float | None,
    samples: int,
    seed: int,
    input_points: int | None,
    noise: float | None,
    missing: float,
    outliers: float,
    turn: str,
    symmetry: bool,
    device: str,
    workers: int,
    record: bool,
) -> None:
    """Measures WEIGHTS on the shapes of a split.

    A file, the name of a model that is there, or a configuration that was trained (free/points).
    """
    try:
        protocol = Protocol(
            split=split,
            categories=tuple(_listed(categories)) if categories else None,
            limit=limit,
            samples=samples,
            resolution=resolution,
            threshold=threshold,
            seed=seed,
            conditions=Conditions(input_points, noise, missing, outliers, turn),
            symmetry=symmetry,
        )
        if record and not protocol.is_complete:
            raise InputError("Only the full protocol is recorded: drop --limit and --samples.")
        if record and not protocol.conditions.are_plain:
            raise InputError(
                "Only the model's own inputs are recorded: drop --input-points, --noise, "
                "--missing, --outliers and --turn."
            )
        config = _config_of(weights)
        if root is None:
            if config is None:
                raise InputError("Say with --data which shapes to measure on.")
            root = Path(config.data.root)
        entry = find_model(weights if config is None else _trained(config, weights))
        folder = output or Path("out", "evaluation", entry.path.stem)
        evaluation = evaluate(
            entry.path,
            root,
            protocol,
            baselines=_listed(baselines),
            device=device,
            progress=sys.stderr.isatty(),
            cache=folder.parent / "cache",
            workers=workers,
        )
        command = command_text("training.measure.evaluate", click.get_current_context())
        evaluation.provenance = {"Command": f"`{command}`", **evaluation.provenance}
        paths = evaluation.write(folder)
        if record:
            record_metrics(entry.path, evaluation.metrics())
    except (OnetError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    click.echo(evaluation.markdown())
    for path in paths:
        click.echo(path)


def _config_of(given: str) -> Config | None:
    """The configuration of that name or file; None where weights are meant."""
    is_config = given in available_configs() or Path(given).suffix == ".yaml"
    return load_config(given) if is_config else None


def _trained(config: Config, given: str) -> Path:
    """The weights that a configuration's run ended with."""
    weights = Path(config.output.directory, "weights.safetensors")
    if not weights.is_file():
        raise InputError(f"The configuration {given} has no weights {weights} yet: train it first.")
    return weights


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


if __name__ == "__main__":
    main()
