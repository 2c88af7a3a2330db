"""Measures weights on a split: `python -m training.evaluate WEIGHTS --data ROOT --baselines mean`.

The original's protocol on meshes (`eval_meshes.py`, paper section 4): the network's mesh against
100,000 labelled points and 100,000 points of the true surface. Baselines see the same inputs and
are measured in the same way. Networks without an input are asked to rebuild the test shapes from
their latents instead, and their samples are compared with the test shapes as sets.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from onet_core.errors import InputError, NoSurfaceError, OnetError
from onet_core.inputs.observation import Observation
from onet_core.mesh import Mesh
from onet_core.metrics import SURFACE_SAMPLES, evaluate_mesh
from onet_core.models.catalogue import find_model
from onet_core.models.description import ModelDescription
from onet_core.models.occupancy_network import OccupancyNetwork
from onet_core.models.weights import load_weights
from onet_core.reconstructor import Reconstructor, Settings

from .baselines import ShapeCopy, TrainingShapes, best_overlap, mean_shape
from .generation import (
    SampleSet,
    compare_sets,
    in_network_frame,
    infer_latent,
    sample_clouds,
    surface_cloud,
)
from .labelled import LabelledShape, list_shapes, read_shape, thinned
from .observations import observe, read_voxels
from .record import record_metrics
from .report import MEASURES, Result, markdown_tables, mean_seconds, summary, write_csv
from .sheet import SheetRow, draw_mesh, draw_points, voxel_surface, write_sheet

BASELINES = ("mean", "nearest", "oracle")
SHEET_ROWS = 26
EMPTY = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32))


@dataclass(frozen=True)
class Protocol:
    """What is measured, and how.

    limit: so many shapes only, spread evenly over the split; samples: labelled points and surface
    points per shape (100,000 in the paper); resolution, threshold: of the meshes, the threshold
    None for the model's own; seed: draws inputs, noise and surface samples; input_points,
    input_noise: of point clouds, None for the model's own.
    """

    split: str = "test"
    train_split: str = "train"
    categories: tuple[str, ...] | None = None
    limit: int | None = None
    samples: int = SURFACE_SAMPLES
    resolution: int = 128
    threshold: float | None = None
    seed: int = 0
    input_points: int | None = None
    input_noise: float | None = None

    def inputs_of(self, description: ModelDescription) -> ModelDescription:
        """The description, with this protocol's inputs in the place of the model's own."""
        if self.input_points is None and self.input_noise is None:
            return description
        if description.input_kind != "points":
            raise InputError(
                f"The model {description.name!r} reads no point clouds, whose number of points "
                "and noise could be chosen."
            )
        inputs = dict(description.inputs)
        if self.input_points is not None:
            if self.input_points < 1:
                raise InputError(f"At least 1 input point is needed, not {self.input_points}.")
            inputs["points"] = self.input_points
        if self.input_noise is not None:
            if not 0 <= self.input_noise < 1:
                raise InputError(f"The input's noise can't be {self.input_noise:g}.")
            inputs["noise"] = self.input_noise
        return replace(description, inputs=inputs)

    @property
    def is_complete(self) -> bool:
        """True where nothing was left out, so that the numbers may stand in a table."""
        return self.limit is None and self.samples >= SURFACE_SAMPLES


@dataclass
class Evaluation:
    """All that was measured; skipped: one sentence for each shape that could not be read."""

    description: ModelDescription
    dataset: str
    protocol: Protocol
    results: list[Result] = field(default_factory=list)
    rows: list[SheetRow] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    sets: dict[str, SampleSet] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def shapes(self) -> int:
        """How many shapes were measured."""
        return len({(result.category, result.shape) for result in self.results})

    def metrics(self) -> dict[str, object]:
        """What the weights' description records: JSON values, no places on this machine."""
        threshold = self.protocol.threshold or self.description.threshold
        values: dict[str, object] = {
            "data": self.dataset,
            "split": self.protocol.split,
            "shapes": self.shapes,
            "resolution": self.protocol.resolution,
            "threshold": threshold,
            "samples": self.protocol.samples,
            **{name: _rounded(value) for name, value in self._means("network").items()},
            "categories": {
                category: {
                    name: _rounded(value)
                    for name, value in self._means("network", category).items()
                }
                for category in sorted({result.category for result in self.results})
            },
            "baselines": {
                method: {name: _rounded(value) for name, value in self._means(method).items()}
                for method in BASELINES
                if any(result.method == method for result in self.results)
            },
        }
        if self.sets:
            values["generation"] = {
                name: {"coverage": _rounded(found.coverage), "mmd": _rounded(found.mmd)}
                for name, found in self.sets.items()
            }
        return values

    def _means(self, method: str, category: str | None = None) -> dict[str, float]:
        chosen = [r for r in self.results if category in (None, r.category)]
        means = summary(chosen, method)
        return {name: means[name] for name in MEASURES}

    def markdown(self) -> str:
        """The report."""
        protocol, description = self.protocol, self.description
        threshold = protocol.threshold or description.threshold
        lines = [f"# {description.title or description.name} on {self.dataset}", ""]
        if not protocol.is_complete:
            lines += ["**A quick look, not the full protocol: do not quote these numbers.**", ""]
        lines += [
            f"- Model `{description.name}` ({description.architecture}), "
            f"input {_input_text(description)}, surface at {threshold:g}, "
            f"grid {protocol.resolution}.",
            f"- {self.shapes} shapes of the split `{protocol.split}`"
            + (f" (limited to {protocol.limit})" if protocol.limit else "")
            + f", {protocol.samples} labelled points and surface points each, "
            f"seed {protocol.seed}.",
            f"- Took {self.seconds:.0f} s in all; per shape, the network's stages (seconds): "
            + ", ".join(
                f"{stage} {seconds:.3f}"
                for stage, seconds in mean_seconds(self.results, "network").items()
            )
            + ".",
        ]
        if description.input_kind == "none":
            lines += [
                "- The network has no input: each test shape was encoded from its own labels, and "
                "decoded from the mean of the latent's distribution."
            ]
        failures = [r for r in self.results if r.method == "network" and r.note]
        lines += [f"- No surface: {r.category}/{r.shape} ({r.note})" for r in failures]
        lines += [f"- Skipped: {sentence}" for sentence in self.skipped]
        text = "\n".join(lines) + "\n\n" + markdown_tables(self.results)
        if self.sets:
            text += _sets_table(self.sets)
        return text

    def write(self, folder: Path) -> list[Path]:
        """Writes results.csv, results.md and sheet.png into a folder; returns their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / name for name in ("results.csv", "results.md", "sheet.png")]
        write_csv(paths[0], self.results)
        paths[1].write_text(self.markdown(), encoding="utf-8")
        write_sheet(paths[2], self.headings, self.rows)
        return paths


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says about a shape: a mesh in the network's frame, or a copy."""

    answer: Mesh | ShapeCopy
    seconds: dict[str, float] = field(default_factory=dict)
    note: str = ""

    def scores(self, target: LabelledShape, protocol: Protocol) -> dict[str, float]:
        """The measures against the truth."""
        if isinstance(self.answer, ShapeCopy):
            return self.answer.scores(target, samples=protocol.samples)
        return evaluate_mesh(
            self.answer,
            target.points,
            target.occupancies,
            target.surface_points,
            target.surface_normals,
            protocol.seed,
            samples=protocol.samples,
        )

    def picture(self) -> NDArray[np.uint8]:
        """For the contact sheet."""
        if isinstance(self.answer, ShapeCopy):
            copied = self.answer.shape
            return draw_points(copied.surface_points, copied.surface_normals)
        return draw_mesh(self.answer)


