"""The local decoder of convolutional networks, prepared for one object."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..convolutional.network import LocalDecoder
from ..convolutional.planes import PLANES
from ..convolutional.quadratic import QuadraticNeighbours
from .folding import matrix
from .nearest_points import AS_IT_IS, PreparedNeighbours
from .patch_features import PreparedPatches
from .prepared_field import PreparedField
from .products import Layer, map_points
from .quadratic_points import PreparedQuadratic

GRID = "grid"

Code = dict[str, Tensor]


class FeatureTable:
    """Interpolation in feature planes, and a grid where there is one, laid out for reading.

    Planes and grid become one table with a row for each cell. A point's features are the weighted
    sum of 4 rows of each plane and 8 of the grid; each row lies in one piece, where the networks'
    own layout has it spread over as many places as there are channels.

    codes: of each of V positions plane name -> (1, C, R, R), perhaps "grid" -> (1, C, D, D, D);
    padding: the planes cover the box of edge 1 + padding; turns: see `LocalField`. What was read in
    other positions is turned back, so that the features of all lie in one row.
    """

    def __init__(
        self,
        codes: Sequence[Code],
        padding: float,
        turns: Sequence[Sequence[float]] = (AS_IT_IS,),
    ) -> None:
        # The layers of each edge and number of cells.
        layers: dict[tuple[float, int], list[str]] = {}
        first: dict[str, int] = {}
        self._positions = len(codes)
        rows: list[Tensor] = []
        for name in (*PLANES, GRID):
            if name in codes[0]:
                first[name] = sum(map(len, rows))
                frame = 1.0 if name == GRID else 1 + padding, codes[0][name].shape[-1]
                layers.setdefault(frame, []).append(name)
                # The array's axes from its last one on.
                axes = _axes(name)
                parts = []
                for code, turn in zip(codes, turns, strict=True):
                    flipped = [-1 - place for place, axis in enumerate(axes) if turn[axis] < 0]
                    layer = code[name][0].detach()
                    parts.append((layer.flip(flipped) if flipped else layer).flatten(1).T)
                rows.append(torch.cat(parts, dim=1))
        self._rows = torch.cat(rows).float().contiguous()
        self._layers = [
            Layers(*frame, list(map(_axes, names)), [first[name] for name in names], rows[0])
            for frame, names in layers.items()
        ]

    def __call__(self, points: Tensor) -> Tensor:
        """Features (n, V, C) at points (n, 3): what `planes.sample_features` gives."""
        parts = [layers.corners(points) for layers in self._layers]
        rows, weights = parts[0] if len(parts) == 1 else map(torch.cat, zip(*parts, strict=True))
        features = functional.embedding_bag(
            rows.T.contiguous(), self._rows, mode="sum", per_sample_weights=weights.T.contiguous()
        )
        return features.unflatten(1, (self._positions, -1))


def _axes(name: str) -> tuple[int, ...]:
    """The axes of a plane or of the grid in the table's order: a plane's width runs fastest, as
    does the grid's z."""
    return (2, 1, 0) if name == GRID else PLANES[name]


