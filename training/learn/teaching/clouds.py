"""What a lighter network for clouds is asked, and what the heavier one answers.

Both read a cloud through one encoder, as it is and half turned. The teacher's answer is the mean of
what it says in both positions, as the pipeline takes it; the pupil reads both at once.
"""

from __future__ import annotations

import math
import random
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from onet_core.models.convolutional.both_ways import both_ways
from onet_core.models.convolutional.neighbours import gather, with_cloud_features
from onet_core.models.convolutional.network import ConvolutionalOccupancyNetwork
from onet_core.models.convolutional.planes import sample_features
from onet_core.models.convolutional.surroundings import HALF_TURN
from onet_core.models.prepared import prepare_positions
from onet_core.models.prepared.averaged import AS_IT_IS
from onet_core.models.prepared.averaged import HALF_TURN as TURN

from ...data.bank import Bank
from ..points.clouds import draw_examples
from ..points.flaws import Draw, Scans

# Points of a cloud that the networks read at most, as the pipeline has it, and at least.
MOST, LEAST = 4500, 100
# Sizes that clouds often have, and how often.
OFTEN = {300: 0.35, 3000: 0.3, MOST: 0.1}
# Of the queries of each cloud: those near the whole surface, missing parts included, those beside
# the cloud's own points, and how far they are from these.
_NEAR, _BESIDE = 0.55, 0.3
_REACH = (0.003, 0.04)


class Unlabelled(Bank):
    """A bank that gives queries without labels, so that there is no end of them."""

    def queries(
        self,
        ids: Tensor,
        n: int,
        generator: torch.Generator | None = None,
        near_share: float = 0.5,
    ) -> tuple[Tensor, Tensor]:
        """Points (B, n, 3), that share of them near the surface, and zeros (B, n)."""
        near = round(n * near_share)
        points = self.places(ids, n - near, near, generator)
        return points, points.new_zeros(points.shape[:2])


class CloudLesson(NamedTuple):
    """What is asked about a cloud of N points, and the answers. Of a trained encoder nothing
    changes, so that all it says is kept, in 16 bits where that is much.

    points: (T, 3) in the network's frame; answers: the teacher's logits (T,).
    features: what the planes say there, (T, C).
    nearest: the nearest K points, (T, K), and what is seen of each, seen (T, K, P).
    known: what is known of the cloud's points, (N, C).
    """

    points: Tensor
    answers: Tensor
    features: Tensor
    nearest: Tensor
    seen: Tensor
    known: Tensor


class CloudTeacher:
    """Makes lessons of a bank's shapes.

    queries: of each cloud.
    """

    def __init__(
        self,
        network: ConvolutionalOccupancyNetwork,
        pupil: ConvolutionalOccupancyNetwork,
        queries: int,
    ) -> None:
        self._network, self._queries = network.eval().requires_grad_(False), queries
        self._pupil = pupil

    @torch.no_grad()
    def lesson(self, cloud: Tensor, points: Tensor) -> CloudLesson:
        """The answers at points (T, 3) of a cloud (N, 3)."""
        network: Any = self._network
        pupil: Any = self._pupil
        clouds = torch.stack([cloud, cloud * cloud.new_tensor(HALF_TURN)])
        read = network.encoder.eval()(clouds)
        padding, near = network.decoder.padding, pupil.decoder.neighbours
        codes = [
            with_cloud_features(
                {name: value[k : k + 1] for name, value in read.items()},
                network.decoder.neighbours.neighbours,
                padding,
            )
            for k in range(2)
        ]
        field = prepare_positions(network, codes, [AS_IT_IS, TURN])
        assert field is not None
        code = both_ways(lambda _: read, cloud[None])
        code = with_cloud_features(code, near.neighbours, padding)
        index, seen = near.see(points[None], code)
        return CloudLesson(
            points,
            field(points),
            sample_features(code, points[None], padding)[0].half(),
            index[0],
            seen[0].half(),
            code["cloud_features"][0].half(),
        )

    def drawn(
        self, bank: Bank, ids: Tensor, count: int, draw: Draw, scans: Scans, symmetric: Tensor
    ) -> list[CloudLesson]:
        """Lessons of clouds of `count` points of shapes (B,) of a bank."""
        beside = round(_BESIDE * self._queries)
        near = _NEAR / (1 - _BESIDE)
        shown = draw_examples(
            bank, ids, count, self._queries - beside, draw, scans, symmetric, near
        )
        low, high = (math.log(one) for one in _REACH)
        chosen = (draw.uniform(len(ids), beside) * count).long()
        reach = draw.uniform(len(ids), beside, 1, low=low, high=high).exp()
        moved = gather(shown.clouds, chosen.unsqueeze(-1)).squeeze(2)
        moved = moved + reach * draw.normal(len(ids), beside, 3)
        points = torch.cat([shown.queries, moved], dim=1)
        return [self.lesson(*some) for some in zip(shown.clouds, points, strict=True)]


@torch.no_grad()
def lead(teacher: nn.Module, pupil: nn.Module) -> None:
    """Gives a pupil the encoder, for good, what tells outwards, and the rest of the decoder where
    all of it fits: then it begins as what the teacher says of a cloud as it is."""
    leads: Any = teacher
    led: Any = pupil
    led.encoder.load_state_dict(leads.encoder.state_dict())
    own, given = (some.decoder.neighbours.fc_outwards for some in (led, leads))
    # The mean of what is said in both positions, turned back.
    turn = given.weight.new_tensor(HALF_TURN)
    own.weight.copy_(torch.cat([given.weight, turn[:, None] * given.weight], dim=1) / 2)
    own.bias.copy_((1 + turn) * given.bias / 2)
    for fixed in (led.encoder, own):
        fixed.requires_grad_(False)
    began, learned = (
        {n: v for n, v in some.decoder.state_dict().items() if "outwards" not in n}
        for some in (leads, led)
    )
    if began.keys() == learned.keys() and all(
        map(_fits, began.values(), (learned[name] for name in began))
    ):
        for name, value in began.items():
            learned[name].zero_()[tuple(map(slice, value.shape))] = value


def _fits(value: Tensor, into: Tensor) -> bool:
    return all(size <= room for size, room in zip(value.shape, into.shape, strict=True))


def draw_size(numbers: random.Random) -> int:
    """How many points a cloud has, see `OFTEN`; the others evenly in the logarithm."""
    chance = numbers.random()
    for size, share in OFTEN.items():
        if chance < share:
            return size
        chance -= share
    return round(LEAST * (MOST / LEAST) ** numbers.random())


def answered(decoder: nn.Module, lessons: list[CloudLesson]) -> tuple[Tensor, Tensor]:
    """A decoder's logits and the teacher's at all queries of lessons, (T,) each."""
    part: Any = decoder
    near = part.neighbours
    sizes = [len(lesson.known) for lesson in lessons]
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    points, answers, features, _, seen, known = (
        torch.cat(some) for some in zip(*lessons, strict=True)
    )
    index = torch.cat(
        [lesson.nearest + start for lesson, start in zip(lessons, starts, strict=True)]
    )
    features = features.float()
    first = near.fc_neighbour(known.float()).index_select(0, index.flatten())
    found = near.attend(seen.float(), first.unflatten(0, index.shape), features)
    return part.logits(points, features + found), answers