Method = Callable[[LabelledShape, Observation | None], Answer]


def evaluate(
    weights: str | Path,
    root: Path,
    protocol: Protocol | None = None,
    *,
    baselines: Sequence[str] = (),
    device: str = "auto",
    progress: bool = False,
) -> Evaluation:
    """Measures a weights file (or a model's name) on a dataset in the original's layout.

    baselines: names of BASELINES. progress: show bars. Shapes whose files are unusable are skipped
    and listed. Raises InputError for unusable datasets, ModelError, DeviceError.
    """
    network, description = load_weights(find_model(weights).path)
    return evaluate_network(
        network,
        description,
        root,
        protocol,
        baselines=baselines,
        device=device,
        progress=progress,
    )


def evaluate_network(
    network: nn.Module,
    description: ModelDescription,
    root: Path,
    protocol: Protocol | None = None,
    *,
    baselines: Sequence[str] = (),
    device: str = "auto",
    progress: bool = False,
) -> Evaluation:
    """`evaluate` for a network that is in memory, in evaluation mode."""
    start = time.perf_counter()
    protocol = protocol or Protocol()
    description = protocol.inputs_of(description)
    _check_baselines(baselines, description.input_kind)
    shapes = _chosen_shapes(root, protocol)
    reconstructor = Reconstructor.of_network(network, description, device)
    settings = Settings(
        resolution=protocol.resolution,
        threshold=protocol.threshold,
        normals=False,
        seed=protocol.seed,
    )
    if isinstance(network, OccupancyNetwork) and description.input_kind == "none":
        methods = {"network": _rebuilding(reconstructor, network, settings)}
    else:
        methods = {"network": _reconstructing(reconstructor, settings)}
    evaluation = Evaluation(description, root.resolve().name, protocol)
    if baselines:
        methods |= _baseline_methods(evaluation, root, baselines, shapes, progress)
    evaluation.headings = ["input", *methods, "truth"]
    drawn = set(_spread(len(shapes), SHEET_ROWS))
    clouds = []
    for index, (category, name) in enumerate(tqdm(shapes, "shapes", disable=not progress)):
        try:
            shape = read_shape(root, category, name)
            observation = observe(shape, description, protocol.seed)
        except InputError as error:
            evaluation.skipped.append(str(error))
            continue
        row = _measure(evaluation, methods, shape, observation, draw=index in drawn)
        if row is not None:
            evaluation.rows.append(row)
        clouds.append(surface_cloud(shape, protocol.seed))
    if not evaluation.results:
        raise InputError(f"No shape of {root} could be measured: {evaluation.skipped[0]}")
    if description.input_kind == "none":
        samples, empty = sample_clouds(reconstructor, len(clouds), settings, protocol.seed)
        evaluation.sets = {
            "samples": compare_sets(samples, clouds, empty),
            "training shapes": compare_sets(
                _training_clouds(root, protocol, shapes, len(clouds)), clouds
            ),
        }
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
    pictures, captions = [], []
    for method, answer_to in methods.items():
        answer = answer_to(target, observation)
        scores = answer.scores(target, evaluation.protocol)
        evaluation.results.append(
            Result(target.category, target.name, method, scores, answer.seconds, answer.note)
        )
        if draw:
            pictures.append(answer.picture())
            captions.append(f"IoU {scores['iou']:.3f}  CD {scores['chamfer_l1']:.4f}")
    if not draw:
        return None
    truth = draw_points(shape.surface_points, shape.surface_normals)
    return SheetRow(
        [_input_picture(observation), *pictures, truth],
        [f"{target.category} {target.name}", *captions, ""],
    )


