"""A field's values at all nodes of a grid, of which few are asked that plainly count for nothing.

Every second node along each axis and the middles of the cubes between them, a quarter of all, tell
about the others as in `root`. Where the six nearest of a node are all below the lowest logit that
counts, and by more than half of what they differ by, so is the node, and the middle between the
lowest and the highest of them will do for it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..field import Field, evaluate
from .root import BESIDE, MARGIN, range_around


class Probe:
    """What a field says on a grid over the cube of edge 2 * half around the origin.

    size: G, nodes along each axis, odd; lowest: the lowest logit that counts, None where all do.
    nodes: (G ** 3, 3); values: logits (G, G, G), indexed x, y, z; is_known: which of them are the
    field's own, (G, G, G).
    """

    def __init__(
        self, field: Field, size: int, half: float, lowest: float | None, device: torch.device
    ) -> None:
        self._field = field
        axis = torch.linspace(-half, half, size, device=device)
        self.nodes = torch.cartesian_prod(axis, axis, axis)
        if lowest is None:
            self.values = evaluate(field, self.nodes).view((size,) * 3)
            self.is_known = torch.ones_like(self.values, dtype=torch.bool)
            return
        self.values = torch.zeros((size,) * 3, device=device)
        self.is_known = torch.zeros_like(self.values, dtype=torch.bool)
        first = torch.zeros_like(self.is_known)
        first[::2, ::2, ::2] = first[1::2, 1::2, 1::2] = True
        self.ask(first)
        around = range_around(self.values[None], self.is_known[None], BESIDE)
        low, high = (side[0] for side in around)
        self.values = torch.where(self.is_known, self.values, (low + high) / 2)
        self.ask(lowest - high <= MARGIN * (high - low))

    def ask(self, wanted: Tensor) -> None:
        """Asks the field at those nodes that are wanted, (G, G, G), and not known."""
        wanted = wanted & ~self.is_known
        self.values[wanted] = evaluate(self._field, self.nodes[wanted.flatten()])
        self.is_known |= wanted
