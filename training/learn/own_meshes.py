"""What `onet-train` does: builds a dataset, plans, trains, and registers the weights."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from onet_core.errors import InputError
from onet_core.mesh.files import replacing
from onet_core.models.description import ModelDescription
from onet_core.models.weights import load_weights, save_weights

from ..data.build.folder import list_meshes
from ..data.build.source import Entry
from ..data.build.work import Amount, build
from .config import Config, load_config
from .lightning_module import OccupancyTraining, batch_iou
from .own_wish import Wish, checked, initial_model
from .train import make_loaders, make_module, train

CONFIGS = {"points": "free/points", "voxels": "free/voxels", "image": "free/picture"}
GENERATIVE = "free/chair"
VALIDATION_SHARE = 0.15
# Trained networks go on at this part of a fresh one's learning rate.
GOING_ON_PACE = 0.1
# Measured on 18 chairs: damaged and turned clouds make a trained network worse while it learns from
# few meshes, even for turned clouds; these make it better.
GOING_ON_AUGMENTATIONS = {"points": ["mirror", "stretch"]}
PLAN_FILE = "plan.json"
# Of the time for training, what validation and checkpoints take.
OVERHEAD = 0.15
TIMED_STEPS = 5
# Among these probabilities that at the surface is chosen.
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)
logger = logging.getLogger(__name__)


def assigned(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, a seventh of them (at least one) for validation and the others for training.

    By a hash of their names, so that the same meshes are always chosen. Raises InputError for fewer
    than two.
    """
    if len(entries) < 2:
        raise InputError(
            "At least 2 meshes are needed to learn from one and check on the other; some dozens "
            "are good."
        )
    order = sorted(entries, key=lambda entry: zlib.crc32(f"{entry.category}/{entry.name}".encode()))
    checked = set(map(id, order[: max(1, round(VALIDATION_SHARE * len(order)))]))
    return [
        dataclasses.replace(entry, split="val" if id(entry) in checked else "train")
        for entry in entries
    ]


def build_dataset(wish: Wish, root: Path, progress: bool = False) -> int:
    """Makes what is missing of the dataset of the user's meshes; returns how many were usable.

    Raises InputError where fewer than two are, or none is left to train or to check with.
    """
    entries = assigned(list_meshes(wish.source, up_axis=wish.up_axis))
    views = wish.views if wish.input_kind == "image" else 0
    amount = Amount(points=wish.points, surface=wish.points, views=views)
    records = build(entries, root, amount, workers=wish.workers, progress=progress)
    usable = [record for record in records if record.status == "built"]
    for record in records:
        if record.status != "built":
            logger.warning("%s/%s is left out: %s", record.category, record.name, record.reason)
    splits = {record.split for record in usable}
    if not splits >= {"train", "val"}:
        raise InputError(
            f"Of {len(records)} meshes in {wish.source}, {len(usable)} could be used: too few to "
            "learn from some and check on others."
        )
    return len(usable)


def make_config(wish: Wish, work: Path, shapes: int, steps: int) -> Config:
    """The configuration of a run in the folder `work`, sized to the machine.

    shapes: of the dataset. Begun from a model, the network is that model's.
    """
    accelerated = torch.cuda.is_available()
    batch = min(32 if accelerated else 8, max(1, shapes - max(1, round(VALIDATION_SHARE * shapes))))
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
    config.model.licence = "as the meshes that it learned from"
    config.model.attribution = config.model.limits = ""
    begun = initial_model(wish)
    if begun is not None:
        path, description = begun
        config.training.initial_weights = str(path)
        config.model.architecture = description.architecture
        config.model.network = dict(description.network)
        config.model.network.pop("centres", None)  # those of the shapes that it learned from
        config.test.threshold, config.test.steps = description.threshold, description.steps
        config.training.learning_rate *= GOING_ON_PACE
        config.data.augmentations = GOING_ON_AUGMENTATIONS.get(
            wish.input_kind, config.data.augmentations
        )
        config.model.attribution = (
            f"Begun from {description.name!r} ({description.licence or 'licence unknown'})."
        )
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


def plan_steps(wish: Wish, work: Path, shapes: int) -> int:
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
        pace = seconds_per_step(make_config(wish, work, shapes, 1000))
        steps = max(20, round((1 - OVERHEAD) * 60 * wish.minutes / pace))
        logger.info(
            "A step takes %.2f s here: %d steps in about %g minutes.", pace, steps, wish.minutes
        )
    with replacing(path) as file:
        file.write(json.dumps({"asked": asked, "steps": steps}).encode())
    return steps


def train_own(wish: Wish, work: Path, progress: bool = False) -> Path:
    """Builds, trains and registers; returns the weights in the folder of the user's models.

    work: where dataset and run are kept. Raises OnetError.
    """
    begun, target = checked(wish, work)
    shapes = build_dataset(wish, work / "data", progress)
    logger.info(
        "%d meshes are ready; the network %s.",
        shapes,
        f"begins as {begun[1].name!r}" if begun else "begins fresh, which takes hours",
    )
    steps = plan_steps(wish, work, shapes)
    config = make_config(wish, work, shapes, steps)
    weights = train(config)
    register(config, weights, target)
    return target


def register(config: Config, weights: Path, target: Path) -> None:
    """Puts weights among the user's models, with the threshold that suits the checking meshes best.

    Where the network that it began from does better on these, that one's weights are
    taken, and a message says so. Networks without an input can't be compared: they are taken as
    they are.
    """
    network, description = load_weights(weights)
    if description.input_kind != "none":
        _, checking = make_loaders(config)
        threshold, iou = best_threshold(network, description, checking)
        shapes: Any = checking.dataset
        if config.training.initial_weights:
            begun, of_begun = load_weights(Path(config.training.initial_weights))
            before_threshold, before = best_threshold(begun, of_begun, checking)
            logger.info(
                "Mean IoU on the %d meshes kept for checking: %.3f before, %.3f after.",
                len(shapes),
                before,
                iou,
            )
            if before >= iou:
                logger.warning(
                    "Training did not make %r better: its weights are taken as they were. More "
                    "meshes or more minutes may help.",
                    of_begun.name,
                )
                network, threshold = begun, before_threshold
        else:
            logger.info("Mean IoU on the %d meshes kept for checking: %.3f.", len(shapes), iou)
        description = description.at(threshold)
    save_weights(target, network, description, half=config.output.half)


def best_threshold(
    network: Any, description: ModelDescription, loader: Iterable[dict[str, Tensor]]
) -> tuple[float, float]:
    """The probability at the surface with the highest mean IoU over validation shapes, and that.

    The network's own threshold where others are not better.
    """
    module = OccupancyTraining(description, learning_rate=0.0)
    module.network = network
    module.eval()
    thresholds = [description.threshold, *THRESHOLDS]
    ious: list[Tensor] = []
    with torch.no_grad():
        for batch in loader:
            z, code = module.latent_and_code(batch)
            probability = torch.sigmoid(network.decode(batch["points_iou"], z, code).float())
            target = batch["occupancies_iou"] >= 0.5
            ious.append(
                torch.stack([batch_iou(probability >= value, target) for value in thresholds])
            )
    means = torch.cat(ious, dim=1).mean(dim=1)
    best = int(means.argmax())
    return thresholds[best], float(means[best])
