"""What finding a surface costs: MISE and our marching cubes against dense grids and libraries.

    python benchmarks/extraction.py [--quick] [--threads N] [--repeat N]

Prints tables in Markdown. All figures of a row are taken in the same run, in turn; each is the
median of the repetitions, and ratios are taken repetition by repetition. The network of the tables
has the original's decoder (1.31 MFLOP per point, random weights); so that it has a surface, its
result is multiplied by zero and added to a field with a known one.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import fast_simplification
import numpy as np
import skimage.measure
import torch
from torch import Tensor

from onet_core.extraction.field import CPU_BATCH, Field, evaluate, grid_to_box, logit
from onet_core.extraction.manifold import is_closed_manifold
from onet_core.extraction.marching_cubes import marching_cubes
from onet_core.extraction.mise import OUTSIDE
from onet_core.extraction.refine import random_weights, refinement_loss
from onet_core.extraction.simplify import simplify
from onet_core.extraction.surface import extract
from onet_core.mesh import Mesh
from onet_core.models.decoders import CBatchNormDecoder

try:
    import mcubes
except ImportError:  # No wheels for Python 3.13 and newer: the column is left out.
    mcubes = None

THRESHOLD = 0.2
LEVEL = logit(THRESHOLD)
PADDING = 0.1


def sphere(points: Tensor) -> Tensor:
    return 40 * (0.37 - points.norm(dim=-1))


def torus(points: Tensor) -> Tensor:
    x, y, z = points.unbind(-1)
    return 40 * (0.1 - torch.hypot(torch.hypot(x, z) - 0.3, y))


def gyroid(points: Tensor) -> Tensor:
    x, y, z = (6 * torch.pi * points).unbind(-1)
    s = x.sin() * y.cos() + y.sin() * z.cos() + z.sin() * x.cos()
    return torch.minimum(4 * (0.4 - s.abs()), 40 * (0.45 - points.norm(dim=-1)))


FIELDS: dict[str, Field] = {"sphere": sphere, "torus": torus, "gyroid": gyroid}


def with_the_cost_of_a_network(shape: Field) -> Field:
    """The shape's field, at the original decoder's cost per point."""
    torch.manual_seed(0)
    decoder = CBatchNormDecoder().eval().requires_grad_(False)
    code, latent = torch.randn(1, 256), torch.zeros(1, 0)

    def field(points: Tensor) -> Tensor:
        return shape(points) + 0 * decoder(points[None], latent, code)[0]

    return field


def dense_grid(field: Field, resolution: int, batch_points: int) -> np.ndarray:
    """All (resolution + 1)^3 values, slab by slab, padded as the original pads them."""
    points = resolution + 1
    values = np.full((points + 2,) * 3, OUTSIDE)
    plane = np.stack(np.meshgrid(*[np.arange(points)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    slab = max(1, batch_points // len(plane))
    for first in range(0, points, slab):
        layers = np.arange(first, min(first + slab, points))
        indices = np.concatenate(
            [np.repeat(layers, len(plane))[:, None], np.tile(plane, (len(layers), 1))], axis=1
        )
        at = grid_to_box(indices, resolution, PADDING, torch.float32)
        logits = evaluate(field, at, batch_points=batch_points).double().numpy()
        values[1 + layers[0] : 2 + layers[-1], 1:-1, 1:-1] = logits.reshape(-1, points, points)
    return values


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turn(repeat: int, actions: Sequence[Callable[[], object]]) -> list[list[float]]:
    """Seconds of each action, repetition by repetition, after one uncounted round."""
    for action in actions:
        action()
    rounds = [[seconds(action) for action in actions] for _ in range(repeat)]
    return [list(times) for times in zip(*rounds, strict=True)]


def ratio(one: Sequence[float], other: Sequence[float]) -> str:
    return f"{statistics.median(a / b for a, b in zip(one, other, strict=True)):.2f}"


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


def median(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.3g}"


def evaluations_table(resolutions: Sequence[int]) -> None:
    rows = []
    for name, field in FIELDS.items():
        for resolution in resolutions:
            result = extract(field, resolution=resolution, threshold=THRESHOLD)
            used, dense = sum(result.evaluations), (resolution + 1) ** 3
            rounds = " + ".join(map(str, result.evaluations))
            share = f"{used / dense:.3f}"
            rows.append([name, resolution, dense, used, share, rounds, len(result.mesh.faces)])
    header = ["field", "cells", "dense", "MISE", "MISE / dense", "rounds", "faces"]
    table("Network evaluations", header, rows)


def network_table(resolutions: Sequence[int], repeat: int) -> None:
    field = with_the_cost_of_a_network(torus)
    rows = []
    for resolution in resolutions:

        def ours(resolution: int = resolution) -> None:
            extract(field, resolution=resolution, threshold=THRESHOLD)

        def ours_large_batch(resolution: int = resolution) -> None:
            extract(field, resolution=resolution, threshold=THRESHOLD, batch_points=100_000)

        def dense(resolution: int = resolution) -> None:
            grid = dense_grid(field, resolution, CPU_BATCH)
            plain_marching_cubes(grid)

        times = in_turn(repeat, [ours, ours_large_batch, dense])
        parts = extract(field, resolution=resolution, threshold=THRESHOLD).seconds
        rows.append(
            [
                resolution,
                *map(median, times),
                ratio(times[0], times[1]),
                ratio(times[0], times[2]),
                ", ".join(f"{part} {value:.3f}" for part, value in parts.items()),
            ]
        )
    header = [
        "cells",
        f"MISE, chunk {CPU_BATCH}",
        "MISE, chunk 100000",
        f"dense, chunk {CPU_BATCH}",
        "ours / chunk 100000",
        "ours / dense",
        "seconds of ours",
    ]
    table("Field to mesh with the original decoder's cost, torus (s)", header, rows)


def plain_marching_cubes(grid: np.ndarray) -> object:
    if mcubes is not None:
        return mcubes.marching_cubes(grid, LEVEL)
    return skimage.measure.marching_cubes(grid, LEVEL, method="lorensen")


def without_network_table(resolutions: Sequence[int], repeat: int) -> None:
    """What remains when the network costs nothing: the bookkeeping and marching cubes."""
    rows = []
    for name, field in FIELDS.items():
        for resolution in resolutions:
            grid = dense_grid(field, resolution, 1 << 20)
            actions: list[Callable[[], object]] = [
                lambda field=field, resolution=resolution: extract(
                    field, resolution=resolution, threshold=THRESHOLD, batch_points=1 << 20
                ),
                lambda grid=grid: marching_cubes(grid, LEVEL),
                lambda grid=grid: skimage.measure.marching_cubes(grid, LEVEL, method="lorensen"),
            ]
            if mcubes is not None:
                actions.append(lambda grid=grid: mcubes.marching_cubes(grid, LEVEL))
            times = in_turn(repeat, actions)
            libraries = times[2:]
            row = [name, resolution, *map(median, times)]
            row += [ratio(times[1], library) for library in libraries]
            rows.append(row)
    header = [
        "field",
        "cells",
        "MISE + marching cubes, no grid",
        "marching cubes, dense grid",
        "scikit-image",
    ]
    header += ["PyMCubes"] if mcubes is not None else []
    header += [f"dense / {name}" for name in header[4:]]
    table("Without the network's cost (s)", header, rows)


def simplification_table(resolution: int, repeat: int) -> None:
    rows = []
    for name, field in FIELDS.items():
        mesh = extract(field, resolution=resolution, threshold=THRESHOLD).mesh
        faces = mesh.faces.astype(np.int32)

        def plain(mesh: Mesh = mesh, faces: np.ndarray = faces) -> tuple[np.ndarray, np.ndarray]:
            return fast_simplification.simplify(mesh.vertices, faces, target_count=5000)

        def ours(mesh: Mesh = mesh) -> Mesh:
            return simplify(mesh, 5000)

        times = in_turn(repeat, [ours, plain])
        result, (_, plain_faces) = ours(), plain()
        rows.append(
            [
                name,
                len(mesh.faces),
                len(result.faces),
                "yes" if is_closed_manifold(result.faces) else "no",
                "yes" if is_closed_manifold(plain_faces) else "no",
                *map(median, times),
                ratio(*times),
            ]
        )
    header = [
        "field",
        "faces",
        "simplified",
        "manifold",
        "manifold, library alone",
        "ours (s)",
        "library alone, its defaults (s)",
        "ratio",
    ]
    table(f"Simplification to 5000 faces, from {resolution} cells", header, rows)


def refinement_table(repeat: int) -> None:
    """One step on 5000 faces, against the original's way of computing the same gradient."""
    field = with_the_cost_of_a_network(torus)
    mesh = simplify(extract(torus, resolution=128, threshold=THRESHOLD).mesh, 5000)
    vertices = torch.tensor(mesh.vertices, dtype=torch.float32)
    faces = torch.tensor(mesh.faces, dtype=torch.int64)
    weights = random_weights(len(faces), np.random.default_rng(0))
    barycentric = torch.tensor(weights, dtype=torch.float32)

    def ours() -> None:
        refinement_loss(vertices, faces, barycentric, field, THRESHOLD)

    def second_backward() -> None:
        leaf = vertices.clone().requires_grad_(True)
        corner = leaf[faces]
        point = (corner * barycentric[:, :, None]).sum(dim=1)
        normal = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 1])
        normal = normal / (normal.norm(dim=1, keepdim=True) + 1e-10)
        value = torch.sigmoid(field(point))
        target = -torch.autograd.grad(value.sum(), point, create_graph=True)[0]
        target = target / (target.norm(dim=1, keepdim=True) + 1e-10)
        loss = (value - THRESHOLD).pow(2).mean()
        loss = loss + 0.01 * (normal - target).pow(2).sum(dim=1).mean()
        loss.backward()

    times = in_turn(repeat, [ours, second_backward])
    table(
        "One refinement step, 5000 faces (s)",
        ["ours", "second backward pass, no weight gradients", "ratio"],
        [[*map(median, times), ratio(*times)]],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="up to 128 cells, fewer repetitions")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, help="repetitions, 3 when quick, else 5")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    repeat = options.repeat or (3 if options.quick else 5)
    print("## Extraction\n")
    print(
        f"{platform.processor() or platform.machine()}, {options.threads} threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}, NumPy {np.__version__}; "
        f"threshold {THRESHOLD}, medians of {repeat}"
    )
    resolutions = [64, 128] if options.quick else [64, 128, 256]
    evaluations_table(resolutions)
    without_network_table(resolutions, repeat)
    network_table([64] if options.quick else [64, 128], 1 if options.quick else 3)
    simplification_table(64 if options.quick else 128, repeat)
    refinement_table(repeat)


if __name__ == "__main__":
    main()
