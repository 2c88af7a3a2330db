"""What one training step and one validation step do, for every network and input kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn import functional

from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.occupancy_network import OccupancyNetwork

from ..data.augmentation import Batch, Choice, augment
from .latents import LATENT_PACE, ShapeLatents
from .teaching import Teacher, unlikeness

PointLoss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def batch_iou(predicted: Tensor, target: Tensor) -> Tensor:
    """Intersection over union of each row: (B, T) bool twice -> (B,); 1 if both are empty."""
    intersection = (predicted & target).sum(-1)
    union = (predicted | target).sum(-1)
    return torch.where(union > 0, intersection / union.clamp_min(1), 1.0)


def cross_entropy(logits: Tensor, occupancies: Tensor, weights: Tensor | None) -> Tensor:
    """The paper's loss of each point: (B, T) each -> (B, T)."""
    return functional.binary_cross_entropy_with_logits(
        logits, occupancies, weight=weights, reduction="none"
    )


class OccupancyTraining(lightning.LightningModule):
    """The paper's objective (section 3.2): cross entropy summed over points, plus the KL term.

    Where a batch has `weights` (B, T), they multiply the entropy of each point.

    Batches come from `training.data.datasets.shapenet.ShapeDataset`. Validation logs `val_iou`
    (at the model's threshold), `val_iou_half` (at 0.5) and `val_loss`. The latent of a
    shape is the prior's mean, as in the original, or without an observation, where that would
    say nothing about the shape, the mean of its own posterior.

    latents: the training shapes' posteriors, for networks without an encoder of shapes; batches
    then hold the shapes' indices as inputs. divergence_weight: of their divergence from the prior,
    against the sum over points. point_loss: of each point, see `cross_entropy`. teacher: whose
    answers are learned in the place of the occupancies, see `training.learn.teaching`.
    """

    def __init__(
        self,
        description: ModelDescription,
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        schedule: str = "constant",
        warmup_steps: int = 0,
        max_steps: int | None = None,
        augmentations: tuple[Choice, ...] = (),
        latents: ShapeLatents | None = None,
        divergence_weight: float = 1.0,
        point_loss: PointLoss = cross_entropy,
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__()
        self.description = description
        self.network: Any = build_network(description)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup_steps = warmup_steps
        self.max_steps = max_steps
        self.augmentations = augmentations
        self.latents = latents
        self.divergence_weight = divergence_weight
        self.point_loss = point_loss
        self.teacher = teacher

    def learning_rate_factor(self, step: int) -> float:
        """Warm-up from zero, then constant or a cosine down to 2 % at `max_steps`."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        if self.schedule == "constant" or self.max_steps is None:
            return 1.0
        done = (step - self.warmup_steps) / max(1, self.max_steps - self.warmup_steps)
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    def configure_optimizers(self) -> Any:
        """Adam as the original's (learning rate and betas), with the configured schedule."""
        groups: list[dict[str, Any]] = [
            {"params": self.network.parameters(), "weight_decay": self.weight_decay}
        ]
        if self.latents is not None:
            pace = LATENT_PACE * self.learning_rate
            groups.append({"params": self.latents.parameters(), "lr": pace, "weight_decay": 0.0})
        optimiser = torch.optim.Adam(groups, lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self.learning_rate_factor)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def loss(self, batch: Batch) -> Tensor:
        """Mean over the batch of the negative ELBO: () float32."""
        points, occupancies = batch["points"], batch["occupancies"]
        network = self.network
        if self.teacher is not None:
            return self._loss_by_teacher(self.teacher, batch)
        if isinstance(network, OccupancyNetwork) and network.z_dim:
            bound = network.elbo(points, occupancies, batch["inputs"], batch.get("weights"))
            return -bound.mean()
        if self.latents is None:
            z, divergence = points.new_zeros(len(points), 0), points.new_zeros(())
            code = network.encode_inputs(batch["inputs"])
        else:
            z, divergence = self.latents(batch["inputs"])
            code = network.encode_inputs(z)
        logits = network.decode(points, z, code).float()
        losses = self.point_loss(logits, occupancies, batch.get("weights"))
        return (losses.sum(-1) + self.divergence_weight * divergence).mean()

    def _loss_by_teacher(self, teacher: Teacher, batch: Batch) -> Tensor:
        if self.training:
            lesson = teacher.lesson(batch)
        else:
            generator = torch.Generator(batch["points"].device).manual_seed(0)
            lesson = teacher.asked(batch, generator)
        none = lesson.points.new_zeros(len(lesson.points), 0)
        logits = self.network.decode(lesson.points, none, lesson.code).float()
        return unlikeness(logits, lesson.answers).sum(-1).mean()

    def augmented(self, batch: Batch) -> Batch:
        """A batch as it is learned from."""
        return augment(batch, self.description.input_kind, self.augmentations)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """One step on a batch; logs the loss per point as `loss`."""
        loss = self.loss(self.augmented(batch))
        self.log("loss", loss / batch["points"].shape[1], prog_bar=True)
        return loss

    def latent_and_code(self, batch: Batch) -> tuple[Tensor, Any]:
        """What the shapes of a batch are validated with: z (B, z_dim) and the network's code."""
        network, inputs = self.network, batch["inputs"]
        if self.latents is not None:
            z = self.latents.means[inputs]
            return z, network.encode_inputs(z)
        code = network.encode_inputs(inputs)
        if self.description.input_kind == "none":
            return network.infer_z(batch["points"], batch["occupancies"], code).mean, code
        return inputs.new_zeros(len(inputs), network.z_dim, dtype=torch.float32), code

    def validation_step(self, batch: Batch, index: int) -> None:
        """IoU over the validation points of each shape, and the loss."""
        target = batch["occupancies_iou"] >= 0.5
        points = batch["points_iou"]
        z, code = self.latent_and_code(batch)
        probability = torch.sigmoid(self.network.decode(points, z, code).float())
        threshold = self.description.threshold
        size = len(points)
        self.log(
            "val_iou",
            batch_iou(probability >= threshold, target).mean(),
            prog_bar=True,
            batch_size=size,
            sync_dist=True,
        )
        self.log(
            "val_iou_half",
            batch_iou(probability >= 0.5, target).mean(),
            batch_size=size,
            sync_dist=True,
        )
        self.log("val_loss", self.loss(batch), batch_size=size, sync_dist=True)