class Layers:
    """L layers of cells, of A axes each, which fill a box of one edge and are read alike.

    axes: of each layer, the one first whose neighbouring cells are neighbouring rows; first: each
    layer's first row in the table; on: any tensor on the device.
    """

    def __init__(
        self,
        edge: float,
        cells: int,
        axes: Sequence[tuple[int, ...]],
        first: Sequence[int],
        on: Tensor,
    ) -> None:
        self._scale, self._cells = cells / edge, cells
        self._middle = torch.tensor((cells - 1) / 2, device=on.device)
        self._axes = torch.tensor(axes, device=on.device).T.contiguous()
        strides = [cells**power for power in range(len(self._axes))]
        steps = [sum(some) for some in itertools.product(*[(0, one) for one in strides[::-1]])]
        self._strides = torch.tensor(strides, dtype=torch.int32, device=on.device)[:, None, None]
        # Of each corner and layer the row beside that of the lowest corner of the first layer.
        self._steps = torch.tensor(
            [[step + start for start in first] for step in steps],
            dtype=torch.int32,
            device=on.device,
        ).unsqueeze(-1)

    def corners(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The cells around points (n, 3), as row numbers (2^A L, n), and their weights, the same.

        Nothing changes beyond the outermost cells' middles.
        """
        place = torch.add(self._middle, points.T[self._axes], alpha=self._scale)
        place = place.clamp(0, self._cells - 1)
        lower = place.detach().floor().clamp_max(self._cells - 2)
        share = place - lower
        lowest = (lower.int() * self._strides).sum(0, dtype=torch.int32)
        both = torch.stack([1 - share, share])
        weights = both[:, 0]
        for axis in range(1, len(self._axes)):
            weights = (both[:, axis].unsqueeze(1) * weights.unsqueeze(0)).flatten(0, 1)
        return (lowest + self._steps).flatten(0, 1), weights.flatten(0, 1)


class Block(NamedTuple):
    """h = max(x, least), then x += joined [relu(weight_0 h + bias_0), features]."""

    least: Tensor  # [size]
    weight_0: Tensor  # [size, size]
    bias_0: Tensor  # [size]
    joined: Tensor  # [size, size + C], in the last block [size, size]

    def layers(self) -> tuple[Layer, Layer]:
        """The two products of the block."""
        return Layer(self.weight_0, self.bias_0), Layer(self.joined)


def prepare_local(decoder: nn.Module, latent: Tensor, code: Code) -> LocalField | None:
    """The decoder with the object's features, or None for a decoder of another kind.

    code: see `FeatureTable`, and what the decoder's neighbours or patches read, where it has some.
    The latent is not read.
    """
    return LocalField(decoder, [code]) if isinstance(decoder, LocalDecoder) else None


class LocalField(PreparedField):
    """A local decoder for one object, or the mean of what it says of it in V positions.

    codes: the object's in each position; turns: the signs, three of 1 and -1, that take a point to
    each; those of the first are all 1. What was read in all positions is the same but for these.

    With f the features at a point and x the residual, the decoder's blocks are x += M f + m and
    x += W1 relu(W0 relu(x) + b0) + b1. Here one product with [W1 M'] adds what a block and the
    next one's M' give; b1 and m, which are the same for all points, are carried into a shift s of
    the x that the next ReLU gets: relu(x + s) is max(x, -s) + s, and this last s goes into b0.
    """

    def __init__(
        self,
        decoder: LocalDecoder,
        codes: Sequence[Code],
        turns: Sequence[Sequence[float]] = (AS_IT_IS,),
    ) -> None:
        super().__init__()
        self._neighbours: PreparedNeighbours | PreparedQuadratic | None = None
        if isinstance(decoder.neighbours, QuadraticNeighbours):
            (code,) = codes
            self._neighbours = PreparedQuadratic(decoder.neighbours, code)
        elif decoder.neighbours is not None:
            self._neighbours = PreparedNeighbours(decoder.neighbours, codes, turns)
        self._patches = None
        if decoder.patches is not None:
            (code,) = codes
            self._patches = PreparedPatches(decoder.patches, code["voxels"])
        self._table = FeatureTable(codes, decoder.padding, turns)
        mixes = [matrix(layer) for layer in decoder.fc_c]
        carry = torch.zeros_like(mixes[0].bias)
        self._first = _float(matrix(decoder.fc_p))
        self._turns = self._first[0].new_tensor(turns)
        self._mix = mixes[0].weight.float()
        self._blocks: list[Block] = []
        for number, block in enumerate(decoder.blocks):
            fc_0, fc_1 = (matrix(block.get_submodule(name)) for name in ("fc_0", "fc_1"))
            carry = carry + mixes[number].bias
            joined = [fc_1.weight, *(mix.weight for mix in mixes[number + 1 : number + 2])]
            self._blocks.append(
                Block(
                    *_float(
                        (
                            -carry,
                            fc_0.weight,
                            fc_0.bias + fc_0.weight @ carry,
                            torch.cat(joined, dim=1),
                        )
                    )
                )
            )
            carry = carry + fc_1.bias
        self._layers = [block.layers() for block in self._blocks]
        out = matrix(decoder.fc_out)
        self._least = -carry.float()
        self._out = _float((out.weight, out.bias + out.weight @ carry))

    @torch.no_grad()
    def _logits(self, points: Tensor) -> Tensor:
        features = self._features(points)
        return self._mean(self._decode(self._positions(points), features.flatten(0, 1), None))

    def _with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """By autograd to the features, by hand through the decoder: its ReLUs' signs suffice."""
        with torch.enable_grad():
            leaf = points.detach().requires_grad_(True)
            features = self._features(leaf).flatten(0, 1)
        with torch.no_grad():
            signs: list[Tensor] = []
            logits = self._decode(self._positions(points), features.detach(), signs)
            to_features = torch.zeros_like(features)
            size = len(self._least)
            gradient = self._out[0] * signs.pop()
            for block in reversed(self._blocks):
                back = gradient @ block.joined
                between, before = signs.pop(), signs.pop()
                gradient.addcmul_((back[:, :size] * between) @ block.weight_0, before)
                if back.shape[1] > size:
                    to_features += back[:, size:]
            to_features += gradient @ self._mix
            # Of a number, not of features with weights: that form of grad imports sympy.
        with torch.enable_grad():
            weighted = (features * to_features).sum()
        (through_features,) = torch.autograd.grad(weighted, leaf)
        through_points = (gradient @ self._first[0]).unflatten(0, (-1, len(self._turns)))
        back = through_features + (through_points * self._turns).sum(1)
        return self._mean(logits), back / len(self._turns)

    def _positions(self, points: Tensor) -> Tensor:
        """Points (n, 3) in all positions, those of a point side by side: (n V, 3)."""
        return (points.unsqueeze(1) * self._turns).flatten(0, 1)

    def _mean(self, logits: Tensor) -> Tensor:
        """Logits (n V,) of all positions -> their means (n,)."""
        return logits.view(-1, len(self._turns)).mean(1)

    def _features(self, points: Tensor) -> Tensor:
        """Features (n, V, C) of points (n, 3) in all positions."""
        features = self._table(points)
        if self._neighbours is not None:
            features = features + self._neighbours(points, features)
        if self._patches is not None:
            features = features + self._patches(points, features.squeeze(1)).unsqueeze(1)
        return features

    def _decode(self, points: Tensor, features: Tensor, signs: list[Tensor] | None) -> Tensor:
        """Logits (n,) from features (n, C); appends the signs of the ReLUs' results in turn."""
        x = map_points(points, *self._first)
        x.addmm_(features, self._mix.T)
        both = torch.cat([torch.empty_like(x), features], dim=1)
        for block, (fc_0, joined) in zip(self._blocks, self._layers, strict=True):
            before = torch.maximum(x, block.least)
            is_last = block is self._blocks[-1]
            between = fc_0.rectified(before, None if is_last else both[:, : len(block.least)])
            x = joined.added(between if is_last else both, x)
            if signs is not None:
                signs += [before.sub_(block.least).sign_(), between.sign()]
        top = torch.maximum(x, self._least)
        logits = functional.linear(top, *self._out).squeeze(-1)
        if signs is not None:
            signs.append(top.sub_(self._least).sign_())
        return logits


def _float(values: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(value.float() for value in values)
