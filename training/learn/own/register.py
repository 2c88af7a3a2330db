"""The end of `onet-train`: threshold, verdict, a measure on unseen meshes, the weights in place."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from onet_core.models.description import ModelDescription
from onet_core.models.weights import load_weights, save_weights

from ...data.labelled import list_shapes
from ...measure.evaluate import evaluate_network
from ...measure.protocol import Protocol
from ...measure.report import MEASURES
from ..config import Config
from .choice import best_threshold, choosing_shapes
from .wish import Wish

# What a mesh takes to be made at several thresholds or measured, about, for the bar only.
SECONDS_PER_MESH = 4.0
# Of the meshes that only measure; each takes seconds.
MOST_TO_MEASURE = 100
REPORT = "report"
logger = logging.getLogger(__name__)
Told = Callable[[int, int], None]


def register(wish: Wish, config: Config, weights: Path, target: Path, told: Told) -> None:
    """Puts weights among the user's models, with threshold, figures and licence on their card.

    The meshes that choose (split val) choose the threshold, and whether the network is better than
    the one that it began from, which is taken otherwise. What is reported is measured on meshes
    that chose nothing (split test). Networks without an input can't be compared: they are taken as
    they are. told: is called with how many measurements are done, and of how many.
    """
    network, description = load_weights(weights)
    root = Path(config.data.root)
    description = _described(wish, description, root)
    if description.input_kind == "none":
        save_weights(target, network, description, half=config.output.half)
        return
    begun = config.training.initial_weights
    rivals = {"trained": (network, description)}
    if begun:
        rivals["begun"] = load_weights(Path(begun))
    unseen = has_unseen(root)
    total = len(rivals) * (len(choosing_shapes(root)) + (1 if unseen else 0))
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        told(done, total)

    chosen: dict[str, tuple[nn.Module, ModelDescription]] = {}
    ious = {}
    for name, (rival, about) in rivals.items():
        threshold, ious[name] = best_threshold(rival, about, root, step, wish.resolution)
        chosen[name] = rival, about.at(threshold)
    count = len(choosing_shapes(root))
    better = "begun" not in ious or ious["trained"] > ious["begun"]
    if begun:
        logger.info(
            "Mean IoU on the %d meshes that choose: %.3f before, %.3f after.",
            count,
            ious["begun"],
            ious["trained"],
        )
    else:
        logger.info("Mean IoU on the %d meshes that choose: %.3f.", count, ious["trained"])
    network, taken = chosen["trained" if better else "begun"]
    if not better:
        logger.warning(
            "Training did not make %r better: its weights are taken as they were. More "
            "meshes or more minutes may help.",
            taken.name,
        )
        description = _unchanged(description, taken, wish)
    description = description.at(taken.threshold)
    metrics: dict[str, Any] = {}
    if unseen:
        metrics = _measured(network, description, root, wish, Path(config.output.directory))
        step()
        if begun:
            before = metrics if not better else _measured(*chosen["begun"], root, wish)
            metrics["baselines"] = {
                f"{chosen['begun'][1].name}, as it was": {
                    name: value for name, value in before.items() if name in MEASURES
                }
            }
            step()
        logger.info(
            "On the %d meshes that nothing was chosen by: IoU %.3f%s, Chamfer-L1 %.4f.",
            metrics["shapes"],
            metrics["iou"],
            f" ({before['iou']:.3f} before)" if begun else "",
            metrics["chamfer_l1"],
        )
    else:
        logger.warning(
            "There are too few meshes to keep some that nothing is chosen by: how well the model "
            "does was not measured."
        )
    save_weights(target, network, replace(description, metrics=metrics), half=config.output.half)


def has_unseen(root: Path) -> bool:
    """Whether there are meshes that neither learn nor choose."""
    return any(path.read_text(encoding="utf-8").strip() for path in root.glob("*/test.lst"))


def _described(wish: Wish, description: ModelDescription, root: Path) -> ModelDescription:
    """With what it learned from."""
    learned = list_shapes(root, "train")
    training = {**description.training, "data": f"{len(learned)} meshes of {wish.source.name}"}
    categories = sorted({category for category, _ in learned})
    return replace(description, categories=categories, training=training)


def _unchanged(
    description: ModelDescription, begun: ModelDescription, wish: Wish
) -> ModelDescription:
    """The trained network's description for weights that stayed as they were."""
    note = f"training on {description.training['data']} did not make it better and is not in it"
    return replace(
        begun,
        name=description.name,
        title=description.title,
        training={**begun.training, "tried": note},
    )


def _measured(
    network: nn.Module,
    description: ModelDescription,
    root: Path,
    wish: Wish,
    folder: Path | None = None,
) -> dict[str, Any]:
    """The figures for the card, by the paper's protocol; the report goes into a folder."""
    count = len(list_shapes(root, "test"))
    limit = MOST_TO_MEASURE if count > MOST_TO_MEASURE else None
    protocol = Protocol(limit=limit, resolution=wish.resolution)
    evaluation = evaluate_network(network, description, root, protocol)
    evaluation.dataset = wish.source.name
    if folder is not None:
        evaluation.write(folder / REPORT)
    return evaluation.metrics()