def _chosen_shapes(root: Path, protocol: Protocol) -> list[tuple[str, str]]:
    shapes = list_shapes(root, protocol.split, protocol.categories)
    if protocol.samples < 1:
        raise InputError(f"At least 1 sample point is needed, not {protocol.samples}.")
    if protocol.limit is None:
        return shapes
    if protocol.limit < 1:
        raise InputError(f"The limit must be at least 1 shape, not {protocol.limit}.")
    return [shapes[index] for index in _spread(len(shapes), protocol.limit)]


def _spread(total: int, count: int) -> list[int]:
    """At most `count` of range(total), spread evenly."""
    return sorted({int(i) for i in np.linspace(0, total - 1, min(total, count)).round()})


def _reconstructing(reconstructor: Reconstructor, settings: Settings) -> Method:
    """The network's answer to what it is shown."""

    def answer(target: LabelledShape, observation: Observation | None) -> Answer:
        assert observation is not None
        try:
            made = reconstructor.reconstruct(observation, settings)
        except NoSurfaceError as error:
            return Answer(EMPTY, note=str(error))
        return Answer(in_network_frame(made), made.seconds)

    return answer


def _rebuilding(
    reconstructor: Reconstructor, network: OccupancyNetwork, settings: Settings
) -> Method:
    """A generative network's answer: the shape encoded from its labels and decoded again."""

    def answer(target: LabelledShape, observation: Observation | None) -> Answer:
        latent = infer_latent(network, target, settings.seed)
        try:
            made = reconstructor.generate(latent, settings)
        except NoSurfaceError as error:
            return Answer(EMPTY, note=str(error))
        return Answer(in_network_frame(made), made.seconds)

    return answer


