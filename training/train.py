"""Trains one configuration: `python -m training.train free/points data.root=data/free13`.

The loop, mixed precision, several GPUs, checkpoints and logs are Lightning's. A run that was
stopped, however abruptly, goes on from its last checkpoint when the same command is given again.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from onet_core.errors import OnetError
from onet_core.models.weights import load_weights

from .config import Config, load_config
from .datasets.shapenet import ShapeDataset
from .export import export_checkpoint
from .lightning_module import OccupancyTraining


def make_loaders(config: Config) -> tuple[DataLoader, DataLoader]:
    """The training and validation loaders of a configuration."""
    data, test = config.data, config.test

    def dataset(split: str, train: bool) -> ShapeDataset:
        return ShapeDataset(
            Path(data.root),
            split,
            data.input_kind,
            categories=data.categories,
            points=data.points,
            balanced=data.balanced,
            points_file=data.points_file if train else test.points_iou_file,
            pointcloud_file=data.pointcloud_file,
            voxels_file=data.voxels_file,
            image_folder=data.image_folder,
            input_points=data.input_points,
            input_noise=data.input_noise,
            image_size=data.image_size,
            image_augment=data.image_augment and train,
            train=train,
            points_iou=None if train else test.points_iou,
        )

    training_set, validation_set = dataset(data.train_split, True), dataset(data.val_split, False)
    accumulated = config.training.batch_size // config.training.accumulate
    training = DataLoader(
        training_set,
        batch_size=min(accumulated, len(training_set)),
        shuffle=True,
        drop_last=True,
        num_workers=data.workers,
        persistent_workers=data.workers > 0,
        pin_memory=torch.cuda.is_available(),
    )
    validation = DataLoader(
        validation_set, batch_size=test.batch_size, num_workers=min(data.workers, 1)
    )
    return training, validation


def make_module(config: Config) -> OccupancyTraining:
    """The network in its training clothes, from `initial_weights` where they are given."""
    settings = config.training
    module = OccupancyTraining(
        config.description(),
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        schedule=settings.schedule,
        warmup_steps=settings.warmup_steps,
        max_steps=settings.max_steps,
        augmentations=tuple(config.data.augmentations),
    )
    if settings.initial_weights:
        network, _ = load_weights(Path(settings.initial_weights), torch.device("cpu"))
        module.start_from(network)
    return module


def make_trainer(config: Config) -> tuple[lightning.Trainer, ModelCheckpoint]:
    """Lightning's trainer, and the callback that keeps the best checkpoint."""
    settings = config.training
    directory = Path(config.output.directory)
    monitor, mode = {"iou": ("val_iou", "max"), "loss": ("val_loss", "min")}[settings.select]
    best = ModelCheckpoint(
        directory, filename="best", monitor=monitor, mode=mode, enable_version_counter=False
    )
    last = ModelCheckpoint(
        directory,
        filename="last",
        every_n_train_steps=settings.checkpoint_every,
        enable_version_counter=False,
    )
    backup = ModelCheckpoint(
        directory, filename="step_{step}", save_top_k=-1, every_n_train_steps=settings.backup_every
    )
    callbacks: list[Callback] = [best, last, backup]
    if settings.ema:
        callbacks.append(EMAWeightAveraging(decay=settings.ema, use_buffers=True))
    trainer = lightning.Trainer(
        max_steps=settings.max_steps if settings.max_steps is not None else -1,
        max_epochs=-1,
        precision=settings.precision,  # type: ignore[arg-type]  # checked by load_config
        devices=settings.devices or "auto",
        accumulate_grad_batches=settings.accumulate,
        gradient_clip_val=settings.gradient_clip,
        val_check_interval=settings.validate_every * settings.accumulate,
        check_val_every_n_epoch=None,
        log_every_n_steps=settings.log_every,
        callbacks=callbacks,
        logger=TensorBoardLogger(directory, name="", version="logs"),
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    return trainer, best


def train(config: Config) -> Path:
    """Runs or resumes the training; returns the exported weights, `weights.safetensors`.

    Everything is written below `config.output.directory`: `config.yaml`, `last.ckpt`, `best.ckpt`,
    TensorBoard's logs, the weights. Raises OnetError for unusable data or configurations.
    """
    directory = Path(config.output.directory)
    directory.mkdir(parents=True, exist_ok=True)
    config.save(directory / "config.yaml")
    lightning.seed_everything(config.training.seed, workers=True, verbose=False)
    training, validation = make_loaders(config)
    module = make_module(config)
    trainer, best = make_trainer(config)
    last = directory / "last.ckpt"
    trainer.fit(
        module, training, validation, ckpt_path=last if last.exists() else None, weights_only=True
    )
    weights = directory / "weights.safetensors"
    export_checkpoint(Path(best.best_model_path or last), config, weights)
    return weights


@click.command()
@click.argument("config")
@click.argument("overrides", nargs=-1)
def main(config: str, overrides: Sequence[str]) -> None:
    """Trains CONFIG: a YAML file, or a name such as free/points.

    OVERRIDES change single values: section.key=value.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.INFO)
    try:
        click.echo(train(load_config(config, overrides)))
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
