"""The decoder that reads a picture at the projections of a query, prepared for one object."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..pictures.camera import PictureCamera
from ..pictures.network import OCTAVES, Code, ProjectedDecoder
from ..pictures.volume import mirrored
from .folding import matrix
from .prepared_field import PreparedField, differentiated
from .products import Layer, map_points


class Rows:
    """Linear interpolation in a map or volume, laid out with a row for each cell.

    features: (1, C, D, D) or (1, C, D, D, D), the last axis first among the coordinates; called
    with places (n, 2) or (n, 3), -1 to 1 from side to side, gives (n, C); nothing changes beyond
    the outermost cells' middles.
    """

    def __init__(self, features: Tensor) -> None:
        self._cells = features.shape[-1]
        self._rows = features[0].detach().float().flatten(1).T.contiguous()

    def __call__(self, places: Tensor) -> Tensor:
        place = ((places + 1) * (self._cells / 2) - 0.5).clamp(0, self._cells - 1)
        lower = place.floor().clamp_max(self._cells - 2)
        share = place - lower
        lower = lower.int()
        rows, weights = [lower[:, 0], lower[:, 0] + 1], [1 - share[:, 0], share[:, 0]]
        for axis in range(1, places.shape[1]):
            stride = self._cells**axis
            step = lower[:, axis] * stride
            rows = [row + step for row in rows]
            rows += [row + stride for row in rows]
            upper = [weight * share[:, axis] for weight in weights]
            weights = [w - part for w, part in zip(weights, upper, strict=True)] + upper
        return functional.embedding_bag(
            torch.stack(rows, dim=1),
            self._rows,
            mode="sum",
            per_sample_weights=torch.stack(weights, dim=1),
        )


def prepare_projected(decoder: nn.Module, latent: Tensor, code: Code) -> ProjectedField | None:
    """The decoder with the picture's features, or None for a decoder of another kind."""
    return ProjectedField(decoder, code) if isinstance(decoder, ProjectedDecoder) else None


class ProjectedField(PreparedField):
    """A `ProjectedDecoder` for one picture: all that the features add comes from one product."""

    def __init__(self, decoder: ProjectedDecoder, code: Code) -> None:
        super().__init__()
        self._decoder, self._code = decoder, code
        self._camera = PictureCamera.from_numbers(code["camera"])
        self._fine, self._volume = Rows(code["fine"]), Rows(code["volume"])
        self._half = (1 + decoder.padding) / 2
        first = matrix(decoder.fc_p)
        self._first = first.weight.float(), first.bias.float()
        mixes = [matrix(layer) for layer in decoder.fc_c]
        self._mix = Layer(
            torch.cat([mix.weight for mix in mixes]).float(),
            torch.cat([mix.bias for mix in mixes]).float(),
        )
        self._blocks = []
        for block in decoder.blocks:
            layers = (matrix(block.get_submodule(name)) for name in ("fc_0", "fc_1"))
            self._blocks.append(
                tuple(Layer(layer.weight.float(), layer.bias.float()) for layer in layers)
            )
        out = matrix(decoder.fc_out)
        self._out = out.weight.float(), out.bias.float()

    @torch.no_grad()
    def _logits(self, points: Tensor) -> Tensor:
        seen = self._camera.project(points[None])[0]
        other = self._camera.project(mirrored(points)[None])[0]
        angles = torch.cat([points, seen[:, 2:], other[:, 2:]], dim=1)
        angles = torch.cat([angles * (math.pi * 2**n) for n in range(OCTAVES)], dim=1)
        places = torch.cat([points, seen, other, angles.sin(), angles.cos()], dim=1)
        features = torch.cat(
            [
                self._fine(seen[:, :2]),
                self._fine(other[:, :2]),
                self._volume(points / self._half),
            ],
            dim=1,
        )
        x = map_points(places, *self._first)
        for (fc_0, fc_1), added in zip(
            self._blocks, self._mix(features).chunk(len(self._blocks), dim=1), strict=True
        ):
            x = x + added
            x = x + fc_1(fc_0.rectified(x.relu()))
        return functional.linear(x.relu(), *self._out).squeeze(-1)

    def _with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return differentiated(lambda leaf: self._decoder(leaf[None], self._code)[0], points)