def _check_baselines(baselines: Sequence[str], input_kind: str) -> None:
    for name in baselines:
        if name not in BASELINES:
            raise InputError(f"There is no baseline {name!r}; there are {', '.join(BASELINES)}.")
    if "nearest" in baselines and input_kind not in ("points", "voxels"):
        raise InputError(
            "The baseline 'nearest' compares point clouds or voxels, which this model does not "
            "read: choose 'oracle', which compares with the truth, or 'mean'."
        )


def _baseline_methods(
    evaluation: Evaluation,
    root: Path,
    baselines: Sequence[str],
    shapes: Sequence[tuple[str, str]],
    progress: bool,
) -> dict[str, Method]:
    """Reads the training shapes of the same categories once and makes the baselines of them.

    Unusable training shapes are left out and listed.
    """
    protocol = evaluation.protocol
    categories = list(dict.fromkeys(category for category, _ in shapes))
    with_voxels = evaluation.description.input_kind == "voxels" and "nearest" in baselines
    index, means = TrainingShapes(), {}
    training = list_shapes(root, protocol.train_split, categories)
    bar = tqdm(total=len(training), desc="training shapes", disable=not progress)
    for category in categories:
        members = []
        for name in (name for of, name in training if of == category):
            bar.update()
            try:
                shape = read_shape(root, category, name)
                voxels = read_voxels(shape.folder) if with_voxels else None
            except InputError as error:
                evaluation.skipped.append(f"(training) {error}")
                continue
            if set(baselines) - {"mean"}:
                index.add(shape, voxels)
            members.append(thinned(shape, surface=0))
        if "mean" in baselines:
            means[category] = mean_shape(members).mesh()
    bar.close()

    def copy(chosen: int) -> ShapeCopy:
        return ShapeCopy(read_shape(root, *index.shapes[chosen]))

    def mean(target: LabelledShape, observation: Observation | None) -> Answer:
        return Answer(means[target.category])

    def nearest(target: LabelledShape, observation: Observation | None) -> Answer:
        assert observation is not None
        start = time.perf_counter()
        find = index.nearest_to_points if observation.kind == "points" else index.nearest_to_voxels
        chosen = find(observation.data)
        seconds = {"search": time.perf_counter() - start}
        return Answer(copy(chosen), seconds, "/".join(index.shapes[chosen]))

    def oracle(target: LabelledShape, observation: Observation | None) -> Answer:
        chosen = best_overlap(target, index, lambda entry: read_shape(root, *entry))
        return Answer(copy(chosen), note="/".join(index.shapes[chosen]))

    known: dict[str, Method] = {"mean": mean, "nearest": nearest, "oracle": oracle}
    return {name: known[name] for name in baselines}


