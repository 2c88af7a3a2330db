"""Thumbnails of shapes that could be generated: of each model, and of seeds for the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import bpy.utils.previews
import numpy as np
from numpy.typing import NDArray

PIXELS = 128
COUNT = 12
UNSEEN = "QUESTION"
Item = tuple[str, str, str, int | str, int]


@dataclass
class _Shown:
    """What there is to choose from: seeds of one generator.

    previews: Blender's, None before the first.
    items: for the menu, which Blender needs kept.
    """

    generator: str = ""
    seeds: list[int] = field(default_factory=list)
    previews: bpy.utils.previews.ImagePreviewCollection | None = None
    items: list[Item] = field(default_factory=list)


_shown = _Shown()
# Those that lie beside models' weights, by their paths, and which of these there are not: a folder
# may lie on a slow share, and panels are drawn often.
_of_models: bpy.utils.previews.ImagePreviewCollection | None = None
_missing: set[str] = set()


def of_model(picture: Path) -> int | str:
    """The icon of what a model generates, read when it is first needed."""
    global _of_models
    if _of_models is None:
        _of_models = bpy.utils.previews.new()
    key = str(picture)
    if key not in _of_models and key not in _missing:
        if picture.is_file():
            _of_models.load(key, key, "IMAGE")
        else:
            _missing.add(key)
    if key in _missing:
        return UNSEEN
    return int(_of_models[key].icon_id)


def pictures_of_models() -> dict[str, bpy.types.ImagePreview]:
    """What has been read of models' pictures, by their paths."""
    return dict(_of_models or {})


def show(generator: str, seeds: Sequence[int], pictures: NDArray[np.uint8]) -> None:
    """Replaces what there is to choose from.

    pictures: (N, P, P, 4) with the first row on top, one for each seed; empty ones are left out.
    """
    forget()
    previews = bpy.utils.previews.new()
    for seed, picture in zip(seeds, pictures, strict=True):
        if not picture[..., 3].any():
            continue
        preview = previews.new(str(seed))
        size = len(picture)
        preview.image_size = (size, size)
        preview.image_pixels_float.foreach_set((picture[::-1] / np.float32(255)).ravel())
        _shown.seeds.append(seed)
    _shown.generator, _shown.previews = generator, previews


def seeds_of(generator: str) -> list[int]:
    """The seeds whose shapes are shown, empty where those of this generator are not."""
    return list(_shown.seeds) if _shown.generator == generator else []


def items_for(generator: str, seed: int) -> list[Item]:
    """The menu: a picture for each seed that is shown, and the current one if it is another."""
    seeds = seeds_of(generator)
    made: list[Item] = []
    for number, one in enumerate(seeds):
        assert _shown.previews is not None
        icon = int(_shown.previews[str(one)].icon_id)
        made.append((str(one), str(one), "", icon, number))
    if seed not in seeds:
        made.append((str(seed), str(seed), "", UNSEEN, len(seeds)))
    _shown.items = made
    return _shown.items


def forget() -> None:
    """Lets go of the seeds' thumbnails."""
    global _shown
    if _shown.previews is not None:
        bpy.utils.previews.remove(_shown.previews)
    _shown = _Shown()


def register() -> None:
    """Nothing to do before there are any."""


def unregister() -> None:
    global _of_models
    forget()
    if _of_models is not None:
        bpy.utils.previews.remove(_of_models)
        _of_models = None
    _missing.clear()
