"""A velocity field between two clouds, after Occupancy Flow (Niemeyer et al., ICCV 2019).

The clouds are of one shape at two frames, drawn independently: no point of one is a point of the
other. Asked at places of the first frame's surface, the network says how far each moves. As in
Occupancy Flow places are carried along by adding velocities up from frame to frame; unlike
there the field is local, conditioned on the points round each place rather than on one code, so
that it is not tied to the kinds of shapes that it has seen.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

# Distances and velocities as the network sees them, in units of the shape's longest edge.
_NEAR, _FAST = 0.1, 0.05


@dataclass(frozen=True)
class FlowConfig:
    """Sizes.

    width: of all layers.
    layers: of the clouds' encoder.
    around: neighbours of a point in its cloud.
    seen: points of the next frame's cloud that each round looks at.
    beside: places asked about at once that a place moves like.
    """

    width: int = 48
    layers: int = 2
    around: int = 12
    seen: tuple[int, ...] = (24, 12)
    beside: int = 10

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file's header."""
        return asdict(self)


class Cloud(NamedTuple):
    """Points (B, N, 3), what is known of each (B, N, W), and of all together (B, W)."""

    points: Tensor
    features: Tensor
    whole: Tensor


class _Around(nn.Module):
    """What the neighbours of places say, the strongest of each kind."""

    def __init__(self, width: int, edges: int = 3) -> None:
        super().__init__()
        self.features, self.edges = nn.Linear(width, width), nn.Linear(edges, width)
        self.after = nn.Linear(width, width)

    def forward(self, features: Tensor, chosen: Tensor, edges: Tensor) -> Tensor:
        """features (B, N, W) of all, chosen (B, M, K) of them, edges (B, M, K, E) to them."""
        values = taken(self.features(features), chosen) + self.edges(edges)
        found: Tensor = self.after(values.amax(2).relu())
        return found


class FlowNetwork(nn.Module):
    """See the module."""

    def __init__(self, config: FlowConfig | None = None) -> None:
        super().__init__()
        self.config = config or FlowConfig()
        width = self.config.width
        self.begin = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, width))
        self.encoder = nn.ModuleList(_Around(width) for _ in range(self.config.layers))
        self.own = _Around(width)
        self.known = nn.Linear(2 * width + 4, width)
        rounds = len(self.config.seen)
        self.asks = nn.ModuleList(nn.Linear(width, width) for _ in range(rounds))
        self.answers = nn.ModuleList(nn.Linear(width, width) for _ in range(rounds))
        self.ways = nn.ModuleList(nn.Linear(7, width) for _ in range(rounds))
        self.weighed = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Linear(width, width + 1)) for _ in range(rounds)
        )
        self.states = nn.ModuleList(nn.Linear(2 * width + 6, width) for _ in range(rounds))
        self.shared = nn.ModuleList(_Around(width) for _ in range(2 * rounds))
        moves = [nn.Linear(width, 4) for _ in range(rounds)]
        for move in moves:
            nn.init.zeros_(move.weight)
            nn.init.zeros_(move.bias)
        self.moves = nn.ModuleList(moves)

    def encode(self, points: Tensor) -> Cloud:
        """A cloud (B, N, 3), once for both of its roles."""
        chosen = nearest(points, points, self.config.around + 1)[..., 1:]
        edges = (taken(points, chosen) - points[:, :, None]) / _NEAR
        distances = edges.norm(dim=-1, keepdim=True)
        features = self.begin(torch.cat([edges, distances], -1)).amax(2)
        for layer in self.encoder:
            features = features + layer(features.relu(), chosen, edges)
        return Cloud(points, features, features.amax(1))

    def forward(
        self, before: Cloud, after: Cloud, places: Tensor, velocity: Tensor, is_known: Tensor
    ) -> Tensor:
        """How far places (B, Q, 3) of the first cloud's surface move, (B, Q, 3).

        velocity: (B, Q, 3) of the step before, where is_known (B, 1) is 1.
        """
        config = self.config
        velocity = velocity * is_known[..., None]
        chosen = nearest(places, before.points, config.around)
        edges = (taken(before.points, chosen) - places[:, :, None]) / _NEAR
        state = self.own(before.features, chosen, edges)
        rest = [velocity / _FAST, is_known[..., None].expand(-1, places.shape[1], -1)]
        wholes = torch.cat([before.whole, after.whole], -1)[:, None].expand(-1, places.shape[1], -1)
        state = state + self.known(torch.cat([wholes, *rest], -1))
        others = nearest(places, places, config.beside + 1)[..., 1:]
        between = (taken(places, others) - places[:, :, None]) / _NEAR
        move = velocity
        for number, seen in enumerate(config.seen):
            reached = places + move
            chosen = nearest(reached, after.points, seen)
            ways = taken(after.points, chosen) - places[:, :, None]
            missed = ways - move[:, :, None]
            edges = torch.cat([ways, missed, missed.norm(dim=-1, keepdim=True)], -1) / _NEAR
            values = self.asks[number](state.relu())[:, :, None] + self.ways[number](edges)
            values = values + taken(self.answers[number](after.features.relu()), chosen)
            values = self.weighed[number](values)
            weights = values[..., :1].softmax(2)
            pulled = (weights * ways).sum(2)
            met = (weights * values[..., 1:]).sum(2)
            given = [state, met, pulled / _NEAR, move / _NEAR]
            state = state + self.states[number](torch.cat(given, -1).relu())
            for layer in self.shared[2 * number : 2 * number + 2]:
                state = state + layer(state.relu(), others, between)
            found = self.moves[number](state.relu())
            trust = found[..., 3:].sigmoid()
            move = move + trust * (pulled - move) + found[..., :3] * _FAST
        return move


def taken(values: Tensor, chosen: Tensor) -> Tensor:
    """(B, M, K, C) of values (B, N, C), by numbers (B, M, K)."""
    size, count, width = values.shape
    first = torch.arange(size, device=values.device)[:, None, None] * count
    # Twenty times as fast as by two numbers, backwards.
    return torch.nn.functional.embedding(chosen + first, values.reshape(size * count, width))


@torch.no_grad()
def nearest(places: Tensor, points: Tensor, count: int) -> Tensor:
    """The numbers (B, M, K) of the points nearest to places (B, M, 3), nearest first."""
    count = min(count, points.shape[1])
    return torch.cdist(places, points).topk(count, dim=-1, largest=False).indices
