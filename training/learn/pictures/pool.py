"""Views drawn lately, each asked about more than once, as drawing costs as much as learning."""

from __future__ import annotations

import torch
from torch import Tensor

from onet_core.models.pictures.camera import PictureCamera
from onet_core.models.pictures.volume import mirrored
from training.data.bank import Bank
from training.data.views import Variation, Views, draw_variation, draw_views

from .batches import Batch, Choice


class Pool:
    """Keeps the last `rounds` drawings of `each` views and gives random views of all of them.

    size: of the pictures.
    """

    def __init__(self, bank: Bank, choice: Choice, *, each: int, rounds: int, size: int) -> None:
        self.bank, self.choice = bank, choice
        self.each, self.rounds, self.size = each, rounds, size
        self._tensors: list[Tensor] = []
        self._filled = 0
        self._next = 0

    def draw(self, generator: torch.Generator) -> None:
        """Draws `each` new views in the place of the oldest."""
        ids = self.choice.draw(self.each, generator)
        corners, colours, shape = self.bank.triangles(ids)
        variation = draw_variation(corners, shape, self.each, generator)
        corners = variation(corners.reshape(-1, 3), shape.repeat_interleave(3)).view_as(corners)
        views = draw_views(corners, colours, shape, self.each, generator, size=self.size)
        parts = [ids, *_flat(views), *variation]
        if not self._tensors:
            self._tensors = [
                part.new_zeros(self.rounds * self.each, *part.shape[1:]) for part in parts
            ]
        for kept, part in zip(self._tensors, parts, strict=True):
            kept[self._next : self._next + self.each] = part
        self._next = (self._next + self.each) % (self.rounds * self.each)
        self._filled = min(self._filled + self.each, self.rounds * self.each)

    def batch(self, count: int, queries: int, generator: torch.Generator) -> Batch:
        """`count` of the views, with queries of their own."""
        chosen = torch.randint(self._filled, (count,), generator=generator, device=self.bank.device)
        ids, *parts = (kept[chosen] for kept in self._tensors)
        views = _unflat(parts[: -len(Variation._fields)])
        variation = Variation(*parts[-len(Variation._fields) :])
        points, occupancy = self.bank.queries(ids, queries, generator, near_share=0.5)
        flipped = torch.rand(count, generator=generator, device=self.bank.device) < 0.5
        points = variation.batch(points)
        points = torch.where(flipped[:, None, None], mirrored(points), points)
        return Batch(_flipped(views, flipped), points, occupancy, self.choice.kinds[ids])


def _flipped(views: Views, chosen: Tensor) -> Views:
    """Views of the mirror image where `chosen` (B,) holds."""
    normals = views.normals * views.normals.new_tensor([-1.0, 1.0, 1.0])[:, None, None]
    other = Views(
        views.pictures, views.camera.mirrored(), views.mask, views.depth, normals, views.known
    )
    return Views(
        _chosen(chosen, other.pictures.flip(-1), views.pictures),
        other.camera.chosen(chosen, views.camera),
        _chosen(chosen, other.mask.flip(-1), views.mask),
        _chosen(chosen, other.depth.flip(-1), views.depth),
        _chosen(chosen, other.normals.flip(-1), views.normals),
        _chosen(chosen, other.known.flip(-1), views.known),
    )


def _chosen(chosen: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Rows of one tensor where `chosen` (B,) holds, of the other where not."""
    return torch.where(chosen.view(-1, *(1,) * (one.ndim - 1)), one, other)


def _flat(views: Views) -> list[Tensor]:
    """Tensors of one row a view."""
    return [
        views.pictures, views.camera.numbers(), views.mask, views.depth, views.normals, views.known
    ]  # fmt: skip


def _unflat(parts: list[Tensor]) -> Views:
    pictures, numbers, *maps = parts
    return Views(pictures, PictureCamera.from_numbers(numbers), *maps)
