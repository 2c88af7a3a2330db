"""Makes a bank of movements.

    python -m training.data.movement --shapes FOLDER --bodies 300 --bent 500 --out FILE.npy

FOLDER is that of the free shapes, with an index.csv. Writes float32 (S, 17, 2048, 3): so many
points of each shape's surface at 17 steps, in the frame of the first step.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .bends import random_movement
from .bodies import Moving, moving_body, normalised

STEPS, POINTS = 17, 2048
_LONGEST_EDGE = 0.04


def shape_of(folder: Path, row: dict[str, str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (V, 3) and faces (F, 3) of one of the free shapes, longest edge 1."""
    with np.load(folder / "shapes" / row["category"] / f"{row['id']}.npz") as file:
        return file["vertices"] / 65535 - 0.5, file["faces"].astype(np.int64)


def rows_of(folder: Path, split: str) -> list[dict[str, str]]:
    """The rows of a split whose inside winding numbers tell."""
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        return [
            row
            for row in csv.DictReader(file)
            if row["split"] == split and row["inside_method"] == "winding"
        ]


def moving_shape(
    folder: Path, row: dict[str, str], rng: np.random.Generator, steps: int = STEPS
) -> Moving:
    """One of the free shapes, in faces small enough to bend."""
    import trimesh

    vertices, faces = trimesh.remesh.subdivide_to_size(
        *shape_of(folder, row), _LONGEST_EDGE, max_iter=12
    )
    return normalised(random_movement(rng, steps)(np.asarray(vertices)), np.asarray(faces))


def followed(moving: Moving, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Places (T, count, 3) of points of the surface, by area of the first step."""
    corners = moving.vertices[0][moving.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    chosen = rng.choice(len(areas), count, p=areas / areas.sum())
    weights = rng.dirichlet((1, 1, 1), count)
    return np.einsum("tnkc,nk->tnc", moving.vertices[:, moving.faces[chosen]], weights)


def make_bank(folder: Path, split: str, bodies: int, bent: int, out: Path, seed: int) -> None:
    """Writes the bank, people first."""
    rows = rows_of(folder, split) if bent else []
    bank = np.lib.format.open_memmap(out, "w+", np.float32, (bodies + bent, STEPS, POINTS, 3))
    for number in range(bodies + bent):
        rng = np.random.default_rng([seed, number])
        if number < bodies:
            moving = moving_body(rng, STEPS)
        else:
            moving = moving_shape(folder, rows[int(rng.integers(len(rows)))], rng)
        bank[number] = followed(moving, POINTS, rng)
        if number % 50 == 0:
            print(number, flush=True)
    bank.flush()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--bodies", type=int, default=300)
    parser.add_argument("--bent", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    make_bank(given.shapes, given.split, given.bodies, given.bent, given.out, given.seed)


if __name__ == "__main__":
    main()
