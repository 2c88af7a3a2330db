"""Short training runs of tiny networks: they learn, stop, go on, and end as weights that load."""

from __future__ import annotations

import errno
import logging
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_shapes import Box, Sphere, write_shape

from onet_core.errors import ModelError
from onet_core.models.weights import load_weights
from onet_core.pipeline.reconstructor import Reconstructor
from training.data.datasets.shapenet import ShapeDataset
from training.learn import callbacks
from training.learn.callbacks import Throughput
from training.learn.config import Config, ConfigError, load_config
from training.learn.export import main as export_main
from training.learn.latents import PLACES
from training.learn.lightning_module import batch_iou
from training.learn.train import main, make_loaders, make_module, moving_average, train

SHAPES = {
    "a": Sphere(0.45),
    "b": Box((1.0, 0.6, 0.4)),
    "c": Box((0.3, 1.0, 0.3)),
    "d": Sphere(0.35),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for split in ("train", "val"):
        for name, shape in SHAPES.items():
            write_shape(
                folder, "things", f"{split}_{name}", shape, split=split, count=4000, half=True
            )
    return folder


NETWORKS = {
    "points": (
        "pointcloud/onet",
        "{encoder: pointnet_simple, decoder: cbatchnorm, c_dim: 16, z_dim: 0, "
        "encoder_kwargs: {hidden_dim: 16}, decoder_kwargs: {hidden_size: 16}}",
    ),
    "voxels": (
        "free/voxels",
        "{channels: 4, hidden: 8, plane_resolution: 16, unet_depth: 2, unet_width: 8}",
    ),
    "image": ("free/picture_planes", None),
    "none": (
        "unconditional/onet_chairs",
        "{decoder: simple, c_dim: 0, z_dim: 4, decoder_kwargs: {hidden_size: 32}}",
    ),
    "index": (
        "repr_power/onet",
        "{encoder: idx, decoder: cbatchnorm, c_dim: 16, z_dim: 0, encoder_kwargs: {shapes: 1}, "
        "decoder_kwargs: {hidden_size: 16}}",
    ),
    "generative": (
        "free/chair",
        "{z_dim: 4, channels: 8, hidden: 16, plane_resolution: 8, plane_width: 32}",
    ),
}


def tiny(root: Path, output: Path, kind: str = "points", *more: str) -> Config:
    base, network = NETWORKS[kind]
    overrides = [
        f"data.root={root}",
        "data.categories=[things]",
        "data.points=256",
        "data.input_points=100",
        "data.workers=0",
        "training.batch_size=4",
        "training.learning_rate=0.003",
        "training.max_steps=20",
        "training.validate_every=10",
        "training.checkpoint_every=10",
        "training.log_every=1",
        "training.warmup_steps=0",
        "test.points_iou=1000",
        "test.batch_size=4",
        "training.pictures=0",
        f"output.directory={output}",
    ]
    if kind == "image":
        overrides += ["data.image_size=32", "training.precision=bf16-mixed"]
        network = "{c_dim: 16, channels: 8, hidden: 8, plane_resolution: 8, plane_width: 16}"
    if network is None:
        network = "{channels: 8, hidden: 8, plane_resolution: 16, unet_depth: 2, unet_width: 8}"
    return load_config(base, [*overrides, f"model.network={network}", *more])


def curve(output: Path, name: str) -> list[tuple[int, float]]:
    log = EventAccumulator(str(output / "logs"))
    log.Reload()
    return [(event.step, event.value) for event in log.Scalars(name)]


@pytest.mark.parametrize("kind", ["points", "voxels", "none"])
def test_twenty_steps(root: Path, tmp_path: Path, kind: str) -> None:
    config = tiny(root, tmp_path, kind)
    weights = train(config)
    losses = [value for _, value in curve(tmp_path, "loss")]
    assert len(losses) == 20
    assert np.mean(losses[-4:]) < 0.85 * np.mean(losses[:4])
    assert [step for step, _ in curve(tmp_path, "val_iou")] == [9, 19]
    assert {path.name for path in tmp_path.iterdir()} >= {
        "best.ckpt",
        "config.yaml",
        "last.ckpt",
        "logs",
        "weights.safetensors",
    }
    network, description = load_weights(weights)
    assert description.input_kind == kind
    assert description.training["steps"] in (10, 20)
    assert description.network == config.model.network
    with torch.no_grad():
        item = ShapeDataset(root, "val", kind, points=8, train=False)[0]
        code = network.encode_inputs(torch.from_numpy(item["inputs"])[None])
        latent = torch.zeros(1, network.z_dim)
        logits = network.decode(torch.from_numpy(item["points"])[None], latent, code)
    assert torch.isfinite(logits).all()


def test_pictures_in_mixed_precision(root: Path, tmp_path: Path) -> None:
    config = tiny(root, tmp_path, "image", "training.max_steps=3", "training.validate_every=3")
    network, description = load_weights(train(config))
    # free/picture_planes mirrors while it trains, so a picture and its mirror image are both asked.
    assert description.inputs == {"image_size": 32}
    assert description.steps.mirror
    assert all(np.isfinite(value) for _, value in curve(tmp_path, "loss"))
    assert network.encode_inputs(torch.zeros(1, 3, 32, 32)) is not None


def test_a_run_that_was_stopped_goes_on(root: Path, tmp_path: Path) -> None:
    train(tiny(root, tmp_path, "points", "training.max_steps=13"))
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 13
    before = torch.load(tmp_path / "last.ckpt", weights_only=True)
    train(tiny(root, tmp_path))
    after = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert after["global_step"] == 20
    assert [step for step, _ in curve(tmp_path, "loss")] == list(range(20))
    moments = [state["optimizer_states"][0]["state"][0]["step"] for state in (before, after)]
    assert [float(value) for value in moments] == [13, 20]
    # Once more: there is nothing left to do, and nothing changes.
    once, description = load_weights(tmp_path / "weights.safetensors")
    again, same = load_weights(train(tiny(root, tmp_path)))
    assert same == description
    for name, value in once.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


def test_averaged_weights_are_kept_beside_the_current_ones(root: Path, tmp_path: Path) -> None:
    options = ("training.ema=0.999", "training.max_steps=12", "training.gradient_clip=1")
    train(tiny(root, tmp_path, "voxels", *options))
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    name = next(name for name in state["state_dict"] if name.endswith("weight"))
    averaged, current = state["state_dict"][name], state["current_model_state"][name]
    assert not torch.equal(averaged, current)
    train(tiny(root, tmp_path, "voxels", *options, "training.max_steps=14"))
    assert int(torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"]) == 14
    result = CliRunner().invoke(
        export_main, [str(tmp_path), str(tmp_path / "last.safetensors"), "--last"]
    )
    assert result.exit_code == 0, result.output
    network, _ = load_weights(tmp_path / "last.safetensors")
    newest = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    own = network.state_dict()[name.removeprefix("network.")]
    # free/voxels is exported in half precision.
    torch.testing.assert_close(own, newest[name].half().float())


def test_the_average_forgets_its_beginning() -> None:
    average = moving_average(0.9)
    mean, counter = torch.zeros(1), torch.zeros(1, dtype=torch.int64)
    for updates in range(1, 200):
        average([mean], [torch.ones(1)], torch.tensor(updates))
        average([counter], [torch.tensor([updates])], torch.tensor(updates))
        if updates == 1:
            assert mean.item() == pytest.approx(1 - 2 / 11)
    assert mean.item() == pytest.approx(1)
    assert counter.item() == 199
    late = torch.zeros(1)
    average([late], [torch.ones(1)], 10_000)
    assert late.item() == pytest.approx(0.1)


def test_generative_run_knows_its_shapes_and_samples_like_them(root: Path, tmp_path: Path) -> None:
    config = tiny(root, tmp_path, "generative", "training.max_steps=60", "training.ema=0.9")
    network, description = load_weights(train(config))
    losses = [value for _, value in curve(tmp_path, "loss")]
    assert np.mean(losses[-4:]) < 0.7 * np.mean(losses[:4])
    assert description.architecture == "latent_planes"
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert state["latents.means"].shape == (len(SHAPES), 4)
    assert network.centres.shape == (PLACES * len(SHAPES), 4)
    # What samples decode to is about as full as the training shapes are.
    points = torch.rand(1, 2000, 3, generator=torch.Generator().manual_seed(0)) * 1.1 - 0.55
    sampled = Reconstructor.of_network(network, description)
    z = torch.from_numpy(np.stack([sampled.latent(seed) for seed in range(16)]))
    with torch.no_grad():
        logits = network.decode(points.expand(16, -1, -1), z, network.encode_inputs(z))
    filled = torch.sigmoid(logits).mean().item()
    shapes = [ShapeDataset(root, "train", "none", points=2000)[i] for i in range(len(SHAPES))]
    assert filled == pytest.approx(
        np.mean([item["occupancies"].mean() for item in shapes]), rel=0.4
    )


def test_every_training_shape_has_a_code_of_its_own(root: Path, tmp_path: Path) -> None:
    config = tiny(root, tmp_path, "index", "training.max_steps=60", "training.validate_every=30")
    network, description = load_weights(train(config))
    assert description.input_kind == "index"
    assert network.encode_inputs(torch.arange(len(SHAPES))).shape == (len(SHAPES), 16)
    losses = [value for _, value in curve(tmp_path, "loss")]
    assert np.mean(losses[-4:]) < 0.7 * np.mean(losses[:4])


def test_initial_weights(root: Path, tmp_path: Path) -> None:
    first = train(tiny(root, tmp_path / "one", "points", "training.max_steps=2"))
    config = tiny(root, tmp_path / "two", "points", f"training.initial_weights={first}")
    module = make_module(config)
    network, _ = load_weights(first)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(module.network.state_dict()[name], value)


def test_checkpoints_that_cannot_be_resumed(root: Path, tmp_path: Path) -> None:
    train(tiny(root, tmp_path, "points", "training.max_steps=1"))
    for kind, message in (("none", "another network"), ("points", "damaged")):
        with pytest.raises(ModelError, match=message):
            train(tiny(root, tmp_path, kind))
        content = (tmp_path / "last.ckpt").read_bytes()
        (tmp_path / "last.ckpt").write_bytes(content[: len(content) // 2])


def test_a_run_goes_on_only_with_its_own_configuration(root: Path, tmp_path: Path) -> None:
    train(tiny(root, tmp_path, "points", "training.max_steps=1"))
    for override, named in (
        ("data.categories=null", "data.categories"),
        ("training.ema=0.9", "ema"),
    ):
        with pytest.raises(ModelError, match=named):
            train(tiny(root, tmp_path, "points", override))
    train(tiny(root, tmp_path, "points", "training.max_steps=2", "training.learning_rate=1e-5"))


def test_early_stopping(root: Path, tmp_path: Path) -> None:
    # Without learning nothing gets better: the second validation is the last one.
    options = ("training.learning_rate=1e-30", "training.early_stopping=1", "training.max_steps=50")
    train(tiny(root, tmp_path, "points", *options, "training.validate_every=2"))
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert 4 <= state["global_step"] <= 8


def test_throughput_and_meshes_are_shown(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "training"):
        train(tiny(root, tmp_path, "voxels", "training.max_steps=10", "training.pictures=2"))
    (line,) = [text for text in caplog.messages if text.startswith("Step ")]
    assert re.match(r"Step 10 of 10 \(0 s left\): loss \d.*, val_iou \d.* shapes/s, ", line)
    end = caplog.messages[-1]
    wording = re.search(r"([\d.]+) % of the time waiting for data, ([\d.]+) % in steps\.$", end)
    assert wording is not None, end
    assert float(wording[1]) + float(wording[2]) == pytest.approx(100, abs=0.11)
    shapes, points = (curve(tmp_path, f"{name}_per_second") for name in ("shapes", "points"))
    assert shapes
    for (_, one), (_, other) in zip(shapes, points, strict=True):
        assert other == pytest.approx(256 * one, rel=1e-4)
    assert all(0 <= share <= 1 for _, share in curve(tmp_path, "loader_share"))
    log = EventAccumulator(str(tmp_path / "logs"))
    log.Reload()
    (event,) = log.Images("meshes")
    assert (event.width, event.height) == (2 * 192, 2 * 192)


def test_waiting_for_data_is_told_from_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set by hand: batches take 1 s to load and 3 s to learn from."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: clock.now)
    logged: list[dict[str, float]] = []
    trainer: Any = SimpleNamespace(world_size=2)
    module = SimpleNamespace(log_dict=logged.append)
    throughput = Throughput(every=2)
    batch = {"points": torch.zeros(4, 100, 3)}
    for index in range(5):
        clock.now += 50 if index == 0 else 1
        throughput.on_train_batch_start(trainer, module, batch, index)
        clock.now += 3
        throughput.on_train_batch_end(trainer, module, None, batch, index)
        if index == 1:  # a validation, which is neither
            clock.now += 1000
            throughput.on_validation_end(trainer, module)
    expected = {"shapes_per_second": 2.0, "points_per_second": 200.0, "loader_share": 0.25}
    assert logged == [expected, expected]
    assert throughput.whole.figures() == expected


def test_durations_as_words() -> None:
    assert [callbacks.duration_text(value) for value in (4, 600, 7200)] == [
        "4 s",
        "10 min",
        "2.0 h",
    ]


def test_without_a_compiler_compiling_is_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, str(tmp_path / "no_compiler")))
    config = tiny(root, tmp_path / "run", "points", "training.compile=true")
    with pytest.raises(ConfigError, match=r"no_compiler.*Install a C\+\+ compiler"):
        train(config)


def test_a_full_disk_ends_a_training_in_a_sentence(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tiny(root, tmp_path / "run", "points", "training.max_steps=10"))
    before = (tmp_path / "run" / "last.ckpt").read_bytes()

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    config = tiny(root, tmp_path / "run")
    config.save(tmp_path / "tiny.yaml")
    with monkeypatch.context() as patch:
        patch.setattr("lightning.fabric.plugins.io.torch_io._atomic_save", full)
        result = CliRunner().invoke(main, [str(tmp_path / "tiny.yaml")])
    assert result.exit_code == 2
    assert "No space left on device" in result.output
    assert str(tmp_path / "run") in result.output
    # What was there is whole, and the run goes on from it.
    assert (tmp_path / "run" / "last.ckpt").read_bytes() == before
    train(config)
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["global_step"] == 20


def test_the_batch_is_shared_out(root: Path, tmp_path: Path) -> None:
    config = tiny(root, tmp_path, "points", "training.batch_size=4", "training.accumulate=2")
    training, validation = make_loaders(config, processes=2)
    assert training.batch_size == 1
    assert validation.batch_size == 4
    with pytest.raises(ConfigError, match="multiple of 6"):
        make_loaders(config, processes=3)


def test_schedules(root: Path, tmp_path: Path) -> None:
    module = make_module(
        tiny(
            root,
            tmp_path,
            "points",
            "training.schedule=cosine",
            "training.warmup_steps=10",
            "training.max_steps=110",
        )
    )
    factors = [module.learning_rate_factor(step) for step in (0, 9, 10, 60, 110, 500)]
    assert factors == pytest.approx([0.1, 1, 1, 0.51, 0.02, 0.02])
    constant = make_module(tiny(root, tmp_path))
    assert constant.learning_rate_factor(10**6) == 1


def test_iou_of_rows() -> None:
    rows = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], dtype=torch.bool)
    others = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]], dtype=torch.bool)
    torch.testing.assert_close(batch_iou(rows, others), torch.tensor([1 / 3, 1.0, 0.0]))


def test_the_command_line(root: Path, tmp_path: Path) -> None:
    config = tiny(root, tmp_path / "run", "points", "training.max_steps=2")
    config.save(tmp_path / "tiny.yaml")
    result = CliRunner().invoke(main, [str(tmp_path / "tiny.yaml"), "training.max_steps=3"])
    assert result.exit_code == 0, result.output
    assert result.output.strip().endswith("weights.safetensors")
    missing = CliRunner().invoke(main, [str(tmp_path / "tiny.yaml"), "data.root=nowhere"])
    assert missing.exit_code == 2
    assert "nowhere" in missing.output
    other = CliRunner().invoke(
        export_main, [str(tmp_path), str(tmp_path / "x.safetensors"), "--last"]
    )
    assert other.exit_code == 2
    assert "Error" in other.output
