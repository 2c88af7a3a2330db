"""What happens beside the training steps: throughput, pictures of meshes, lines for the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from onet_core.errors import NoSurfaceError
from onet_core.extraction.surface import extract_surface

from .sheet import draw_mesh, draw_points

logger = logging.getLogger(__name__)
PICTURE_RESOLUTION = 32
PICTURE_SAMPLES = 20_000


class ProgressLog(Callback):
    """A line for every validation, for runs that nobody watches."""

    def on_validation_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Logs the step and every figure."""
        figures = ", ".join(
            f"{name} {float(value):.4f}" for name, value in sorted(trainer.callback_metrics.items())
        )
        logger.info("Step %d: %s", trainer.global_step, figures)


class Throughput(Callback):
    """Logs shapes and points per second over all processes, and the loader's share of the time.

    loader_share: how much of the time the loop waits for a batch. On a GPU the steps run on while
    the loop waits, so that the share is an upper limit of what the GPU loses. Validations are left
    out. every: batches between two figures.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._ended: float | None = None
        self._forget()

    def _forget(self) -> None:
        self.batches = self.shapes = self.points = 0
        self.waited = self.worked = 0.0

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """The batch is there: what passed since the last one's end was waiting."""
        self._started = time.perf_counter()
        if self._ended is not None:
            self.waited += self._started - self._ended

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Mapping[str, Tensor],
        batch_idx: int,
    ) -> None:
        """Counts the batch; logs after every so many."""
        # The first batch waits for the loader's processes to start, and compiles.
        first = self._ended is None
        self._ended = time.perf_counter()
        if first:
            return
        self.worked += self._ended - self._started
        self.batches += 1
        self.shapes += len(batch["points"]) * trainer.world_size
        self.points += batch["points"].shape[0] * batch["points"].shape[1] * trainer.world_size
        if self.batches >= self.every:
            seconds = self.waited + self.worked
            pl_module.log_dict(
                {
                    "shapes_per_second": self.shapes / seconds,
                    "points_per_second": self.points / seconds,
                    "loader_share": self.waited / seconds,
                }
            )
            self._forget()

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """What passed since the last batch was not waiting for a batch."""
        self._ended = time.perf_counter()


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
