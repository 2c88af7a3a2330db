"""What a training begins from is taken whole, and said, or not at all."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from onet_core.errors import ModelError
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.weights import save_weights
from training.learn.config import load_config
from training.learn.initial import begin_from
from training.learn.train import make_module

WIDTHS = (64, 64, 128, 256, 512)


def resnet18() -> dict[str, Tensor]:
    """Names and shapes as torchvision's `resnet18-f37072fd.pth` has them, written down by hand."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}

    def convolution(name: str, out: int, into: int, size: int) -> None:
        state[f"{name}.weight"] = torch.randn(out, into, size, size, generator=generator)

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.{part}"] = torch.rand(width, generator=generator)

    convolution("conv1", 64, 3, 7)
    norm("bn1", 64)
    for level in range(1, 5):
        into, out = WIDTHS[level - 1], WIDTHS[level]
        for block in range(2):
            name = f"layer{level}.{block}"
            convolution(f"{name}.conv1", out, into if block == 0 else out, 3)
            norm(f"{name}.bn1", out)
            convolution(f"{name}.conv2", out, out, 3)
            norm(f"{name}.bn2", out)
            if level > 1 and block == 0:
                convolution(f"{name}.downsample.0", out, into, 1)
                norm(f"{name}.downsample.1", out)
    state["fc.weight"], state["fc.bias"] = torch.zeros(1000, 512), torch.zeros(1000)
    return state


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return resnet18()


def pictures() -> torch.nn.Module:
    network = {"encoder": "resnet18", "decoder": "cbatchnorm", "c_dim": 8, "z_dim": 0}
    network["decoder_kwargs"] = {"hidden_size": 8}
    return build_network(ModelDescription("a", "A", "occupancy_network", "image", network))


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_resnet_of_imagenet_goes_into_the_encoder(
    state: dict[str, Tensor], tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"resnet18{ending}"
    if ending == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    network = pictures()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    text = begin_from(network, path)
    # 20 convolutions and 20 normalisations of four tensors each.
    assert "all of its 100 tensors" in text
    assert text.endswith("not taken: fc.weight, fc.bias.")
    for name, value in network.state_dict().items():
        given = state.get(name.removeprefix("encoder.features."))
        taken = given is not None and name.startswith("encoder.features.")
        assert torch.equal(value, given if taken else before[name]), name


def test_training_says_what_it_begins_with(
    state: dict[str, Tensor], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.save(state, tmp_path / "resnet18.pth")
    config = load_config("img/onet", [f"training.initial_weights={tmp_path / 'resnet18.pth'}"])
    with caplog.at_level(logging.INFO, "training"):
        module = make_module(config)
    assert "all of its 100 tensors from" in caplog.text
    own = module.network.encoder.features.conv1.weight
    assert torch.equal(own, state["conv1.weight"])


def test_what_fits_in_part_or_not_at_all_is_refused(
    state: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "part.pth"
    damaged = {name: value for name, value in state.items() if not name.startswith("layer4")}
    torch.save(damaged, path)
    network = pictures()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ModelError, match=r"75 of its 100 tensors .* Nothing was taken"):
        begin_from(network, path)
    deeper = {**state, "layer1.2.conv1.weight": torch.zeros(64, 64, 3, 3)}  # as ResNet-34 has
    torch.save(deeper, path)
    with pytest.raises(ModelError, match=r"100 of its 100 .* and 1 of the file's have no place"):
        begin_from(network, path)
    torch.save({**state, "conv1.weight": state["conv1.weight"] / 0}, path)
    with pytest.raises(ModelError, match=r"not numbers, in conv1\.weight"):
        begin_from(network, path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="damaged"):
        begin_from(network, path)
    with pytest.raises(ModelError, match="no weights file"):
        begin_from(network, tmp_path / "none.pth")
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_another_network_is_refused(state: dict[str, Tensor], tmp_path: Path) -> None:
    small = {"decoder": "simple", "c_dim": 0, "z_dim": 4, "decoder_kwargs": {"hidden_size": 8}}
    wide = {**small, "decoder_kwargs": {"hidden_size": 16}}
    about, other = (
        ModelDescription("a", "A", "occupancy_network", "none", values) for values in (small, wide)
    )
    save_weights(tmp_path / "a.safetensors", build_network(about), about)
    assert "begins with all of its" in begin_from(build_network(about), tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match="does not fit the network"):
        begin_from(build_network(other), tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "resnet18.pth")
    with pytest.raises(ModelError, match="encoder is none"):
        begin_from(build_network(about), tmp_path / "resnet18.pth")
