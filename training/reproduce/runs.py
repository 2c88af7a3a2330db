"""Training what is missing of a table, and measuring it by the paper's protocol."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from onet_core.mesh.files import replacing
from onet_core.models.catalogue import read_description

from ..learn.config import Config
from ..learn.train import train
from ..measure.evaluate import evaluate
from ..measure.protocol import Protocol
from ..measure.provenance import commit_text
from .tables import Row, Table

WEIGHTS, METRICS, SHEET = "weights.safetensors", "metrics.json", "sheet.png"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Effort:
    """How much is spent on a table.

    seeds: runs of each row. steps: of each run, None for the profile's own.
    workers: processes that measure.
    """

    seeds: int = 3
    steps: int | None = None
    workers: int = 1
    protocol: Protocol = field(default_factory=Protocol)


@dataclass(frozen=True)
class Measured:
    """A run's figures: as `training.measure.evaluate` records them, and how it was made."""

    row: Row
    seed: int
    metrics: dict[str, Any]
    training: dict[str, Any]
    folder: Path

    def figure(self, name: str) -> float | None:
        """One of its means; None where it has none."""
        value = self.metrics.get(name)
        return float(value) if isinstance(value, int | float) else None


def run_table(
    table: Table, profile: str, root: Path, output: Path, effort: Effort
) -> list[Measured]:
    """Trains and measures each row with each seed; what is there already is only read.

    Runs that were stopped are resumed. Raises OnetError.
    """
    found = []
    for row in table.rows:
        for seed in range(effort.seeds):
            folder = output / "runs" / row.key / f"seed{seed}"
            overrides = [f"data.root={root}", f"output.directory={folder}", f"training.seed={seed}"]
            if effort.steps is not None:
                overrides.append(f"training.max_steps={effort.steps}")
            config = table.config(row, profile, tuple(overrides))
            weights = _trained(config, folder)
            protocol = replace(effort.protocol, train_split=config.data.train_split)
            metrics = _metrics(weights, root, folder, replace(effort, protocol=protocol))
            training = read_description(weights).training
            found.append(Measured(row, seed, metrics, training, folder))
            logger.info("%s, seed %d: IoU %.4f", row.title, seed, metrics["iou"])
    return found


def _trained(config: Config, folder: Path) -> Path:
    weights = folder / WEIGHTS
    if weights.is_file():
        kept, wanted = read_description(weights), config.description()
        # What is known by number has as many as there were shapes.
        same_network = wanted.input_kind == "index" or kept.network == wanted.network
        settings = json.loads(json.dumps(config.settings()))
        if same_network and kept.training.get("configuration") == settings:
            return weights
    (folder / METRICS).unlink(missing_ok=True)
    return train(config)


def _metrics(weights: Path, root: Path, folder: Path, effort: Effort) -> dict[str, Any]:
    """The figures on the test shapes, from the run's folder or measured and kept there."""
    path, protocol = folder / METRICS, effort.protocol
    asked = {
        "split": protocol.split,
        "limit": protocol.limit,
        "samples": protocol.samples,
        "resolution": protocol.resolution,
    }
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["asked"] == asked:
            return dict(kept["metrics"])
    evaluation = evaluate(weights, root, protocol, workers=effort.workers)
    evaluation.write(folder / "evaluation")
    metrics = evaluation.metrics()
    with replacing(path) as file:
        kept = {"asked": asked, "commit": commit_text(), "metrics": metrics}
        file.write(json.dumps(kept, indent=1).encode())
    return metrics


def keep_sheets(found: list[Measured], target: Path) -> list[Path]:
    """Copies the sheet of each row's first run; returns where they are."""
    target.mkdir(parents=True, exist_ok=True)
    kept = []
    for one in found:
        sheet = one.folder / "evaluation" / SHEET
        if one.seed == 0 and sheet.is_file():
            kept.append(target / f"{one.row.key}.png")
            shutil.copyfile(sheet, kept[-1])
    return kept
