"""Examples to learn hidden colours from: true coloured shapes, a picture of each, hidden places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import count, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError
from onet_core.mesh.normals import face_based_normals
from onet_core.models.pictures.painting import Look
from onet_core.models.pictures.texture.candidates import candidates
from onet_core.models.pictures.texture.painted import small_picture

from ...data.build.normalise import Triangles
from ...measure.colours.comparison import MOST_VERTICES, coloured_triangles
from ...measure.colours.views import ColouredShape

PLACES = 384
_CHUNK = 25
# Pictures are taken in turn from above and from eye level: CAMERA_STYLES.
_CAMERAS = ("fitted", "level")


@dataclass(frozen=True, eq=False)
class Examples:
    """Of E pictures, PLACES hidden places each; see `Candidates` for places, about and colours.

    pictures: (E, S, S, 4) uint8, the last channel 255 where the object is.
    colours: uint8. true: (E, PLACES, 3) uint8.
    """

    pictures: NDArray[np.uint8]
    places: NDArray[np.float16]
    about: NDArray[np.float16]
    colours: NDArray[np.uint8]
    true: NDArray[np.uint8]

    @classmethod
    def joined(cls, parts: list[Examples]) -> Examples:
        """All of them."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def examples_of(triangles: Triangles, name: str, views: int, place: int) -> list[Examples]:
    """One example for each of so many pictures, fewer where some show nothing or hide nothing.

    place: of the shape among all; so pictures of all shapes are in turn from above and from eye
    level.
    """
    shape = ColouredShape(triangles, name)
    if len(shape.vertices) > MOST_VERTICES:
        return []
    styles = [_CAMERAS[(place * views + view) % len(_CAMERAS)] for view in range(views)]
    made = (_example_of(shape, 1 + view, cameras) for view, cameras in enumerate(styles))
    return [one for one in made if one is not None]


def _example_of(shape: ColouredShape, number: int, cameras: str) -> Examples | None:
    try:
        picture, shown, look = shape.look(number, is_lit=True, cameras=cameras)
    except InputError:
        return None
    asked, true = _hidden_places(shape, look, np.random.default_rng(number))
    if not len(asked):
        return None
    found = candidates(look, face_based_normals(look.vertices, shape.faces), asked)
    return Examples(
        small_picture(picture, shown)[None],
        found.places[None].astype(np.float16),
        found.about[None].astype(np.float16),
        np.rint(found.colours * 255).astype(np.uint8)[None],
        true[None],
    )


def _hidden_places(
    shape: ColouredShape, look: Look, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Vertices (PLACES,) that the picture does not show but views from around do, as often as they
    fill pixels, and their true colours (PLACES, 3)."""
    hidden = (look.weights[:, 0] == 0)[shape.faces].all(axis=1)
    corners, colours = [], []
    for view in shape.around(look.view.azimuth):
        mine = hidden[view.faces]
        faces = view.faces[mine]
        corners.append(shape.faces[faces, view.weights[mine].argmax(axis=1)])
        colours.append(shape.colours[faces])
    vertices, true = np.concatenate(corners), np.concatenate(colours)
    if not len(vertices):
        return vertices.astype(np.intp), true
    chosen = rng.choice(len(vertices), PLACES, replace=len(vertices) < PLACES)
    return vertices[chosen].astype(np.intp), true[chosen]


def made_once(source: Path, split: str, limit: int | None, views: int, folder: Path) -> Examples:
    """Examples of the coloured shapes of a split, kept below `folder` so that they are made once.

    views: pictures of each shape. Larger shapes than MOST_VERTICES are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[Examples] = []
    shapes = islice(coloured_triangles(source, split), limit)
    for chunk in count():
        path = folder / f"{split}-{chunk}.npz"
        some = list(islice(shapes, _CHUNK))
        if not some:
            break
        if path.is_file():
            with np.load(path) as kept:
                parts.append(Examples(**kept))
            continue
        found: list[Examples] = []
        for place, one in enumerate(some, chunk * _CHUNK):
            found += examples_of(*one, views, place)
        if found:
            parts.append(Examples.joined(found))
            _keep(path, parts[-1])
            print(f"{path.name}: {len(found)} examples", flush=True)
    return Examples.joined(parts)


def _keep(path: Path, part: Examples) -> None:
    scratch = path.with_suffix(".part.npz")
    np.savez(scratch, **vars(part))
    scratch.replace(path)


def batches(given: Examples, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Endless numbers (size,) of examples, in a new order each time round."""
    while True:
        order = rng.permutation(len(given.true))
        for start in range(0, len(order) - size + 1, size):
            yield order[start : start + size]
