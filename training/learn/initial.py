"""What a training begins from: a whole network, or a picture encoder that knows ImageNet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from onet_core.errors import ModelError
from onet_core.models.convolutional.network import LatentPlanesNetwork
from onet_core.models.encoders import ImageEncoder
from onet_core.models.original import assert_small
from onet_core.models.weights import load_weights

# How torchvision's ResNets begin and what they end with, the classifier of ImageNet.
RESNET_FIRST = ("conv1.weight", "layer1.0.conv1.weight")
CLASSIFIER = ("fc.weight", "fc.bias")
# Batch norm's counter of steps, which old files of torchvision lack; nothing reads it.
COUNTER = "num_batches_tracked"
# The prior of other shapes, which training makes anew.
OF_ITS_SHAPES: tuple[str, ...] = ("centres",)


def begin_from(network: nn.Module, path: Path) -> str:
    """Copies the tensors of a file into a network; returns a sentence on what was taken.

    path: weights of the same network, or a ResNet-18 with torchvision's names (`.pth`, `.pt` or
    `.safetensors`), which goes into the encoder of pictures. Raises ModelError where it is missing
    or damaged, and where it doesn't fit as a whole: the network then stays as it was.
    """
    resnet = read_resnet(path)
    if resnet is None:
        found: Mapping[str, Tensor] = load_weights(path)[0].state_dict()
        part: nn.Module = network
        leave, where = OF_ITS_SHAPES, "the network"
    else:
        encoder = getattr(network, "encoder", None)
        if not isinstance(encoder, ImageEncoder):
            raise ModelError(f"{path} is a ResNet, but this network's encoder is none.")
        found, part, leave, where = resnet, encoder.features, CLASSIFIER, "the picture encoder"
    own = part.state_dict()
    needed = [name for name in own if not name.endswith(COUNTER)]
    given = [name for name in found if name not in leave and not name.endswith(COUNTER)]
    taken = [name for name in needed if name in found and found[name].shape == own[name].shape]
    if len(taken) < len(needed) or len(given) > len(taken):
        raise ModelError(
            f"{path} does not fit {where}: {len(taken)} of its {len(needed)} tensors are in the "
            f"file under the same name and in the same shape, and {len(given) - len(taken)} of the "
            "file's have no place. Nothing was taken."
        )
    part.load_state_dict({**own, **{name: found[name] for name in own if name in found}})
    if isinstance(network, LatentPlanesNetwork) and "centres" in found:
        # Latents are learned under a normal distribution of deviation 1, see `latents.set_prior`.
        layer: Any = network.encoder.fc
        with torch.no_grad():
            layer.weight *= found["centres"].square().mean().sqrt()
    left = [name for name in leave if name in found]
    return (
        f"{where[0].upper()}{where[1:]} begins with all of its {len(taken)} tensors from {path}"
        + (f"; not taken: {', '.join(left)}." if left else ".")
    )


def read_resnet(path: Path) -> dict[str, Tensor] | None:
    """The tensors of a ResNet with torchvision's names; None for files of another kind.

    Raises ModelError where the file claims more than it holds, or values that are not numbers.
    """
    try:
        if path.suffix.lower() == ".safetensors":
            state = load_file(path)
        else:
            assert_small(path)
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError, SafetensorError):
        return None  # whoever reads it as a network says what is wrong
    if not isinstance(state, dict) or not all(name in state for name in RESNET_FIRST):
        return None
    if not all(isinstance(value, Tensor) for value in state.values()):
        return None
    for name, value in state.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ModelError(f"{path} holds values that are not numbers, in {name}.")
    return state
