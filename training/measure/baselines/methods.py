"""The baselines by name, as methods that answer like a network.

Any input: `mean`, the mean shape of the category; `oracle`, the training shape that overlaps most
with the truth. Points and voxels: `nearest`, the training shape nearest to the input; and the
classical methods of `surfaces`. Pictures: `nearest_pixels` and `nearest_code`, the training shape
whose picture is nearest, see `pictures`.
Means and copies are given the category's usual place and turn, which a network has to find out.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn
from tqdm import tqdm

from onet_core.errors import InputError
from onet_core.inputs.observation import Observation
from onet_core.models.description import ModelDescription

from ...data.labelled import LabelledShape, list_shapes, read_shape
from ..answers import EMPTY, Answer, Method
from ..protocol import Protocol
from .copies import ShapeCopy, TrainingShapes, best_overlap
from .pictures import PictureIndex, code_features, pixel_features
from .surfaces import SURFACINGS, chosen_parameters, contains, missing_for
from .training_shapes import summarise_category

BASELINES = {
    "points": ("mean", "nearest", "oracle", "poisson", "ball_pivoting", "alpha", "blender"),
    "voxels": (
        "mean",
        "nearest",
        "oracle",
        "marching_cubes",
        "smoothed",
        "marching_cubes_halfway",
        "smoothed_halfway",
    ),
    "image": ("mean", "nearest_pixels", "nearest_code", "oracle"),
    "none": ("mean", "oracle"),
    "index": (),  # its test shapes are the training shapes that those copy
}
ALL = "all"
# Copies that stay in memory with their search trees: some 30 MB each.
KEPT_COPIES = 16


@dataclass
class Baselines:
    """Methods by name.

    notes, skipped: sentences for the report.
    """

    methods: dict[str, Method] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def choose_baselines(names: Sequence[str], input_kind: str) -> tuple[list[str], list[str]]:
    """The baselines that were asked for, and a note for each that "all" has to leave out.

    Raises InputError for unknown names, and for named ones that can't be had.
    """
    known = BASELINES[input_kind]
    chosen: list[str] = []
    notes: list[str] = []
    for name in names:
        if name == ALL:
            missing = {other: missing_for(other) for other in known}
            chosen += [other for other in known if not missing[other]]
            notes += [f"Left out: {sentence}" for sentence in missing.values() if sentence]
        elif name not in known:
            raise InputError(
                f"There is no baseline {name!r} for a model that reads {input_kind!r}; "
                + (
                    f"there are {', '.join(known)}, and {ALL}."
                    if known
                    else "there is none at all."
                )
            )
        elif missing_for(name):
            raise InputError(missing_for(name))
        else:
            chosen.append(name)
    return list(dict.fromkeys(chosen)), notes


def make_baselines(
    names: Sequence[str],
    network: nn.Module,
    description: ModelDescription,
    root: Path,
    protocol: Protocol,
    categories: Sequence[str],
    progress: bool = False,
    cache: Path | None = None,
) -> Baselines:
    """The named baselines, ready to answer; training shapes are read once, where they are needed.

    network, description: the model beside which they stand. Unusable training shapes are left out
    and listed. cache: folder for what is kept of training shapes between runs. Raises InputError.
    """
    chosen, notes = choose_baselines(names, description.input_kind)
    made = Baselines(notes=notes)
    copying = [name for name in chosen if name not in SURFACINGS]
    if copying:
        features = {
            name: code_features(network) if name == "nearest_code" else pixel_features
            for name in copying
            if name in ("nearest_pixels", "nearest_code")
        }
        size = int(description.inputs.get("image_size", 224))
        pictures = {name: PictureIndex(feature, size) for name, feature in features.items()}
        _add_training_shapes(
            made, copying, pictures, description, root, protocol, categories, progress, cache
        )
    for name in chosen:
        if name in SURFACINGS:
            _add_surfacing(made, name, description, protocol)
    made.methods = {name: made.methods[name] for name in chosen}
    return made


def _add_surfacing(
    made: Baselines, name: str, description: ModelDescription, protocol: Protocol
) -> None:
    surfacing, count = SURFACINGS[name], int(description.inputs.get("points", 300))
    if surfacing.combinations(protocol.conditions)[1:]:
        parameters, source = chosen_parameters(name, count, protocol.conditions)
    else:
        (parameters,), source = surfacing.combinations(protocol.conditions), "has no choice"
    values = ", ".join(f"{key} {value}" for key, value in parameters.items())
    made.notes.append(f"Baseline {name}: {values} ({source}).")

    def answer(target: LabelledShape, observation: Observation | None) -> Answer:
        assert observation is not None
        start = time.perf_counter()
        try:
            mesh, note = surfacing(observation.data, parameters), ""
        except InputError as error:
            mesh, note = EMPTY, str(error)
        seconds = {"surface": time.perf_counter() - start}
        return Answer(mesh.transformed(observation.frame.matrix), seconds, note, contains)

    made.methods[name] = answer


def _add_training_shapes(
    made: Baselines,
    names: Sequence[str],
    pictures: Mapping[str, PictureIndex],
    description: ModelDescription,
    root: Path,
    protocol: Protocol,
    categories: Sequence[str],
    progress: bool,
    cache: Path | None,
) -> None:
    with_voxels = description.input_kind == "voxels" and "nearest" in names
    index, means = TrainingShapes(), {}
    training = list_shapes(root, protocol.train_split, categories)
    bar = tqdm(total=len(training), desc="training shapes", disable=not progress)
    for category in categories:
        if {"mean", "nearest", "oracle"} & set(names):
            summary = summarise_category(
                root,
                protocol.train_split,
                category,
                with_voxels=with_voxels,
                cache=cache,
                advance=bar.update,
            )
            index.extend(summary.index)
            means[category] = summary.mean.mesh()
            made.skipped += summary.skipped
        for name in (name for of, name in training if of == category and pictures):
            try:
                for views in pictures.values():
                    views.add(category, name, root / category / name)
            except InputError as error:
                made.skipped.append(f"(training) {error}")
    bar.close()

    @functools.lru_cache(maxsize=KEPT_COPIES)
    def copy(chosen: tuple[str, str]) -> ShapeCopy:
        return ShapeCopy(read_shape(root, *chosen))

    def copied(chosen: tuple[str, str], start: float) -> Answer:
        seconds = {"search": time.perf_counter() - start}
        return Answer(copy(chosen), seconds, "/".join(chosen))

    def mean(target: LabelledShape, observation: Observation | None) -> Answer:
        return Answer(means[target.category])

    def nearest(target: LabelledShape, observation: Observation | None) -> Answer:
        assert observation is not None
        start = time.perf_counter()
        if observation.kind == "points":
            chosen = index.nearest_to_points(observation.frame.to_source(observation.data))
        else:
            chosen = index.nearest_to_voxels(observation.data)
        return copied(index.shapes[chosen], start)

    def looking_alike(views: PictureIndex) -> Method:
        def answer(target: LabelledShape, observation: Observation | None) -> Answer:
            assert observation is not None
            start = time.perf_counter()
            return copied(views.nearest(observation.data), start)

        return answer

    def oracle(target: LabelledShape, observation: Observation | None) -> Answer:
        start = time.perf_counter()
        chosen = best_overlap(target, index, lambda entry: read_shape(root, *entry))
        return copied(index.shapes[chosen], start)

    known: dict[str, Method] = {
        "mean": mean,
        "nearest": nearest,
        "oracle": oracle,
        **{name: looking_alike(views) for name, views in pictures.items()},
    }
    made.methods |= {name: known[name] for name in names}
