"""Folded faces of baked shape keys, how far they are from the true shapes, and what they cost.

    python benchmarks/morph_folds.py [--morphs chair:5/9 car:3/7] [--cells 64] [--keys 12] [--quick]

A morph between two seeds of a generator is baked to shape keys that share their faces. An edge is
folded where its two faces turn by more than 120 degrees, or where one has lost its area; it is
counted in the worst key and in the worst shape halfway between two keys. Beside it stand the
extracted shapes as they are, which turn sharply at the rims of thin parts; the first is where the
keys begin. Distances are in 1/10,000 of the shape's size: from the keys to the true surfaces and
back.
"""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import torch
from _shared import options, table
from numpy.typing import NDArray

from onet_core.mesh.mesh import Mesh
from onet_core.mesh.nearest import nearest_on_mesh
from onet_core.pipeline.morphing import code_at
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.pipeline.sequence import shapes_of, with_shared_faces
from onet_core.settings import Settings

MORPHS = (
    "airplane:3/7", "airplane:1/2", "airplane:5/9",
    "chair:1/2", "chair:5/9", "chair:3/7",
    "sofa:1/2", "sofa:3/7", "sofa:5/9",
    "car:1/2", "car:3/7", "car:5/9",
)  # fmt: skip
# Degrees.
FOLD = 120
# Of the mean face.
NO_AREA = 1e-6


def folds(places: NDArray[np.floating], faces: NDArray[np.integer]) -> int:
    """How many edges between two faces turn by more than `FOLD`, or have a face without area."""
    first, second, third = np.asarray(places, dtype=np.float64)[faces].transpose(1, 0, 2)
    normals = np.cross(second - first, third - first)
    lengths = np.linalg.norm(normals, axis=1)
    normals /= np.maximum(lengths, 1e-300)[:, None]
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, numbers, counts = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(numbers.ravel(), kind="stable")
    starts = (np.cumsum(counts) - counts)[counts == 2]
    one, other = order[starts] // 3, order[starts + 1] // 3
    turned = (normals[one] * normals[other]).sum(axis=1) < np.cos(np.radians(FOLD))
    flat = np.minimum(lengths[one], lengths[other]) < NO_AREA * lengths.mean()
    return int(np.count_nonzero(turned | flat))


def apart(places: NDArray[np.float64], faces: NDArray[np.integer], mesh: Mesh) -> tuple[float, ...]:
    """Mean distances from places to the mesh and from its vertices to the faces; the largest."""
    there = nearest_on_mesh(places, mesh.vertices, mesh.faces).distances
    back = nearest_on_mesh(mesh.vertices, places, faces).distances
    return 1e4 * float(there.mean()), 1e4 * float(back.mean()), 1e4 * float(there.max())


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--morphs", nargs="*", default=list(MORPHS), help="model:seed/seed")
    parser.add_argument("--cells", type=int, default=64)
    parser.add_argument("--keys", type=int, default=12, help="as many as the panel bakes by itself")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows = []
    for morph in chosen.morphs[: 4 if chosen.quick else None]:
        model, _, seeds = morph.partition(":")
        reconstructor = Reconstructor(model, "cpu")
        ends = np.stack([reconstructor.latent(int(seed)) for seed in seeds.split("/")])
        positions = np.linspace(0, 1, chosen.keys).tolist()
        codes = [code_at(reconstructor, ends, position) for position in positions]
        start = time.process_time()
        shapes = shapes_of(reconstructor, codes, Settings(resolution=chosen.cells))
        found = time.process_time()
        keys = with_shared_faces(shapes, positions).astype(np.float32)
        carried = time.process_time()
        faces = shapes.meshes[0].faces
        counts = [folds(key, faces) for key in keys]
        between = [folds((one + other) / 2, faces) for one, other in pairwise(keys)]
        true = [folds(mesh.vertices, mesh.faces) for mesh in shapes.meshes]
        both = zip(keys, shapes.meshes, strict=True)
        there, back, farthest = np.array([apart(key, faces, mesh) for key, mesh in both]).T
        rows.append([
            morph, len(faces), true[0], max(true), max(counts), max(between),
            f"{there.mean():.2f}", f"{back.mean():.1f}", f"{farthest.max():.0f}",
            f"{found - start:.0f}", f"{carried - found:.0f}",
        ])  # fmt: skip
        print(rows[-1], flush=True)
    print()
    table(
        f"{chosen.cells} cells, {chosen.keys} keys",
        [
            "morph", "faces", "first true shape", "worst true shape", "worst key",
            "worst halfway", "to surface", "from surface", "farthest",
            "surfaces, s", "carrying, s",
        ],
        rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
