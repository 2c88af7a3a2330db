"""Where a surface may lie lower, so that parts that a network is unsure of are drawn too.

A leg whose place is uncertain is smeared: nowhere does its probability reach the threshold, and a
mesh at one level has no leg at all. Around such a part the level follows the highest value nearby;
and what is drawn is joined to the rest of the object where it is most likely to be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor
from torch.nn import functional

from ..field import logit

# What joins parts leads through places of at least this probability, is as thick as the grid is
# coarse, and lies so far above the level, as a logit.
LEAST_JOINED = 0.02
JOINED = 1.0
# Nodes along each axis of the grid on which places between parts are looked for, and how much
# longer than the shortest way from part to part a way may be that lies between them, in the unit
# cube of the network: training/recipes/points.md.
_NODES, _REACH = 65, 0.03


def faint_lift(
    logits: Tensor, threshold: float, least: float, spacing: float, share: float, reach: float
) -> Tensor:
    """What to add to logits so that the level `threshold` draws faint parts: (G, G, G), 0 or more.

    logits: (G, G, G), at the nodes of a grid that are `spacing` apart. The level lies at `share`
    of the probability that is highest in the cube of half edge `reach` around, no higher than the
    threshold and no lower than `least`.
    """
    nodes = max(1, round(reach / spacing))
    highest = functional.max_pool3d(logits.sigmoid()[None], 2 * nodes + 1, stride=1, padding=nodes)
    for _ in range(2):  # No edges in the lift where the cubes end.
        highest = functional.avg_pool3d(highest, 3, stride=1, padding=1, count_include_pad=False)
    levels = (share * highest[0]).clamp(min(least, threshold), threshold)
    return logit(threshold) - torch.logit(levels)


def joining_lift(
    logits: Tensor, lift: Tensor, threshold: float, *, keep_apart: bool = True
) -> Tensor:
    """The lift (G, G, G), higher along the likeliest ways from each part to the largest one.

    logits: (G, G, G); a part is what lies above the level in `logits + lift` and hangs together
    along the grid. Parts to which no way leads through LEAST_JOINED stay apart. keep_apart: also
    those that the lift alone draws; else they are left out. On the CPU.
    """
    heights = (logits + lift).double().numpy() - logit(threshold)
    parts, count = label(heights > 0)
    if count < 2:
        return lift
    sizes = np.bincount(parts.ravel())
    largest = 1 + int(sizes[1:].argmax())
    passable = (heights > 0) | (logits.numpy() >= logit(LEAST_JOINED))
    costs, before = _ways(parts == largest, np.maximum(-heights, 0), passable)
    path = np.zeros(heights.size, dtype=bool)
    left_out = np.zeros(heights.size, dtype=bool)
    plain = logits.numpy().ravel() > logit(threshold)
    for part in range(1, count + 1):
        nodes = np.flatnonzero(parts.ravel() == part)
        node = int(nodes[costs[nodes].argmin()])
        if not keep_apart and np.isinf(costs[node]):
            left_out[nodes] = not plain[nodes].any()
        while before[node] >= 0:
            path[node] = True
            node = int(before[node])
    raised = np.where(path & (heights.ravel() <= 0), JOINED - heights.ravel(), 0)
    joined = lift + torch.from_numpy(raised.reshape(heights.shape)).to(lift)
    return joined.masked_fill(torch.from_numpy(left_out.reshape(heights.shape)), 0.0)


def _ways(
    start: NDArray[np.bool_], depths: NDArray[np.float64], passable: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """The cheapest ways along the grid to any node of the start, over passable nodes.

    depths: (G, G, G), what a step costs at a node. Returns for each node the cost, infinite where
    none leads, and the next node on the way, negative in the start and where none leads; both flat.
    """
    numbers = np.arange(start.size).reshape(start.shape)
    ends: list[list[NDArray[np.integer]]] = [[], []]
    steps = []
    for axis in range(3):
        here, there = (
            tuple(part if axis == other else slice(None) for other in range(3))
            for part in (slice(None, -1), slice(1, None))
        )
        is_open = passable[here] & passable[there]
        ends[0].append(numbers[here][is_open])
        ends[1].append(numbers[there][is_open])
        steps.append((depths[here] + depths[there])[is_open] / 2)
    # A way that costs nothing would be no edge to the sparse matrix.
    lengths = np.concatenate(steps) + 1e-3
    graph = coo_array(
        (lengths, (np.concatenate(ends[0]), np.concatenate(ends[1]))), shape=(start.size,) * 2
    ).tocsr()
    costs, before, _ = dijkstra(
        graph,
        directed=False,
        indices=np.flatnonzero(start),
        return_predecessors=True,
        min_only=True,
    )
    return costs, before


def between(parts: Sequence[NDArray[np.floating]], half: float) -> NDArray[np.float32]:
    """How much places lie between any part and the others, from 0 to 1, (G, G, G).

    parts: the vertices of each, the largest first; half: of the cube of the grid. It is 1 on the
    shortest way from a part to the others and falls to 0 on ways that are longer by `_REACH`.
    """
    spacing = 2 * half / (_NODES - 1)
    away = np.stack([_distances(part, half, spacing) for part in parts])
    shares = np.zeros(away.shape[1:], dtype=np.float32)
    for number in range(1, len(parts)):
        ways = away[number] + np.delete(away, number, axis=0).min(axis=0)
        shares = np.maximum(shares, 1 - (ways - ways.min()) / _REACH)
    return shares


def _distances(vertices: NDArray[np.floating], half: float, spacing: float) -> NDArray[np.float32]:
    """How far the nodes of the grid (G, G, G) are from the nearest one that has a vertex."""
    nodes = np.rint((vertices + half) / spacing).astype(np.int64).clip(0, _NODES - 1)
    is_free = np.ones((_NODES,) * 3, dtype=bool)
    is_free[tuple(nodes.T)] = False
    return np.asarray(distance_transform_edt(is_free, sampling=spacing), dtype=np.float32)
