"""Configurations: the original's values, inheritance, overrides, and one sentence for mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from onet_core.models.build import build_network
from training.learn.config import Config, ConfigError, available_configs, find_config, load_config

# The original's settings: name -> (input, c_dim, z_dim, points, decoder)
ORIGINAL = {
    "img/onet": ("image", 256, 0, 2048, "cbatchnorm"),
    "img/onet_legacy": ("image", 256, 0, 2048, "cbatchnorm"),
    "pointcloud/onet": ("points", 512, 0, 2048, "cbatchnorm"),
    "voxels/onet": ("voxels", 256, 0, 1024, "cbatchnorm"),
    "unconditional/onet_airplanes": ("none", 0, 128, 2048, "simple"),
    "unconditional/onet_cars": ("none", 0, 128, 2048, "simple"),
    "unconditional/onet_chairs": ("none", 0, 128, 2048, "simple"),
    "unconditional/onet_sofas": ("none", 0, 128, 2048, "simple"),
}
# Sizes of the released networks.
PARAMETERS = {
    "img/onet": 13_414_465,
    "pointcloud/onet": 10_373_889,
    "voxels/onet": 7_857_473,
    "unconditional/onet_airplanes": 298_369,
}
CLASSES = {"airplanes": "02691156", "cars": "02958343", "chairs": "03001627", "sofas": "04256520"}


def write(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(ORIGINAL))
def test_original_values(name: str) -> None:
    kind, c_dim, z_dim, points, decoder = ORIGINAL[name]
    config = load_config(name)
    assert config.data.root == "data/ShapeNet"
    assert config.data.input_kind == kind
    assert config.data.points == points
    assert config.model.architecture == "occupancy_network"
    assert config.model.network["c_dim"] == c_dim
    assert config.model.network["z_dim"] == z_dim
    assert config.model.network["decoder"] == decoder
    assert config.model.padding == 0.1
    assert config.training.batch_size == 64
    assert config.training.learning_rate == 1e-4
    assert config.training.schedule == "constant"
    assert (config.training.weight_decay, config.training.accumulate) == (0, 1)
    assert config.training.max_steps is None
    assert config.training.checkpoint_every == 1000
    assert config.training.backup_every == 100_000
    assert config.training.validate_every == (20_000 if kind == "image" else 2000)
    assert config.training.select == ("loss" if kind == "none" else "iou")
    assert config.test.threshold == 0.2
    assert config.test.points_iou == 100_000
    assert config.test.batch_size == 10
    assert config.data.augmentations == []
    assert config.output.directory == f"out/{name}"


ABLATIONS = {
    "full": {},
    "sampling_uniform64": {"sampling": "uniform64"},
    "sampling_equal": {"sampling": "equal"},
    "sampling_surface": {"sampling": "surface"},
    "architecture_noresnet": {"decoder": "cbatchnorm_noresnet"},
    "architecture_nocbn": {"decoder": "batchnorm"},
}


@pytest.mark.parametrize("name", sorted(ABLATIONS))
def test_ablations_differ_from_the_full_model_in_one_thing(name: str) -> None:
    full, ablated = load_config("img/onet"), load_config(f"ablation/{name}")
    assert ablated.training.validate_every == 2000
    assert ablated.training.batch_size == 64
    assert (ablated.test.threshold, ablated.test.points_iou) == (0.2, 100_000)
    assert ablated.test.points_iou_file == "points.npz"
    changes = {
        **{
            key: value for key, value in vars(ablated.data).items() if value != vars(full.data)[key]
        },
        **{
            key: value
            for key, value in ablated.model.network.items()
            if value != full.model.network[key]
        },
    }
    assert changes == ABLATIONS[name]


def test_representation_power() -> None:
    config = load_config("repr_power/onet")
    assert config.data.categories == ["03001627"]
    assert (config.data.train_split, config.data.val_split) == ("train", "train")
    assert config.data.points == 1024
    assert (config.model.network["c_dim"], config.model.network["z_dim"]) == (512, 0)
    assert config.test.threshold == 0.5


def test_original_inputs_and_classes() -> None:
    cloud = load_config("pointcloud/onet").data
    assert (cloud.input_points, cloud.input_noise) == (300, 0.005)
    assert load_config("img/onet").data.image_size == 224
    assert not load_config("img/onet").data.image_augment
    legacy = load_config("img/onet_legacy")
    assert legacy.data.image_augment
    assert legacy.model.network == load_config("img/onet").model.network
    for name, synset in CLASSES.items():
        assert load_config(f"unconditional/onet_{name}").data.categories == [synset]


@pytest.mark.parametrize("name", available_configs())
def test_every_configuration_describes_a_model(name: str, tmp_path: Path) -> None:
    config = load_config(name)
    description = config.description()
    assert description.input_kind == config.data.input_kind
    assert description.threshold == config.test.threshold
    assert description.network == config.model.network
    assert description.name == config.model.name
    assert type(description).from_json(description.to_json()) == description
    with torch.device("meta"):
        network = build_network(description)
    if name in PARAMETERS:
        assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[name]
    config.save(tmp_path / "saved.yaml")
    assert load_config(tmp_path / "saved.yaml") == config


def test_free_configurations() -> None:
    points = load_config("free/points")
    assert points.model.architecture == "convolutional"
    assert points.data.input_points == 3000
    assert points.data.input_noise == 0.005
    assert points.data.categories is None
    picture = load_config("free/picture").data
    assert picture.categories is not None
    assert len(picture.categories) == 13
    assert picture.sampling == "near"
    assert "free/_shared" not in available_configs()
    assert load_config("free/chair").data.categories == ["chair"]
    assert load_config("free/chair").model.network["z_dim"] > 0


def test_a_child_overrides_its_parents_recursively(tmp_path: Path) -> None:
    write(
        tmp_path / "grand.yaml", {"training": {"seed": 1, "batch_size": 5}, "data": {"points": 8}}
    )
    write(tmp_path / "parent.yaml", {"inherit_from": "grand.yaml", "training": {"seed": 2}})
    child = write(tmp_path / "child.yaml", {"inherit_from": "parent.yaml", "data": {"points": 16}})
    config = load_config(child)
    assert (config.training.seed, config.training.batch_size, config.data.points) == (2, 5, 16)
    assert config.data.image_size == Config().data.image_size


def test_overrides_win() -> None:
    config = load_config(
        "pointcloud/onet",
        [
            "training.learning_rate=3e-4",
            "data.categories=[airplane, chair]",
            "model.network.c_dim=64",
            "training.max_steps=10",
            "training.initial_weights=null",
            "data.root=some=where",
        ],
    )
    assert config.training.learning_rate == 3e-4
    assert config.data.categories == ["airplane", "chair"]
    assert config.model.network["c_dim"] == 64
    assert config.model.network["decoder"] == "cbatchnorm"
    assert config.training.max_steps == 10
    assert config.data.root == "some=where"


def one_sentence(error: pytest.ExceptionInfo[ConfigError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("training.learning_rat=1", "learning_rat"),
        ("trainin.seed=1", "trainin"),
        ("training.batch_size=many", "batch_size"),
        ("training.batch_size=0", "training.batch_size"),
        ("training.seed", "training.seed"),
        ("data.input_kind=sound", "data.input_kind"),
        ("training.select=beauty", "training.select"),
        ("test.threshold=1.5", "test.threshold"),
        ("training.schedule=cosine", "training.max_steps"),
        ("training.accumulate=5", "training.accumulate"),
        ("data.augmentations=[shuffle]", "data.augmentations"),
        ("data=3", "data"),
        ("data.points=[1", "data.points"),
    ],
)
def test_mistakes_are_one_sentence(override: str, named: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config("pointcloud/onet", [override])
    assert named in one_sentence(error)


def test_bad_files(tmp_path: Path) -> None:
    bad = {
        "text.yaml": "just words",
        "broken.yaml": "data: {points: 1",
        "unknown.yaml": "data: {pionts: 3}",
        "circle.yaml": "inherit_from: circle.yaml",
        "orphan.yaml": "inherit_from: nowhere/at_all",
        "tag.yaml": "data: !!python/object/apply:os.getcwd []",
    }
    for name, content in bad.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        with pytest.raises(ConfigError) as error:
            load_config(tmp_path / name)
        one_sentence(error)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="pointcloud/onet"):
        find_config("pointcloud/nothing")
