"""A narrower decoder of voxels that begins with the most important channels of a wider one.

What reads the voxels around a query knows much of what it needs twice: half of its channels, with
the layers behind them fitted anew by least squares, say nearly the same (as in ThiNet, Luo et al.
2017). The residual blocks behind, of which there may be fewer, then learn for a few seconds what
the heavier network answers; what follows is ordinary training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from scipy.linalg import qr
from torch import Tensor, nn

from onet_core.models.convolutional.patches import PatchFeatures, periodic
from onet_core.models.convolutional.planes import sample_features

from .lessons import Lesson, unlikeness

# Queries whose channels are compared, all shapes together: more say the same.
_FITTED = 40_000
# Added to the diagonal of normal equations, as a share of its mean.
_RIDGE = 1e-6
# Of the blocks' training: steps, queries of each, and the highest rate, of a cosine down to zero.
_STEPS, _QUERIES, _RATE = 1500, 4096, 5e-3


class Layers(NamedTuple):
    """What layers of `PatchFeatures` give at N queries.

    where: `periodic` of the places, (N, 24).
    first: behind the layers that read patches, places and planes, (N, hidden).
    stream: before each of the residual layers and `fc_out`, (N, hidden) each.
    """

    where: Tensor
    first: Tensor
    stream: list[Tensor]


@torch.no_grad()
def begin_thinned(pupil: nn.Module, teacher: nn.Module, lessons: Sequence[Lesson]) -> None:
    """Gives a network narrower patches than its teacher's, and blocks that fit them.

    lessons: what the teacher answered near surfaces; both networks have one encoder.
    """
    narrow: Any = pupil.get_submodule("decoder")
    wide: Any = teacher.get_submodule("decoder")
    count = -(-_FITTED // sum(len(lesson.points) for lesson in lessons))
    some = [lesson.first(count) for lesson in lessons]
    _thin(narrow.patches, wide.patches, _layers_of_all(wide, some))
    points = torch.cat([lesson.points.flatten(0, 1) for lesson in lessons])
    answers = torch.cat([lesson.answers.flatten() for lesson in lessons])
    features = torch.cat([_features(narrow, lesson).flatten(0, 1) for lesson in lessons])
    _fit_blocks(narrow, points, features, answers)


def _features(decoder: Any, lesson: Lesson) -> Tensor:
    """What the blocks of a decoder read at the queries of a lesson, (B, T, C)."""
    planes = sample_features(lesson.code, lesson.points, decoder.padding)
    return planes + decoder.patches(lesson.points, lesson.code["voxels"], planes)


def _layers_of_all(decoder: Any, lessons: Sequence[Lesson]) -> Layers:
    patches: PatchFeatures = decoder.patches
    found = []
    for lesson in lessons:
        planes = sample_features(lesson.code, lesson.points, decoder.padding)
        read, place = patches.read(lesson.points, lesson.code["voxels"])
        where = periodic(place)
        first = (read + patches.fc_place(where) + patches.fc_plane(planes)).relu()
        stream = [patches.fc_0(torch.cat([first, where], dim=-1)).relu()]
        for layer in patches.residual:
            stream.append(stream[-1] + layer(stream[-1]).relu())
        found.append([one.flatten(0, 1) for one in (where, first, *stream)])
    where, first, *rest = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Layers(where, first, rest)


def _thin(narrow: PatchFeatures, wide: PatchFeatures, layers: Layers) -> None:
    where, first, stream = layers
    readers: list[Any] = [*wide.residual, wide.fc_out]
    count = len(narrow.fc_0.bias)
    begun = _most_telling(first, wide.fc_0.weight[:, : first.shape[1]], count)
    kept = _most_telling(torch.cat(stream), torch.cat([one.weight for one in readers]), count)
    for name in ("fc_patch.weight", "fc_patch.bias", "fc_place.weight", "fc_plane.weight"):
        narrow.get_parameter(name).copy_(wide.get_parameter(name)[begun])
    # Each layer is fitted to what those before it give now, so that it makes up for their errors.
    told = wide.fc_0(torch.cat([first, where], dim=1))[:, kept]
    net = _fit(narrow.fc_0, torch.cat([first[:, begun], where], dim=1), told).relu()
    # Of fewer residual layers the last ones are left out, and what reads them makes up for it.
    for own, layer, given in zip(narrow.residual, wide.residual, stream, strict=False):
        net = net + _fit(own, net, layer(given)[:, kept]).relu()
    _fit(narrow.fc_out, net, wide.fc_out(stream[-1]))


def _most_telling(values: Tensor, weight: Tensor, count: int) -> Tensor:
    """Which channels (count,) of values (N, C) tell most about all of them, in rising order.

    Each counts by the norm of the weights (..., C) that read it. One after another is taken whose
    part that those before do not explain is largest.
    """
    weighed = (values - values.mean(0)).double() * weight.double().norm(dim=0)
    products = weighed.T @ weighed
    products.diagonal().add_(_RIDGE * products.diagonal().mean())
    _, _, order = qr(torch.linalg.cholesky(products).T.numpy(), pivoting=True)
    return torch.from_numpy(order[:count].copy()).long().sort().values


def _fit(layer: Any, given: Tensor, wanted: Tensor) -> Tensor:
    """Sets a layer by least squares, from rows (N, C) to rows (N, D); returns what it gives."""
    rows = torch.cat([given, given.new_ones(len(given), 1)], dim=1).double()
    products = rows.T @ rows
    products.diagonal().add_(_RIDGE * products.diagonal().mean())
    solved = torch.linalg.solve(products, rows.T @ wanted.double()).T
    layer.weight.copy_(solved[:, :-1])
    layer.bias.copy_(solved[:, -1])
    return layer(given)


def _fit_blocks(decoder: Any, points: Tensor, features: Tensor, answers: Tensor) -> None:
    """Has what follows the features (N, C) at points (N, 3) learn the answers (N,)."""
    behind = [
        value
        for name, value in decoder.named_parameters()
        if not name.startswith(("patches.", "neighbours."))
    ]
    optimiser = torch.optim.Adam(behind, lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _STEPS)
    with torch.enable_grad():
        for _ in range(_STEPS):
            chosen = torch.randint(len(points), (_QUERIES,), device=points.device)
            found = decoder.logits(points[chosen], features[chosen])
            optimiser.zero_grad()
            unlikeness(found, answers[chosen]).mean().backward()
            optimiser.step()
            schedule.step()
