"""What happens beside the training steps: throughput, pictures of meshes, lines for the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from onet_core.errors import NoSurfaceError
from onet_core.surface.extract import extract_surface

from ..sheet import draw_mesh, draw_points

logger = logging.getLogger(__name__)
PICTURE_RESOLUTION = 32
PICTURE_SAMPLES = 20_000


class Throughput(Callback):
    """Logs shapes and points per second over all processes, and the loader's share of the time.

    loader_share: how much of the time the loop waits for a batch. On a GPU the steps run on while
    the loop waits, so that the share is an upper limit of what the GPU loses. Validations are left
    out. every: batches between two figures; those of the whole run come at its end.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._ended: float | None = None
        self.recent = Pace()
        self.whole = Pace()

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """The batch is there: what passed since the last one's end was waiting."""
        self._started = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Mapping[str, Tensor],
        batch_idx: int,
    ) -> None:
        """Counts the batch; logs at regular steps."""
        # The first batch waits for the loader's processes to start, and compiles.
        before, self._ended = self._ended, time.perf_counter()
        if before is None:
            return
        shapes, points = batch["points"].shape[:2]
        for pace in (self.recent, self.whole):
            pace.waited += self._started - before
            pace.worked += self._ended - self._started
            pace.batches += 1
            pace.shapes += shapes * trainer.world_size
            pace.points += shapes * points * trainer.world_size
        if self.recent.batches >= self.every:
            pl_module.log_dict(self.recent.figures())
            self.recent = Pace()

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """What passed since the last batch was not waiting for a batch."""
        if self._ended is not None:
            self._ended = time.perf_counter()

    def on_train_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Prints the figures of the run."""
        if trainer.is_global_zero and self.whole.batches:
            logger.info("In all, without validations: %s.", pace_text(self.whole.figures()))


@dataclass
class Pace:
    """What some batches were, and the seconds that the loop waited for them and worked on them."""

    batches: int = 0
    shapes: int = 0
    points: int = 0
    waited: float = 0.0
    worked: float = 0.0

    def figures(self) -> dict[str, float]:
        """As they are logged."""
        seconds = self.waited + self.worked
        return {
            "shapes_per_second": self.shapes / seconds,
            "points_per_second": self.points / seconds,
            "loader_share": self.waited / seconds,
        }


def pace_text(figures: Mapping[str, float]) -> str:
    """Figures of a `Pace` as words."""
    share = 100 * figures["loader_share"]
    return (
        f"{figures['shapes_per_second']:.3g} shapes/s, {figures['points_per_second']:.4g} "
        f"points/s, {share:.1f} % of the time waiting for data, {100 - share:.1f} % in steps"
    )


class ProgressLog(Callback):
    """A line for every validation, for runs that nobody watches: figures, pace and what is left."""

    def __init__(self, throughput: Throughput) -> None:
        self.throughput = throughput

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """From here on steps are timed."""
        self._start, self._first = time.monotonic(), trainer.global_step

    def on_validation_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Logs the step and every figure."""
        if not trainer.is_global_zero:
            return
        pace = self.throughput.whole
        names = pace.figures() if pace.batches else {}
        figures = ", ".join(
            f"{name} {float(value):.4f}"
            for name, value in sorted(trainer.callback_metrics.items())
            if name not in names
        )
        rest = f"; {pace_text(names)}" if names else ""
        logger.info("Step %d%s: %s%s", trainer.global_step, self._left(trainer), figures, rest)

    def _left(self, trainer: lightning.Trainer) -> str:
        done, last = trainer.global_step - self._first, trainer.max_steps
        if last < 0 or done < 1:
            return ""
        seconds = (time.monotonic() - self._start) / done * (last - trainer.global_step)
        return f" of {last} ({duration_text(seconds)} left)"


def duration_text(seconds: float) -> str:
    """A duration in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class MeshPictures(Callback):
    """Shows TensorBoard the meshes of the first validation shapes, above what is true.

    The truth is drawn by the labelled points inside. count: of shapes.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Mapping[str, Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draws those of the first batch."""
        if batch_idx or not trainer.is_global_zero:
            return
        if not isinstance(trainer.logger, TensorBoardLogger):
            return
        count = min(self.count, len(batch["points"]))
        with torch.no_grad():
            columns = [
                np.concatenate([self._made(pl_module, batch, row), self._true(batch, row)])
                for row in range(count)
            ]
        trainer.logger.experiment.add_image(
            "meshes", np.concatenate(columns, axis=1), trainer.global_step, dataformats="HWC"
        )

    def _made(self, module: Any, batch: Mapping[str, Tensor], row: int) -> np.ndarray:
        one = {name: value[row : row + 1] for name, value in batch.items()}
        z, code = module.latent_and_code(one)
        try:
            mesh = extract_surface(
                lambda points: module.network.decode(points[None], z, code)[0].float(),
                resolution=PICTURE_RESOLUTION,
                threshold=module.description.threshold,
                padding=module.description.padding,
                device=module.device,
            )
        except NoSurfaceError:
            return draw_points(np.zeros((0, 3)))
        return draw_mesh(mesh, samples=PICTURE_SAMPLES)

    def _true(self, batch: Mapping[str, Tensor], row: int) -> np.ndarray:
        inside = batch["occupancies_iou"][row] >= 0.5
        return draw_points(batch["points_iou"][row][inside].cpu().numpy())
