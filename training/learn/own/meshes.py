"""What `onet-train` does: builds a dataset, plans, trains, and registers the weights."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from onet_core.errors import InputError
from onet_core.mesh.files import replacing

from ...data.build import layout
from ...data.build.folder import list_meshes
from ...data.build.layout import Record
from ...data.build.source import Entry
from ...data.build.work import Amount, build
from ..callbacks import duration_text
from ..config import Config, load_config
from ..lightning_module import OccupancyTraining
from ..train import make_loaders, make_module, train
from .bar import StepsOnBar, WholeBar, whole_bar
from .register import SECONDS_PER_MESH, register
from .split import assigned, read_splits, write_splits
from .wish import Wish, checked, initial_model

CONFIGS = {"points": "free/points", "voxels": "free/voxels", "image": "free/picture_planes"}
GENERATIVE = "free/chair"
# Trained networks go on at this part of a fresh one's learning rate.
GOING_ON_PACE = 0.1
# Measured on 18 chairs: damaged and turned clouds make a trained network worse while it learns from
# few meshes, even for turned clouds; these make it better.
GOING_ON_AUGMENTATIONS = {"points": ["mirror", "stretch"]}
PLAN_FILE = "plan.json"
# Of the time for training, what validation and checkpoints take.
OVERHEAD = 0.15
TIMED_STEPS = 5
# Meshes that are built first, to say how long all of them will take.
TIMED_MESHES = 3
BUILDING, TRAINING, MEASURING = "Building meshes:", "Training: step", "Measuring meshes:"
logger = logging.getLogger(__name__)


def build_dataset(wish: Wish, work: Path, bar: WholeBar) -> dict[str, int]:
    """Makes what is missing of the dataset of the user's meshes; returns how many each split has.

    The meshes that could be used are shared out among the splits. Raises InputError where fewer
    than two could.
    """
    root = work / "data"
    entries = [
        replace(one, split="train") for one in list_meshes(wish.source, up_axis=wish.up_axis)
    ]
    views = wish.views if wish.input_kind == "image" else 0
    amount = Amount(points=wish.points, surface=wish.points, views=views)
    done = 0

    def told(record: Record) -> None:
        nonlocal done
        done += 1
        bar.at(BUILDING, done, len(entries), _name(record))

    missing = [one for one in entries if not layout.is_built(root / one.category / one.name)]
    timed = missing[:TIMED_MESHES]
    start = time.perf_counter()
    build(timed, root, amount)
    pace = (time.perf_counter() - start) / max(1, len(timed))
    _announce(wish, len(missing) - len(timed), pace, len(entries), bar)
    records = build(entries, root, amount, workers=wish.workers, told=told)
    for record in records:
        if record.status != "built":
            logger.warning("%s is left out: %s", _name(record), record.reason)
    return _share_out(wish, work, root, records)


def _announce(wish: Wish, missing: int, pace: float, meshes: int, bar: WholeBar) -> None:
    """Says how long all will take, as far as that is known; pace: seconds that a mesh takes."""
    building = pace * missing / wish.workers
    learning = f"{wish.steps} steps" if wish.steps else duration_text(60 * wish.minutes)
    logger.info(
        "Plan: %s to build %s, %s to train, then some seconds for each mesh that is measured.",
        f"about {duration_text(building)}" if missing else "nothing",
        f"{missing} more of {meshes} meshes" if missing else f"as all {meshes} meshes are there",
        learning,
    )
    measured = 0.3 * meshes if wish.input_kind != "none" else 0
    training = 60 * wish.minutes if wish.steps is None else float(wish.steps)
    bar.plan({BUILDING: building, TRAINING: training, MEASURING: SECONDS_PER_MESH * measured})


def _share_out(wish: Wish, work: Path, root: Path, records: Sequence[Record]) -> dict[str, int]:
    """Writes the lists of the splits; raises InputError for fewer than two usable meshes."""
    usable = {_name(record): record for record in records if record.status == "built"}
    if len(usable) < 2:
        raise InputError(
            f"Of {len(records)} meshes in {wish.source}, {len(usable)} could be used: too few to "
            "learn from some and check on others."
        )
    splits = assigned(usable, read_splits(work))
    write_splits(work, splits)
    shared = [replace(record, split=splits[name]) for name, record in usable.items()]
    layout.write_lists(root, shared, others=False)
    layout.write_report(root, shared)
    return dict(Counter(splits.values()))


def _name(shape: Entry | Record) -> str:
    return f"{shape.category}/{shape.name}"


def make_config(wish: Wish, work: Path, learning: int, steps: int) -> Config:
    """The configuration of a run in the folder `work`, sized to the machine.

    learning: meshes that it learns from. Begun from a model, the network is that model's.
    """
    accelerated = torch.cuda.is_available()
    batch = min(32 if accelerated else 8, learning)
    config = load_config(
        CONFIGS.get(wish.input_kind, GENERATIVE),
        [
            "data.categories=null",
            f"data.workers={wish.workers if wish.workers > 1 else 0}",
            f"training.batch_size={batch}",
            "training.accumulate=1",
            f"training.max_steps={steps}",
            f"training.warmup_steps={min(200, steps // 10)}",
            f"training.validate_every={max(1, steps // 10)}",
            f"training.checkpoint_every={max(1, min(500, steps // 20))}",
            f"training.precision={'bf16-mixed' if accelerated else '32-true'}",
        ],
    )
    config.data.root = str(work / "data")
    config.output.directory = str(work / "run")
    config.model.name, config.model.title = wish.key, wish.name
    config.model.licence = wish.licence or f"unknown: that of the meshes in {wish.source.name}"
    config.model.attribution = config.model.limits = ""
    begun = initial_model(wish)
    if begun is not None:
        path, description = begun
        config.training.initial_weights = str(path)
        config.model.architecture = description.architecture
        config.data.image_size = description.inputs.get("image_size", config.data.image_size)
        config.model.network = dict(description.network)
        config.model.network.pop("centres", None)  # those of the shapes that it learned from
        config.test.threshold, config.test.steps = description.threshold, description.steps
        config.training.learning_rate *= GOING_ON_PACE
        config.data.augmentations = GOING_ON_AUGMENTATIONS.get(
            wish.input_kind, config.data.augmentations
        )
        config.model.licence = (
            f"{description.licence or 'unknown'} (the model {description.name!r} that it began "
            f"from), and of the meshes that it learned from then: {wish.licence or 'unknown'}"
        )
        config.model.attribution = description.attribution
    return config


def seconds_per_step(config: Config) -> float:
    """How long a training step takes here, by trying some."""
    training, _ = make_loaders(config)
    dataset: Any = training.dataset
    if config.data.workers == 0:
        for index in range(len(dataset)):  # what is read once only is no part of a step
            dataset[index]
    module = make_module(config, len(dataset))
    module.to("cuda" if torch.cuda.is_available() else "cpu")
    optimiser = torch.optim.Adam(module.parameters(), 1e-9)
    batches = _endless(training)
    start = 0.0
    for step in range(1 + TIMED_STEPS):
        if step == 1:  # the first one warms up
            start = time.perf_counter()
        batch = {name: value.to(module.device) for name, value in next(batches).items()}
        _step(module, optimiser, batch)
    return (time.perf_counter() - start) / TIMED_STEPS


def _step(
    module: OccupancyTraining, optimiser: torch.optim.Optimizer, batch: dict[str, torch.Tensor]
) -> None:
    optimiser.zero_grad()
    module.loss(batch).backward()
    optimiser.step()


def _endless(loader: Any) -> Any:
    while True:
        yield from loader


def plan_steps(wish: Wish, work: Path, learning: int) -> int:
    """How many steps to train: those of the plan that the same wish made before, or a new one."""
    asked = {
        "steps": wish.steps,
        "minutes": None if wish.steps else wish.minutes,
        "input": wish.input_kind,
    }
    path = work / PLAN_FILE
    if path.is_file():
        plan = json.loads(path.read_text(encoding="utf-8"))
        if plan["asked"] == asked:
            return int(plan["steps"])
    steps = wish.steps
    if steps is None:
        pace = seconds_per_step(make_config(wish, work, learning, 1000))
        steps = max(20, round((1 - OVERHEAD) * 60 * wish.minutes / pace))
        logger.info(
            "A step takes %.2f s here: %d steps in about %g minutes.", pace, steps, wish.minutes
        )
    with replacing(path) as file:
        file.write(json.dumps({"asked": asked, "steps": steps}).encode())
    return steps


def train_own(wish: Wish, work: Path, progress: bool = False) -> Path:
    """Builds, trains and registers; returns the weights in the folder of the user's models.

    work: where dataset and run are kept. progress: show a bar. Raises OnetError.
    """
    begun, target = checked(wish, work)
    with whole_bar(progress) as bar:
        counts = build_dataset(wish, work, bar)
        logger.info(
            "%d meshes are ready: %d to learn from, %d to choose by, %d to measure in the end; the "
            "network %s.",
            sum(counts.values()),
            *(counts.get(split, 0) for split in layout.SPLITS),
            f"begins as {begun[1].name!r}" if begun else "begins fresh, which takes hours",
        )
        steps = plan_steps(wish, work, counts["train"])
        config = make_config(wish, work, counts["train"], steps)
        weights = train(config, bar=StepsOnBar(bar, TRAINING))
        register(wish, config, weights, target, lambda done, all: bar.at(MEASURING, done, all))
    return target
