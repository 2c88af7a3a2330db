"""What a training run is made of: YAML files with defaults, inheritance and overrides.

A configuration is one dataclass per section. Files in `training/configs` hold only what differs
from the defaults or, through `inherit_from`, from another file; the command line overrides single
values as `section.key=value`. An unknown key or a value of the wrong type is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from onet_core.errors import ModelError
from onet_core.kinds import NAMES as INPUT_KINDS
from onet_core.mesh.files import replacing
from onet_core.models.description import ModelDescription
from onet_core.models.extensions import is_extension
from onet_core.models.steps import Steps, lifted

from ..data.augmentation import AugmentationError, check_augmentations
from ..data.datasets.sampling import SAMPLINGS
from .extensions import ConfigError, extension

CONFIGS = Path(__file__).parents[1] / "configs"
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")


@dataclass
class DataConfig:
    """What is read from a dataset in the original's layout, and how it is changed on the way.

    root: folder with one folder per category.
    categories: their names, None for all.
    points: query points per shape and step.
    points_file: the file they are drawn from while training.
    sampling: how they are drawn, one of `training.data.datasets.sampling.SAMPLINGS`.
    softness: of their occupancies, see `training.data.datasets.sampling.softened`, 0 for none.
    input_points: size of the input cloud.
    input_noise: standard deviation per coordinate, in every split.
    input_noise_range: lowest and highest, between which it is drawn for each shape while training,
        None for input_noise.
    image_folder, image_size: views and the edge they are resized to.
    image_augment: random crops.
    augmentations: names from `training.data.augmentation`, or names with settings such as {missing:
        {most: 0.3}}, applied in order, training only.
    dataset: `module.Class` of another dataset, made with the arguments of
        `training.data.datasets.shapenet.ShapeDataset`, None for that one.
    """

    root: str = "data/ShapeNet"
    categories: list[str] | None = None
    train_split: str = "train"
    val_split: str = "val"
    points: int = 2048
    sampling: str = "uniform"
    softness: float = 0.0
    points_file: str = "points.npz"
    pointcloud_file: str = "pointcloud.npz"
    voxels_file: str = "model.binvox"
    input_kind: str = "points"
    input_points: int = 300
    input_noise: float = 0.005
    input_noise_range: list[float] | None = None
    image_folder: str = "img_choy2016"
    image_size: int = 224
    image_augment: bool = False
    augmentations: list[Any] = field(default_factory=list)
    dataset: str | None = None
    workers: int = 4


@dataclass
class ModelConfig:
    """The network, and what its weights' file says about it.

    network: keyword arguments of the network's constructor.
    limits: what it fails at.
    """

    name: str = ""
    title: str = ""
    architecture: str = "occupancy_network"
    network: dict[str, Any] = field(default_factory=dict)
    padding: float = 0.1
    limits: str = ""
    licence: str = ""
    attribution: str = ""


@dataclass
class TrainingConfig:
    """Optimisation by Adam.

    max_steps: None to go on until stopped; all intervals are in steps.
    batch_size: shapes per optimiser step, over `accumulate` passes.
    schedule: `constant` (the original) or `cosine` to zero at max_steps, after a linear rise over
        warmup_steps.
    gradient_clip: largest norm of the gradients of the loss per point, None for no limit.
    early_stopping: end after this many validations without a better figure, None to go on.
    compile: let torch.compile fuse the loss, meant for GPUs: on a processor a step of
        pointcloud/onet took 0.98 of the time, after minutes of compiling.
    pictures: how many validation shapes are drawn for TensorBoard.
    precision: one of Lightning's.
    ema: decay of the averaged weights, 0 to keep none.
    select: the validation figure that picks the best weights, `iou` (highest) or `loss` (lowest).
    loss: `module.function` of another loss: logits, occupancies and weights (or None), each
        (batch, points), to a loss for each point; None for the paper's cross entropy.
    divergence_weight: of a latent's divergence from the prior, where each shape has a posterior of
        its own.
    initial_weights: a weights file to start from, or torchvision's ResNet-18 for an encoder of that
        kind, see `training.learn.initial`.
    teacher: a model whose answers are learned instead of labels, see `training.learn.teaching`.
    teacher_near: share of the queries that it is asked next to the surface of the voxels.
    teacher_showings: how often each of its answers is learned from.
    devices: how many, None for all that are there.
    nodes: machines, see `training.learn.train`.
    """

    batch_size: int = 64
    accumulate: int = 1
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup_steps: int = 0
    gradient_clip: float | None = None
    max_steps: int | None = None
    log_every: int = 10
    validate_every: int = 2000
    checkpoint_every: int = 1000
    backup_every: int = 100_000
    precision: str = "32-true"
    ema: float = 0.0
    seed: int = 0
    select: str = "iou"
    early_stopping: int | None = None
    compile: bool = False
    pictures: int = 4
    loss: str | None = None
    divergence_weight: float = 1.0
    initial_weights: str | None = None
    teacher: str | None = None
    teacher_near: float = 0.0
    teacher_showings: int = 1
    devices: int | None = None
    nodes: int = 1


@dataclass
class TestConfig:
    """How a network is measured, while it trains and afterwards.

    threshold: probability from which a point counts as inside.
    steps: what the model wants of the pipeline, for meshes only.
    points_iou: how many labelled points per shape the validation reads (the file holds 100,000).
    points_iou_file: from where.
    batch_size: shapes per validation batch.
    """

    __test__ = False  # not a test case, in spite of its name

    threshold: float = 0.2
    steps: Steps = field(default_factory=Steps)
    points_iou: int = 100_000
    points_iou_file: str = "points.npz"
    batch_size: int = 10


@dataclass
class OutputConfig:
    """Where checkpoints and logs go, and whether exported weights are half precision."""

    directory: str = "out/run"
    half: bool = False


@dataclass
class Config:
    """A whole run."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    test: TestConfig = field(default_factory=TestConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def description(self) -> ModelDescription:
        """What a weights file of this run says about itself, before it is measured.

        Raises ModelError where the network can't be described.
        """
        inputs: dict[str, Any] = {}
        if self.data.input_kind == "image":
            inputs = {"image_size": self.data.image_size}
        elif self.data.input_kind == "points":
            inputs = {"points": self.data.input_points, "noise": self.data.input_noise}
        return ModelDescription(
            name=self.model.name,
            title=self.model.title,
            architecture=self.model.architecture,
            input_kind=self.data.input_kind,
            network=dict(self.model.network),
            threshold=self.test.threshold,
            steps=self.test.steps,
            padding=self.model.padding,
            categories=list(self.data.categories or []),
            inputs=inputs,
            training={
                "points": self.data.points,
                "batch_size": self.training.batch_size,
                "learning_rate": self.training.learning_rate,
                "seed": self.training.seed,
            },
            metrics={},
            limits=self.model.limits,
            licence=self.model.licence,
            attribution=self.model.attribution,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain nested values, for logs and checkpoints; `load_config` reads them back as YAML."""
        values = OmegaConf.to_container(OmegaConf.structured(self))
        assert isinstance(values, dict)
        return {str(key): value for key, value in values.items()}

    def settings(self) -> dict[str, Any]:
        """What the weights keep of it: all but places on this machine and what stands beside it."""
        values = self.to_dict()
        kept = {name: dict(values[name]) for name in ("data", "training", "test")}
        kept["data"]["root"] = Path(self.data.root).name
        for name in ("initial_weights", "teacher"):
            if kept["training"][name]:
                kept["training"][name] = Path(kept["training"][name]).name
        del kept["test"]["steps"]
        return kept

    def save(self, path: Path) -> None:
        """Writes every value as YAML, complete: nothing is inherited when it is read again.

        Whole or not at all; raises OnetError where the folder can't be written.
        """
        with replacing(path) as file:
            file.write(yaml.safe_dump(self.to_dict(), sort_keys=False).encode("utf-8"))


def available_configs() -> list[str]:
    """Names of the configurations that come with the package, such as `pointcloud/onet`.

    Files whose names begin with an underscore are only there to be inherited from.
    """
    return sorted(
        path.relative_to(CONFIGS).with_suffix("").as_posix() for path in CONFIGS.rglob("[!_]*.yaml")
    )


def load_config(path_or_name: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Reads a configuration.

    path_or_name: a YAML file, or a name below `training/configs` (`pointcloud/onet`).
    overrides: `section.key=value`, values as in YAML; they win over all files.
    Raises ConfigError, in one sentence, for missing files, unknown keys and impossible values.
    """
    source = find_config(path_or_name)
    merged = OmegaConf.structured(Config)
    for path in reversed(_chain(source)):
        merged = _merge(merged, _sections(path), str(path))
    for override in overrides:
        key, equals, _ = override.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"The override {override!r} is not of the form section.key=value.")
        try:
            values = OmegaConf.from_dotlist([override])
        except (yaml.YAMLError, OmegaConfBaseException) as error:
            raise ConfigError(
                f"The value in the override {override!r} is not valid YAML."
            ) from error
        merged = _merge(merged, values, f"the override {override!r}")
    try:
        config = OmegaConf.to_object(merged)
    except ModelError as error:
        raise ConfigError(f"In {path_or_name}: {error}") from error
    assert isinstance(config, Config)
    if not config.model.name:
        config.model.name = (
            source.stem if source.parent == CONFIGS else f"{source.parent.name}_{source.stem}"
        )
    _check(config, str(path_or_name))
    for name in (config.data.dataset, config.training.loss, config.model.network.get("encoder")):
        if name is not None and is_extension(name):
            extension(name)
    return config


