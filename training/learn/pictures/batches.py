"""What the picture network learns from: shapes chosen, varied, drawn and asked about."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import torch
from torch import Tensor

from training.data.bank import Bank
from training.data.views import Views, draw_variation, draw_views

# The categories that the project is measured on come twice as often as others of their number.
CATEGORIES = (
    "airplane", "bench", "cabinet", "car", "chair", "display", "lamp", "loudspeaker", "rifle",
    "sofa", "table", "telephone", "vessel",
)  # fmt: skip
_FAVOUR = 2.0
# A category's share grows with this power of its number of shapes: small ones come more often.
_POWER = 0.6


class Batch(NamedTuple):
    """Pictures of shapes with labelled points.

    views: see `Views`.
    points: (B, N, 3), the first half evenly in the box, the others near the surface.
    occupancy: (B, N).
    kinds: (B,), the number of each shape's category.
    """

    views: Views
    points: Tensor
    occupancy: Tensor
    kinds: Tensor


class Choice:
    """Shapes of a bank with the probability of each, so that kinds and sources are balanced.

    Where a category has shapes made by people and by procedures, each source is half of it.
    """

    def __init__(self, bank: Bank, split: str = "train") -> None:
        self.ids = bank.ids(split)
        names = sorted(set(bank.categories))
        self.kinds = torch.tensor([names.index(c) for c in bank.categories], device=self.ids.device)
        self.count = len(names)
        numbers = self.ids.tolist()
        groups = [(bank.categories[i], bank.sources[i]) for i in numbers]
        of_group = Counter(groups)
        of_kind = Counter(category for category, _ in groups)
        sources = Counter(category for category, _ in of_group)
        shares = [
            of_kind[category] ** _POWER
            * (_FAVOUR if category in CATEGORIES else 1.0)
            / sources[category]
            / of_group[category, source]
            for category, source in groups
        ]
        self.weights = torch.tensor(shares, device=self.ids.device)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Numbers of `count` shapes of the bank, (count,)."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        return self.ids[chosen]


def make_batch(
    bank: Bank,
    choice: Choice,
    ids: Tensor,
    queries: int,
    generator: torch.Generator,
    *,
    size: int = 128,
    stretched: float = 0.7,
    is_plain: bool = False,
) -> Batch:
    """Pictures of shapes (B,), varied, with queries.

    size: of the pictures; stretched: the share of shapes that are; is_plain: neither varied nor
    drawn otherwise than by the project's own renderer, for validation.
    """
    corners, colours, shape = bank.triangles(ids)
    points, occupancy = bank.queries(ids, queries, generator, near_share=0.5)
    count = len(ids)
    if not is_plain:
        variation = draw_variation(corners, shape, count, generator, stretched)
        owner = shape.repeat_interleave(3)
        corners = variation(corners.reshape(-1, 3), owner).view_as(corners)
        points = variation.batch(points)
    views = draw_views(corners, colours, shape, count, generator, size=size, is_plain=is_plain)
    return Batch(views, points, occupancy, choice.kinds[ids])
