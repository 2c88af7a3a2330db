"""An observation read as it is and half turned, side by side in one code.

An encoder that learned from turned shapes errs differently on both. A decoder that reads both
codes at once needs no second pass.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .planes import PLANES
from .surroundings import HALF_TURN

Code = dict[str, Tensor]

# The axes that half a turn about the vertical changes the direction of.
_TURNED = [axis for axis, sign in enumerate(HALF_TURN.tolist()) if sign < 0]


def both_ways(encoder: Callable[[Tensor], Code], points: Tensor) -> Code:
    """The code of clouds (B, N, 3), with twice the encoder's channels.

    Planes and grid that were read half turned are turned back, so that both show the same places.
    What was fitted around the points is that of the first reading.
    """
    count = len(points)
    code = encoder(torch.cat([points, points * points.new_tensor(HALF_TURN)]))
    found = {name: value[:count] for name, value in code.items()}
    for name in (*PLANES, "grid"):
        if name in code:
            # The array's axes from its last one on.
            axes = (2, 1, 0) if name == "grid" else PLANES[name]
            flipped = [-1 - place for place, axis in enumerate(axes) if axis in _TURNED]
            found[name] = torch.cat([found[name], code[name][count:].flip(flipped)], dim=1)
    features = code["cloud_features"].split(count)
    return {**found, "cloud_features": torch.cat(features, dim=-1)}
