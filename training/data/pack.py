"""Packs the meshes of indexed sources into one small file, from which a `Bank` is made anywhere.

`python -m training.data.pack --data DIR --out FILE`. A source has an `index.csv` and
`shapes/<category>/<id>.npz`, see `training.data.build.shapes`. Meshes of many faces are simplified,
as far as that neither moves nor tears their surface.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from onet_core.errors import InputError
from onet_core.mesh.files import replacing
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import sample_surface

from .packfile import FIELDS, PackedShape, encode

# Shares of the longest edge: how far simplification may move all but the last half percent.
_MOVED = 0.003
# How much longer the open edges may get, beside the longest edge.
_TORN = 0.05
# Targets that are tried one after the other, as multiples of the most faces.
_LADDER = (1.0, 1.5, 2.25, 3.5)


def simplified(
    vertices: NDArray[np.floating], faces: NDArray[np.int64], most: int
) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """The mesh with about `most` faces, or more where that would move or tear its surface.

    vertices: (V, 3) with a longest edge of 1; faces: (F, 3).
    """
    import fast_simplification

    if len(faces) <= most:
        return vertices, faces
    for factor in _LADDER:
        target = int(most * factor)
        if target >= len(faces):
            break
        points, corners = fast_simplification.simplify(
            vertices.astype(np.float32), faces.astype(np.int32), target_count=target, agg=3
        )
        if len(corners) <= 1.15 * target and _same_surface(vertices, faces, points, corners):
            return np.clip(points, -0.5, 0.5), corners.astype(np.int64)
    return vertices, faces


def _same_surface(
    vertices: NDArray[np.floating],
    faces: NDArray[np.int64],
    points: NDArray[np.floating],
    corners: NDArray[np.integer],
) -> bool:
    import igl

    rng = np.random.default_rng(0)
    surfaces = [
        (np.ascontiguousarray(v, dtype=np.float64), np.ascontiguousarray(f, dtype=np.int64))
        for v, f in ((vertices, faces), (points, corners))
    ]
    for (v, f), other in zip(surfaces, surfaces[::-1], strict=True):
        squared, _, _ = igl.point_mesh_squared_distance(
            sample_surface(Mesh(v, f), 4000, rng)[0], *other
        )
        if np.quantile(squared, 0.995) > _MOVED**2:
            return False
    return _open_length(*surfaces[1]) <= 1.1 * _open_length(*surfaces[0]) + _TORN


def _open_length(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> float:
    """Length of the edges that only one face has; vertices in one place count as one."""
    _, index = np.unique(np.round(vertices * 65535).astype(np.int64), axis=0, return_inverse=True)
    corners = index.reshape(-1)[faces]
    edges = np.stack([corners, np.roll(corners, -1, axis=1)], axis=-1).reshape(-1, 2)
    ends = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2)
    _, first, counts = np.unique(
        np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True
    )
    ends = ends[first[counts == 1]]
    return float(np.linalg.norm(vertices[ends[:, 0]] - vertices[ends[:, 1]], axis=1).sum())


def read_source(
    data: Path, most_faces: int, splits: Sequence[str] = ("train", "val"), every: int = 1
) -> Iterable[PackedShape]:
    """The shapes of a source, simplified, by category and group; only each `every`-th of them.

    Raises InputError where the source has no index or a shape can't be read.
    """
    index = data / "index.csv"
    if not index.is_file():
        raise InputError(f"There is no {index}.")
    with index.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] in splits]
    rows.sort(key=lambda row: (row["category"], row["group"], row["id"]))
    for row in rows[::every]:
        path = data / "shapes" / row["category"] / f"{row['id']}.npz"
        try:
            with np.load(path) as arrays:
                vertices = arrays["vertices"]
                faces, colours = arrays["faces"].astype(np.int64), arrays["colours"]
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path} can't be read: {error}") from error
        if len(faces) > most_faces:
            before = vertices.astype(np.float64) / 65535 - 0.5
            after, corners = simplified(before, faces, most_faces)
            if len(corners) < len(faces):
                colours = colours[_nearest_faces(before, faces, after, corners)]
                vertices = np.round((after + 0.5) * 65535).astype(np.uint16)
                faces = corners
        kind = "procedural" if row["source"].startswith("infinigen") else "human"
        texts = dict(zip(FIELDS, (*(row[f] for f in ("id", "category", "split")), kind,
                                  row["group"], row["inside_method"]), strict=True))  # fmt: skip
        yield PackedShape(vertices, faces, colours, texts)


def _nearest_faces(
    vertices: NDArray[np.floating],
    faces: NDArray[np.int64],
    points: NDArray[np.floating],
    corners: NDArray[np.int64],
) -> NDArray[np.int64]:
    """For each new face the old one that its centre is next to."""
    import igl

    centres = points[corners].mean(axis=1)
    _, nearest, _ = igl.point_mesh_squared_distance(
        np.ascontiguousarray(centres, dtype=np.float64), vertices, faces
    )
    return np.asarray(nearest)


@click.command(help=__doc__)
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--faces", default=4000, show_default=True, help="Most faces of a shape.")
@click.option("--every", default=1, help="Only every n-th shape.")
@click.option(
    "--split", multiple=True, default=("train", "val"), show_default=True, help="Splits to read."
)
def main(data: tuple[Path, ...], out: Path, faces: int, every: int, split: tuple[str, ...]) -> None:
    shapes: list[PackedShape] = []
    for folder in data:
        shapes += read_source(folder, faces, split, every)
    packed = encode(shapes)
    with replacing(out) as file:
        file.write(packed)
    count = sum([len(shape.faces) for shape in shapes])
    click.echo(f"{len(shapes)} shapes, {count} faces, {len(packed) / 2**20:.1f} MiB: {out}")


if __name__ == "__main__":
    main()
