"""Trains one configuration: `python -m training.learn.train free/points data.root=data/free13`.

The loop, mixed precision, several GPUs, checkpoints and logs are Lightning's. A run that was
stopped, however abruptly, goes on from its last checkpoint when the same command is given again.
Ctrl-C and SIGTERM (preemption, a time limit) end it after the step, with everything saved.

All GPUs of a machine are used, and `training.batch_size` is shared out among them. On several
machines with G GPUs each, the same command is given on every one of them, with a folder for the
output that all of them see:

    torchrun --nnodes=2 --nproc-per-node=G --rdzv-backend=c10d --rdzv-endpoint=HOST:29500 \\
        -m training.learn.train free/points training.devices=G training.nodes=2

Without GPUs the processes share the work through gloo in the same way; the first one writes.

TensorBoard shows losses, validation figures, meshes and throughput: `tensorboard --logdir out`.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import lightning
import torch
import yaml
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    Timer,
    WeightAveraging,
)
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch import Tensor
from torch.utils.data import DataLoader

from onet_core.errors import ModelError, OnetError
from onet_core.models.catalogue import find_model
from onet_core.models.weights import load_weights

from ..data.datasets.shapenet import ShapeDataset
from ..measure.provenance import commit_text, data_version
from .callbacks import MeshPictures, ProgressLog, Throughput
from .config import Config, ConfigError, load_config
from .export import export_checkpoint, hours_of, read_checkpoint
from .extensions import extension
from .initial import begin_from
from .latents import ShapeLatents
from .lightning_module import OccupancyTraining, cross_entropy
from .quiet import quiet_lightning
from .stopping import SavedWhenStopped, Stopped, outlast_signals
from .teaching import Teacher

Tensors = Sequence[Tensor]

LAST = "last.ckpt"
CONFIG_FILE = "config.yaml"
LOGS = "logs"
SAME_IN_A_RUN = {
    "data": ("input_kind", "categories"),
    "model": ("architecture", "network", "padding"),
    "training": ("ema",),
}
logger = logging.getLogger(__name__)


def make_loaders(config: Config, processes: int = 1) -> tuple[DataLoader, DataLoader]:
    """The training and validation loaders of a configuration, for each process.

    Networks that know shapes by their index are validated on the training shapes, the only ones
    they know.

    Raises InputError for unusable data, and ConfigError where the batch can't be shared out.
    """
    data, test = config.data, config.test
    indexed = knows_shapes_by_index(config)

    make = ShapeDataset if data.dataset is None else extension(data.dataset)

    def dataset(split: str, train: bool) -> ShapeDataset:
        return make(
            Path(data.root),
            split,
            "index" if indexed else data.input_kind,
            categories=data.categories,
            points=data.points,
            sampling=data.sampling,
            softness=data.softness,
            points_file=data.points_file if train else test.points_iou_file,
            pointcloud_file=data.pointcloud_file,
            voxels_file=data.voxels_file,
            image_folder=data.image_folder,
            input_points=data.input_points,
            input_noise=data.input_noise,
            input_noise_range=data.input_noise_range,
            image_size=data.image_size,
            image_augment=data.image_augment and train,
            train=train,
            points_iou=None if train else test.points_iou,
        )

    training_set = dataset(data.train_split, True)
    validation_set = dataset(data.train_split if indexed else data.val_split, False)
    passes = config.training.accumulate * processes
    if config.training.batch_size % passes:
        raise ConfigError(
            f"training.batch_size is {config.training.batch_size}, but must be a multiple of "
            f"{passes}: {config.training.accumulate} passes on {processes} devices."
        )
    training = DataLoader(
        training_set,
        batch_size=min(config.training.batch_size // passes, len(training_set)),
        shuffle=True,
        drop_last=True,
        num_workers=data.workers,
        persistent_workers=data.workers > 0,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=outlast_signals,
    )
    validation = DataLoader(
        validation_set,
        batch_size=test.batch_size,
        num_workers=min(data.workers, 1),
        worker_init_fn=outlast_signals,
    )
    return training, validation


def knows_shapes_by_index(config: Config) -> bool:
    """Whether the network learns something of its own for each training shape."""
    return config.model.architecture == "latent_planes"


def make_module(config: Config, shapes: int = 0) -> OccupancyTraining:
    """The network in its training clothes, from `initial_weights` or with a `teacher` where they
    are given.

    shapes: how many training shapes there are, for networks that know them one by one. Raises
    ModelError where the initial weights don't fit.
    """
    settings = config.training
    module = OccupancyTraining(
        config.description(),
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        schedule=settings.schedule,
        warmup_steps=settings.warmup_steps,
        max_steps=settings.max_steps,
        augmentations=tuple(config.data.augmentations),
        divergence_weight=settings.divergence_weight,
        point_loss=cross_entropy if settings.loss is None else extension(settings.loss),
    )
    if knows_shapes_by_index(config):
        module.latents = ShapeLatents(shapes, module.network.z_dim)
    if settings.compile:
        assert_compiler()
        module.loss = torch.compile(module.loss)  # type: ignore[method-assign]
    if settings.initial_weights:
        logger.info(begin_from(module.network, Path(settings.initial_weights)))
    if settings.teacher:
        module.teacher = Teacher(
            load_weights(find_model(settings.teacher).path)[0],
            near=settings.teacher_near,
            showings=settings.teacher_showings,
        )
        logger.info(module.teacher.lead(module.network))
    return module


def assert_compiler() -> None:
    """Raises ConfigError where torch.compile has no compiler to work with.

    By compiling a trifle: what is needed depends on the device and on torch's version.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.compiler.reset()
    try:
        torch.compile(lambda values: values + 1)(torch.zeros(8, device=device))
    except RuntimeError as error:  # what all of torch.compile's own errors are
        reason = str(error).strip().splitlines()[0].rstrip(". ")
        raise ConfigError(
            f"training.compile is on, but torch.compile can't work here: {reason}. Install a C++ "
            "compiler, such as g++, or set training.compile=false."
        ) from error


