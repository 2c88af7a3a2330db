"""A texture field: from a hidden place, the picture and colours that it could have to its colour.

After Texture Fields (Oechsle et al., ICCV 2019), which says a colour for any point from the shape's
and the picture's codes. Here the field chooses among colours that the object shows: each candidate
gets a share, and the colour is their mix. So it needs little data and stays in the picture's light.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from .candidates import ABOUT_CANDIDATE, ABOUT_PLACE, COUNTS, KIND_OF, PLAIN

PICTURE = 64
"""Edge in pixels of the picture as the field gets it."""


@dataclass(frozen=True)
class TextureConfig:
    """Sizes, and what is tuned for the network: training/recipes/texture.md.

    width: of all layers.
    code: of the picture.
    spread: of the Gaussian by which colours of places next to each other are averaged, in longest
        edges; 0: not at all.
    """

    width: int = 64
    code: int = 32
    spread: float = 0.03

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file's header."""
        return asdict(self)


class TextureField(nn.Module):
    """See the module."""

    kinds: Tensor

    def __init__(self, config: TextureConfig | None = None) -> None:
        super().__init__()
        self.config = config or TextureConfig()
        width, code = self.config.width, self.config.code
        sizes = (4, 16, 24, 32, 48)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.ReLU()]
        self.picture = nn.Sequential(*layers)
        self.code = nn.Linear(sizes[-1], code)
        self.register_buffer("kinds", torch.from_numpy(KIND_OF), persistent=False)
        self.kind = nn.Embedding(len(COUNTS), width)
        self.candidate = nn.Linear(ABOUT_CANDIDATE + 3, width)
        self.place = nn.Linear(ABOUT_PLACE + code, width)
        self.first = nn.Linear(width, width)
        self.share = nn.Linear(width, 1)
        self.all = nn.Linear(2 * width, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width)
        self.score = nn.Linear(width, 1)
        start = torch.zeros(len(KIND_OF))
        start[KIND_OF == PLAIN] = 3.0
        self.habit = nn.Parameter(start)

    def shares(self, pictures: Tensor, places: Tensor, about: Tensor, colours: Tensor) -> Tensor:
        """How much each candidate counts, (B, H, K).

        pictures: (B, 4, S, S), the object's colours from 0 to 1, and where it is. The others as
        in `Candidates`, with B in front.
        """
        code = self.code(self.picture(pictures).mean((2, 3)))
        code = code[:, None].expand(-1, places.shape[1], -1)
        context = self.place(torch.cat([places, code], -1))[:, :, None]
        seen = self.candidate(torch.cat([about, colours], -1)) + self.kind(self.kinds) + context
        each = self.first(seen.relu()).relu()
        mix = (self.share(each).softmax(2) * each).sum(2)
        whole = self.all(torch.cat([mix, each.amax(2)], -1))[:, :, None]
        after = self.third((self.second(each) + whole + context).relu()).relu()
        scores: Tensor = self.score(after)[..., 0] + self.habit
        return scores.softmax(2)

    def forward(self, pictures: Tensor, places: Tensor, about: Tensor, colours: Tensor) -> Tensor:
        """Colours (B, H, 3), 0 to 1; see `shares`."""
        shares = self.shares(pictures, places, about, colours)
        return torch.einsum("bhk,bhkc->bhc", shares, colours)