def find_config(path_or_name: str | Path) -> Path:
    """The file that a path or a name stands for; where there is none, ConfigError lists names."""
    given = Path(path_or_name)
    for candidate in (given, CONFIGS / given, CONFIGS / f"{given.as_posix()}.yaml"):
        if candidate.is_file():
            return candidate.resolve()
    names = ", ".join(available_configs())
    raise ConfigError(
        f"There is no configuration {str(path_or_name)!r}; give a .yaml file or one of: {names}."
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        values = OmegaConf.load(path)
    except (yaml.YAMLError, OmegaConfBaseException, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"The configuration {path} is not readable YAML: {reason}.") from error
    if not isinstance(values, DictConfig):
        raise ConfigError(
            f"The configuration {path} must hold sections such as 'data:' and 'model:'."
        )
    content = OmegaConf.to_container(values)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def _sections(path: Path) -> Mapping[str, Any]:
    """What a file sets; one of 0.1.0 comes back as it would be written today."""
    sections = {key: value for key, value in _read(path).items() if key != "inherit_from"}
    if isinstance(sections.get("test"), Mapping):
        sections["test"] = lifted(sections["test"])
    return sections


def _chain(path: Path) -> list[Path]:
    """The file, its parent, and so on; a parent is a name, or a path relative to its child."""
    chain = [path]
    while (parent := _read(chain[-1]).get("inherit_from")) is not None:
        beside = chain[-1].parent / str(parent)
        found = beside.resolve() if beside.is_file() else find_config(str(parent))
        if found in chain:
            raise ConfigError(f"The configuration {path} inherits from itself through {found}.")
        chain.append(found)
    return chain


def _merge(base: DictConfig, values: Mapping[str, Any] | DictConfig, where: str) -> DictConfig:
    try:
        merged = OmegaConf.merge(base, values)
    except (ConfigKeyError, ConfigAttributeError) as error:
        raise ConfigError(f"In {where}: there is no setting {error.full_key!r}.") from error
    except OmegaConfBaseException as error:
        # OmegaConf explains at length; its first line, if any, says what is wrong.
        reason = str(error.msg or "the value doesn't fit").splitlines()[0].rstrip(". ")
        at = f" at {error.full_key!r}" if error.full_key else ""
        raise ConfigError(f"In {where}{at}: {reason}.") from error
    assert isinstance(merged, DictConfig)
    return merged


def _check(config: Config, where: str) -> None:
    """Refuses values that no run can use."""
    data, training, test = config.data, config.training, config.test

    def require(condition: bool, key: str, value: object, needed: str) -> None:
        if not condition:
            raise ConfigError(f"In {where}: {key} is {value!r}, but must be {needed}.")

    def one_of(key: str, value: str, allowed: Sequence[str]) -> None:
        require(value in allowed, key, value, "one of " + ", ".join(allowed))

    one_of("data.input_kind", data.input_kind, INPUT_KINDS)
    one_of("training.precision", training.precision, PRECISIONS)
    one_of("training.select", training.select, ("iou", "loss"))
    one_of("training.schedule", training.schedule, ("constant", "cosine"))
    try:
        check_augmentations(data.augmentations, data.input_kind)
    except AugmentationError as error:
        raise ConfigError(f"In {where}: data.augmentations: {error}") from error
    noise = data.input_noise_range
    require(
        noise is None or (len(noise) == 2 and 0 <= noise[0] <= noise[1]),
        "data.input_noise_range",
        noise,
        "null or two deviations, the lower one first",
    )
    positive = {
        "data.points": data.points,
        "data.input_points": data.input_points,
        "data.image_size": data.image_size,
        "training.batch_size": training.batch_size,
        "training.accumulate": training.accumulate,
        "training.learning_rate": training.learning_rate,
        "training.log_every": training.log_every,
        "training.validate_every": training.validate_every,
        "training.checkpoint_every": training.checkpoint_every,
        "training.backup_every": training.backup_every,
        "training.nodes": training.nodes,
        "training.teacher_showings": training.teacher_showings,
        "test.points_iou": test.points_iou,
        "test.batch_size": test.batch_size,
    }
    for key, number in positive.items():
        require(number > 0, key, number, "above 0")
    for key, number in {
        "data.workers": data.workers,
        "data.input_noise": data.input_noise,
        "model.padding": config.model.padding,
        "training.weight_decay": training.weight_decay,
        "training.warmup_steps": training.warmup_steps,
        "training.pictures": training.pictures,
    }.items():
        require(number >= 0, key, number, "0 or more")
    require(0 < test.threshold < 1, "test.threshold", test.threshold, "between 0 and 1")
    for key in ("faint_from", "joined_from"):
        number = getattr(test.steps, key)
        require(number <= test.threshold, f"test.steps.{key}", number, "from 0 to the threshold")
    require(0 <= training.ema < 1, "training.ema", training.ema, "at least 0 and below 1")
    one_of("data.sampling", data.sampling, tuple(SAMPLINGS))
    require(
        data.sampling.startswith("uniform") or data.points % 2 == 0,
        "data.points",
        data.points,
        f"even for the sampling {data.sampling!r}",
    )
    wait = training.early_stopping
    require(wait is None or wait > 0, "training.early_stopping", wait, "above 0, or null")
    z_dim = config.model.network.get("z_dim")
    require(
        training.loss is None or not z_dim,
        "training.loss",
        training.loss,
        "null for networks with a latent, whose loss is the paper's bound",
    )
    other = "null where there are a latent, a loss of its own or initial weights"
    is_taught = training.teacher is not None
    has_other = bool(training.loss or training.initial_weights or z_dim)
    require(not (is_taught and has_other), "training.teacher", training.teacher, other)
    near, has_voxels = training.teacher_near, data.input_kind == "voxels"
    require(0 <= near <= has_voxels, "training.teacher_near", near, "from 0 to 1, 0 without voxels")
    steps = training.max_steps
    require(steps is None or steps > 0, "training.max_steps", steps, "above 0, or null for no end")
    has_end = steps is not None or training.schedule == "constant"
    require(has_end, "training.max_steps", steps, f"given for the {training.schedule} schedule")
    require(
        training.batch_size % max(training.accumulate, 1) == 0,
        "training.batch_size",
        training.batch_size,
        f"a multiple of training.accumulate ({training.accumulate})",
    )
