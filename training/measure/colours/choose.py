"""Chooses how hidden places find their colours: `python -m training.measure.colours.choose`.

By the L1 of the vertices of true shapes that neither the picture nor the mirror image shows, over
how far a place counts as away whose normal is perpendicular, and how many places are mixed.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError
from onet_core.mesh.normals import face_based_normals
from onet_core.models.pictures.painting import Look, from_nearest

from .comparison import coloured_shapes
from .views import ColouredShape
from .ways import alike_places

TURNED = (0.0, 0.14, 0.28, 0.56, 1.12)
NEIGHBOURS = (1, 3, 6)
MOST_HIDDEN = 2000
_SPLITS = ("val", "train")


def thinned(look: Look, most: int = MOST_HIDDEN) -> tuple[Look, NDArray[np.intp]]:
    """The same look with at most as many hidden vertices, and which vertices are left."""
    known = look.blended()[1]
    hidden = np.flatnonzero(~known)
    if len(hidden) > most:
        hidden = np.random.default_rng(0).choice(hidden, most, replace=False)
    kept = np.concatenate([np.flatnonzero(known), hidden])
    left = replace(
        look,
        vertices=look.vertices[kept],
        weights=look.weights[kept],
        colours=look.colours[kept],
    )
    return left, kept


def errors(shape: ColouredShape) -> NDArray[np.float64] | None:
    """(TURNED, NEIGHBOURS): mean L1, 0 to 1, of hidden vertices; None for shapes without any."""
    try:
        _, _, whole = shape.look(0, is_lit=False)
    except InputError:
        return None
    look, kept = thinned(whole)
    normals = face_based_normals(whole.vertices, shape.faces)[kept]
    colours, known = look.blended()
    if known.all():
        return None
    # A vertex between two colours has either.
    true = np.zeros((len(shape.vertices), 3))
    true[shape.faces] = shape.colours[:, None]
    found = np.empty((len(TURNED), len(NEIGHBOURS)))
    for place in np.ndindex(found.shape):
        turned, count = TURNED[place[0]], NEIGHBOURS[place[1]]
        places = alike_places(look.vertices, normals, turned)
        made = from_nearest(places, colours, known, count)
        found[place] = np.abs(made - true[kept])[~known].mean() / 255
    return found


@click.command()
@click.option(
    "--source", required=True, type=click.Path(file_okay=False, path_type=Path), help="Shapes."
)
@click.option("--limit", default=100, show_default=True, help="Shapes: of val, then of train.")
def main(source: Path, limit: int) -> None:
    """Prints the table."""
    shapes = chain.from_iterable(coloured_shapes(source, split) for split in _SPLITS)
    rows = map(errors, islice(shapes, limit))
    found = np.array([row for row in rows if row is not None])
    means = found.mean(axis=0)
    click.echo(f"| turned ({len(found)} shapes) | {' | '.join(f'{n} mixed' for n in NEIGHBOURS)} |")
    click.echo("|" + "---|" * (1 + len(NEIGHBOURS)))
    for turned, row in zip(TURNED, means, strict=True):
        click.echo(f"| {turned} | {' | '.join(f'{value:.4f}' for value in row)} |")
    best = np.unravel_index(means.argmin(), means.shape)
    apart = found - found[:, *best][:, None, None]
    spread = apart.std(axis=0) / len(found) ** 0.5
    click.echo(f"\nMost standard error of a difference from the best: {spread.max():.4f}")


if __name__ == "__main__":
    main()