class SavedAtEnd(Callback):
    """Keeps the last state of a run that came to its end, so that it can be prolonged."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Comes before the averaged weights take the place of the others."""
        trainer.save_checkpoint(self.path)


def moving_average(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """Exponentially averaged weights that forget the beginning sooner, as TensorFlow's do.

    After n updates the decay is (1 + n) / (10 + n) at most: a plain one of 0.999 would still show
    the untrained network after thousands of steps. Counters are copied.
    """

    @torch.no_grad()
    def average(averaged: Tensors, current: Tensors, updates: Tensor | int) -> None:
        count = float(updates)
        share = 1 - min(decay, (1 + count) / (10 + count))
        for mean, value in zip(averaged, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:
                mean.copy_(value)

    return average


class AveragedWeights(WeightAveraging):
    """Validates, and keeps, exponentially averaged weights and statistics of normalisations."""

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=True, multi_avg_fn=moving_average(decay))


class Backup(ModelCheckpoint):
    """Checkpoints that stay; a class of its own, so that resuming takes the last one's state."""


def make_trainer(
    config: Config, bar: Callback | None = None
) -> tuple[lightning.Trainer, ModelCheckpoint]:
    """Lightning's trainer, and the callback that keeps the best checkpoint.

    bar: shows the progress in the place of Lightning's bar.
    """
    settings = config.training
    directory = Path(config.output.directory)
    monitor, mode = {"iou": ("val_iou", "max"), "loss": ("val_loss", "min")}[settings.select]
    best = ModelCheckpoint(
        directory, filename="best", monitor=monitor, mode=mode, enable_version_counter=False
    )
    last = ModelCheckpoint(
        directory,
        filename=LAST.removesuffix(".ckpt"),
        every_n_train_steps=settings.checkpoint_every,
        enable_version_counter=False,
    )
    backup = Backup(
        directory, filename="{step}", save_top_k=-1, every_n_train_steps=settings.backup_every
    )
    throughput = Throughput(settings.log_every * settings.accumulate)
    callbacks: list[Callback] = [SavedAtEnd(directory / LAST), best, last, backup]
    callbacks += [Timer(), throughput, ProgressLog(throughput)]
    if bar is not None:
        callbacks.append(bar)
    if settings.pictures:
        callbacks.append(MeshPictures(settings.pictures))
    if settings.early_stopping:
        callbacks.append(EarlyStopping(monitor, mode=mode, patience=settings.early_stopping))
    if settings.ema:
        callbacks.append(AveragedWeights(settings.ema))
    callbacks.append(SavedWhenStopped(directory / LAST))  # after the average took in the step
    clip = settings.gradient_clip
    trainer = lightning.Trainer(
        max_steps=settings.max_steps if settings.max_steps is not None else -1,
        max_epochs=-1,
        precision=settings.precision,  # type: ignore[arg-type]  # checked by load_config
        devices=settings.devices or "auto",
        num_nodes=settings.nodes,
        accumulate_grad_batches=settings.accumulate,
        # The loss is a sum over the points, the limit one for their mean.
        gradient_clip_val=None if clip is None else clip * config.data.points,
        val_check_interval=settings.validate_every * settings.accumulate,
        check_val_every_n_epoch=None,
        log_every_n_steps=settings.log_every,
        callbacks=callbacks,
        logger=TensorBoardLogger(directory, name="", version=LOGS, default_hp_metric=False),
        # The statistics of batch norm are those of the whole batch; PyTorch does that on GPUs only.
        sync_batchnorm=torch.cuda.is_available(),
        # On SLURM Lightning loads an `hpc_ckpt_N.ckpt` of this folder without being asked. By
        # default it is the working folder, where such a file is of any run.
        default_root_dir=directory / LOGS,
        enable_progress_bar=bar is None and sys.stderr.isatty(),
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    return trainer, best


def assert_same_run(directory: Path, config: Config) -> None:
    """Refuses to go on with a run whose data or network were configured otherwise.

    What may change between two calls: where the data lie, how long and how fast it learns.
    Raises ModelError, naming the settings.
    """
    if not (directory / LAST).exists() or not (directory / CONFIG_FILE).is_file():
        return
    # Not by load_config: an older version's file may have settings that are gone.
    before = yaml.safe_load((directory / CONFIG_FILE).read_text(encoding="utf-8"))
    now = config.to_dict()
    changed = [
        f"{section}.{key}"
        for section, keys in SAME_IN_A_RUN.items()
        for key in keys
        if before[section].get(key) != now[section][key]
    ]
    if changed:
        raise ModelError(
            f"{directory} holds a run with another {', '.join(changed)}: choose another "
            "output.directory, or remove it."
        )


def steps_done(checkpoint: Path, module: OccupancyTraining) -> int:
    """How many steps a run to be resumed has done, 0 where there is no checkpoint.

    Raises ModelError where the checkpoint is damaged or of another network.
    """
    if not checkpoint.exists():
        return 0
    content = read_checkpoint(checkpoint)
    shapes = {name: value.shape for name, value in module.state_dict().items()}
    if shapes != {name: value.shape for name, value in content["state_dict"].items()}:
        raise ModelError(
            f"{checkpoint} is of another network; choose another output.directory, or remove it."
        )
    return int(content["global_step"])


def train(config: Config, bar: Callback | None = None) -> Path:
    """Runs or resumes the training; returns the exported weights, `weights.safetensors`.

    bar: see `make_trainer`. Everything is written below `config.output.directory`: `config.yaml`,
    `last.ckpt`, `best.ckpt`, TensorBoard's logs, the weights. Raises OnetError for unusable data or
    configurations, and where the folder holds the run of another network; Stopped where a signal
    ended it early.
    """
    directory = Path(config.output.directory)
    last = directory / LAST
    lightning.seed_everything(config.training.seed, verbose=False)
    trainer, best = make_trainer(config, bar)
    training, validation = make_loaders(config, trainer.world_size)
    shapes: Any = training.dataset
    if config.data.input_kind == "index":
        config.model.network["encoder_kwargs"] = {"shapes": len(shapes)}
    module = make_module(config, len(shapes))
    done = steps_done(last, module)
    assert_same_run(directory, config)
    if done:
        logger.info("Going on from step %d of %s.", done, last)
    elif module.teacher is not None:
        module.teacher.begin(module.network, map(module.augmented, training))
    # A resumed run must not see the draws of its beginning again.
    lightning.seed_everything(config.training.seed + done, workers=True, verbose=False)
    directory.mkdir(parents=True, exist_ok=True)
    if trainer.is_global_zero:
        config.save(directory / CONFIG_FILE)
    try:
        show_hyperparameters(trainer, config)
        trainer.fit(
            module, training, validation, ckpt_path=last if done else None, weights_only=True
        )
    except OSError as error:
        reason = error.strerror or error
        raise OnetError(
            f"Training stopped because {error.filename or directory} could not be used: {reason}. "
            f"The same command goes on from the last checkpoint in {directory}."
        ) from error
    weights = directory / "weights.safetensors"
    if trainer.is_global_zero:
        show_hyperparameters(trainer, config, best.best_model_score)
        facts = {
            "hours": round(hours_of(last), 3),
            "commit": commit_text(),
            "data_version": data_version(Path(config.data.root), shapes.shapes),
        }
        export_checkpoint(Path(best.best_model_path or last), config, weights, facts)
    return weights


def show_hyperparameters(
    trainer: lightning.Trainer, config: Config, best: Tensor | None = None
) -> None:
    """Puts the configuration among TensorBoard's hyperparameters, beside the best figure.

    best: of the validations; not known before the end.
    """
    if isinstance(trainer.logger, TensorBoardLogger):
        figure = math.nan if best is None else float(best)
        trainer.logger.log_hyperparams(config.to_dict(), {f"best/{config.training.select}": figure})


@click.command()
@click.argument("config")
@click.argument("overrides", nargs=-1)
def main(config: str, overrides: Sequence[str]) -> None:
    """Trains CONFIG: a YAML file, or a name such as free/points.

    OVERRIDES change single values: section.key=value.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    quiet_lightning()
    try:
        weights = train(load_config(config, overrides))
    except Stopped as stopped:
        click.echo(str(stopped), err=True)
        sys.exit(stopped.status)
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    if getattr(rank_zero_only, "rank", 0) == 0:  # the first of several processes
        click.echo(weights)


if __name__ == "__main__":
    main()
