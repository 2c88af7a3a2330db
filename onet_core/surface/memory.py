"""What a field said at grid points, so that a second search in it asks for none of it again."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

FINEST = 256
"""Of finer grids nothing is kept: it would be hundreds of megabytes."""


class Memory:
    """Logits of one field at the points of grids, for searches of the same box."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Tensor, Tensor]] = {}

    def recalled(self, keys: Tensor, resolution: int, ask: Callable[[Tensor], Tensor]) -> Tensor:
        """Logits (n,) at the points of these keys (n,), see `sparse_grid.keys_of`.

        ask: gets a mask (n,) of those that are not known yet, gives their logits.
        """
        if resolution > FINEST:
            return ask(torch.ones_like(keys, dtype=torch.bool))
        if resolution not in self._known:
            empty = torch.empty(0, device=keys.device)
            self._known[resolution] = keys.new_empty(0), empty
        known, values = self._known[resolution]
        is_new = torch.ones_like(keys, dtype=torch.bool)
        place = torch.zeros_like(keys)
        if len(known):
            place = torch.searchsorted(known, keys).clamp_(max=len(known) - 1)
            is_new = known[place] != keys
        asked = ask(is_new)
        if not len(known):
            result = asked
        else:
            result = values[place].to(asked.dtype)
            result[is_new] = asked
        known, order = torch.cat([known, keys[is_new]]).sort()
        self._known[resolution] = known, torch.cat([values.to(asked.dtype), asked])[order]
        return result
