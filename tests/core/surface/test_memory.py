"""A search at another level, by what the field said in the first."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from onet_core.surface.extract import Extraction, extract_all, only
from onet_core.surface.memory import FINEST, Memory


class Counted:
    """A wavy ball that counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, points: Tensor) -> Tensor:
        self.asked += len(points)
        waves = torch.sin(40 * points).sum(dim=1)
        return 30 * (0.3 - points.norm(dim=1)) + 0.4 * waves


def found(field: Counted, threshold: float, memory: Memory | None, cells: int = 64) -> Extraction:
    return only(extract_all([field], resolution=cells, threshold=threshold, memory=memory))


def test_a_second_search_asks_only_for_what_is_new() -> None:
    plain, remembering = Counted(), Counted()
    memory = Memory()
    for threshold in (0.4, 0.3, 0.4):
        before, expected = remembering.asked, found(plain, threshold, None)
        made = found(remembering, threshold, memory)
        assert np.array_equal(made.mesh.vertices, expected.mesh.vertices)
        assert np.array_equal(made.mesh.faces, expected.mesh.faces)
        assert sum(made.evaluations) == remembering.asked - before
    # The coarse grid is whole both times, and the surfaces lie side by side.
    assert remembering.asked < 0.5 * plain.asked
    # The third was known.
    assert sum(made.evaluations) == 0


def test_of_fine_grids_nothing_is_kept() -> None:
    memory, asked = Memory(), []

    def ask(wanted: Tensor) -> Tensor:
        asked.append(int(wanted.sum()))
        return torch.ones(asked[-1])

    keys = torch.arange(5)
    for resolution in (FINEST, FINEST, 2 * FINEST, 2 * FINEST):
        assert memory.recalled(keys, resolution, ask).tolist() == [1.0] * 5
    assert asked == [5, 0, 5, 5]