def _training_clouds(
    root: Path, protocol: Protocol, shapes: Sequence[tuple[str, str]], count: int
) -> list[NDArray[np.floating]]:
    """As many real training shapes as there are samples: what coverage is good for them?"""
    categories = list(dict.fromkeys(category for category, _ in shapes))
    training = list_shapes(root, protocol.train_split, categories)
    return [
        surface_cloud(read_shape(root, *training[index]), protocol.seed)
        for index in _spread(len(training), count)
    ]


def _input_picture(observation: Observation | None) -> NDArray[np.uint8]:
    if observation is None:
        return draw_points(np.zeros((0, 3)))
    if observation.kind == "points":
        return draw_points(observation.data)
    if observation.kind == "voxels":
        return draw_points(*voxel_surface(observation.data > 0))
    return (255 * observation.data.transpose(1, 2, 0)).round().astype(np.uint8)


def _input_text(description: ModelDescription) -> str:
    details = ", ".join(f"{name} {value}" for name, value in description.inputs.items())
    return description.input_kind + (f" ({details})" if details else "")


def _sets_table(sets: dict[str, SampleSet]) -> str:
    lines = [
        "",
        "## Generation",
        "",
        "Coverage: share of the test shapes that are nearest to some shape of the set (higher is "
        "better). MMD: mean Chamfer-L1 from a test shape to the set's nearest (lower is better). "
        "As many real training shapes show what is reachable.",
        "",
        "| set | shapes | without surface | coverage | MMD |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {found.size} | {found.empty} | {found.coverage:.3f} | {found.mmd:.4f} |"
        for name, found in sets.items()
    ]
    return "\n".join(lines) + "\n"


def _rounded(value: float) -> float:
    return round(float(value), 5)


@click.command()
@click.argument("weights")
@click.option(
    "--data",
    "root",
    required=True,
    type=click.Path(path_type=Path),
    help="Dataset in the original's layout.",
)
@click.option("--split", default="test", show_default=True)
@click.option("--categories", help="Only these, separated by commas.")
@click.option("--limit", type=int, help="So many shapes only, spread over the split.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the report.")
@click.option("--baselines", default="", help=f"Of {', '.join(BASELINES)}, separated by commas.")
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
@click.option("--input-noise", type=float, help="Noise of the input clouds; else the model's own.")
@click.option("--device", default="auto", show_default=True)
@click.option("--record", is_flag=True, help="Write the means into the weights' description.")
def main(
    weights: str,
    root: Path,
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
    input_noise: float | None,
    device: str,
    record: bool,
) -> None:
    """Measures WEIGHTS, a file or the name of a model that ships, on the shapes of a split."""
    protocol = Protocol(
        split=split,
        categories=tuple(_listed(categories)) if categories else None,
        limit=limit,
        samples=samples,
        resolution=resolution,
        threshold=threshold,
        seed=seed,
        input_points=input_points,
        input_noise=input_noise,
    )
    try:
        if record and not protocol.is_complete:
            raise InputError("Only the full protocol is recorded: drop --limit and --samples.")
        if record and (input_points, input_noise) != (None, None):
            raise InputError("Only the model's own inputs are recorded: drop --input-...")
        entry = find_model(weights)
        evaluation = evaluate(
            entry.path,
            root,
            protocol,
            baselines=_listed(baselines),
            device=device,
            progress=sys.stderr.isatty(),
        )
        folder = output or Path("out", "evaluation", entry.path.stem)
        paths = evaluation.write(folder)
        if record:
            record_metrics(entry.path, evaluation.metrics())
    except (OnetError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    click.echo(evaluation.markdown())
    for path in paths:
        click.echo(path)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


if __name__ == "__main__":
    main()
