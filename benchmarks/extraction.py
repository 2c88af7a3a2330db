"""From a code to a mesh: what it costs, how exact it is, how much memory it takes.

    python benchmarks/extraction.py [--quick] [--threads N] [--weights FILE] [--data FOLDER]

Prints tables in Markdown: the original's network and its way of searching (MISE with every point,
chunks of 100,000 or 2,048 points, nothing folded, PyMCubes on the dense grid) against ours, taken
in turn in the same run. With weights (the original's point cloud network fitted to a torus) the
figures are those of that network; without, its weights are random and its surface is a lumpy torus.
With data (a folder of classes of prepared shapes) it is also measured whether the shipped points
model loses any quality. The original's bookkeeping is ours here, which is faster than its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import fast_simplification
import numpy as np
import skimage.measure
import torch
from _shared import (
    MFLOP,
    PRODUCT_GFLOP,
    THRESHOLD,
    best_of,
    heading,
    in_turn,
    matrix_products,
    median,
    options,
    rates,
    ratio,
    repetitions,
    table,
    torus_cloud,
    torus_logit,
    toy_object,
)
from original.mise import Mise
from torch import Tensor, nn

from onet_core.field import Field, evaluate, evaluate_with_gradient, grid_to_box, logit
from onet_core.mesh.manifold import is_closed_manifold
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import mesh_contains, sample_surface, volumetric_iou
from onet_core.mesh.nearest import nearest_on_mesh
from onet_core.mesh.simplify import simplify
from onet_core.models.catalogue import find_model
from onet_core.models.prepared import prepare
from onet_core.models.weights import load_weights
from onet_core.surface.extract import extract, split_resolution
from onet_core.surface.sparse_grid import OUTSIDE
from training.measure.marching_cubes import marching_cubes

try:
    import mcubes
except ImportError:  # No wheels for Python 3.13 and newer: scikit-image takes its place.
    mcubes = None

LEVEL = logit(THRESHOLD)
PADDING = 0.1
CHUNKS = (100_000, 2_048)
GFLOP_PER_POINT = MFLOP / 1e3
_SAMPLES = 20_000


def sphere(points: Tensor) -> Tensor:
    return 40 * (0.37 - points.norm(dim=-1))


def gyroid(points: Tensor) -> Tensor:
    x, y, z = (6 * torch.pi * points).unbind(-1)
    s = x.sin() * y.cos() + y.sin() * z.cos() + z.sin() * x.cos()
    return torch.minimum(4 * (0.4 - s.abs()), 40 * (0.45 - points.norm(dim=-1)))


FIELDS: dict[str, Field] = {"sphere": sphere, "torus": torus_logit, "gyroid": gyroid}


def plain_field(network: nn.Module, latent: Tensor, code: object) -> Field:
    """The network as it is."""
    return lambda points: network.decode(points[None], latent, code)[0]  # type: ignore[operator]


def plain_mesh(field: Field, resolution: int, chunk: int, level: float) -> tuple[Mesh, int]:
    """The original's way to a field's surface, and how many points it evaluates."""
    mise = Mise(*split_resolution(resolution), level)
    while len(indices := mise.query()):
        points = grid_to_box(indices, mise.resolution, PADDING, torch.float32)
        mise.update(evaluate(field, points, batch_points=chunk).double().numpy())
    grid = np.pad(mise.to_dense(), 1, constant_values=OUTSIDE)
    vertices, faces = plain_marching_cubes(grid, level)
    vertices = (1 + PADDING) * ((vertices - 1) / mise.resolution - 0.5)
    return Mesh(vertices, faces.astype(np.int32)), sum(mise.evaluations)


def plain_marching_cubes(grid: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    if mcubes is not None:
        return mcubes.marching_cubes(grid, level)
    return skimage.measure.marching_cubes(grid, level, method="lorensen")[:2]


def chamfer(one: Mesh, other: Mesh) -> float:
    """The mean of the mean distances from points on each surface to the other surface."""
    both = ((one, other), (other, one))
    return float(
        np.mean(
            [
                nearest_on_mesh(sample_surface(a, _SAMPLES)[0], b.vertices, b.faces).distances
                for a, b in both
            ]
        )
    )


def vertex_error(mesh: Mesh, field: Field) -> float:
    """How far the vertices are from the field's surface, to first order, on average."""
    points = torch.tensor(mesh.vertices, dtype=torch.float32)
    logits, gradients = evaluate_with_gradient(field, points)
    return float(((logits - LEVEL).abs() / gradients.norm(dim=1).clamp_min(1e-6)).mean())


def network_table(chosen: argparse.Namespace, resolutions: Sequence[int]) -> None:
    """Encode to mesh, ours and the original's way."""
    network, latent, _ = toy_object(chosen.weights)
    cloud = torus_cloud()
    rows = []
    for resolution in resolutions:

        def plain(chunk: int, resolution: int = resolution) -> tuple[Mesh, int]:
            field = plain_field(network, latent, network.encode_inputs(cloud))
            return plain_mesh(field, resolution, chunk, LEVEL)

        def ours(resolution: int = resolution) -> tuple[Mesh, int]:
            field = prepare(network, latent, network.encode_inputs(cloud))
            made = extract(field, resolution=resolution, threshold=THRESHOLD)
            return made.mesh, field.evaluations

        actions = [lambda chunk=chunk: plain(chunk) for chunk in CHUNKS]
        actions.append(ours)
        products = matrix_products(torch.float32)
        times = in_turn(repetitions(chosen), [*actions, *products], chosen.clock)
        times, of_products = times[: len(actions)], times[len(actions) :]
        machine = rates(PRODUCT_GFLOP, best_of(of_products))
        best = best_of(times[: len(CHUNKS)])
        (mesh, used), (fast, fast_used) = plain(2048), ours()
        field = prepare(network, latent, network.encode_inputs(cloud))
        # Four times as fine: what is left of its own error is a sixteenth.
        true = extract(field, resolution=4 * resolution, threshold=THRESHOLD, tolerance=0).mesh
        errors = [chamfer(made, true) for made in (mesh, fast)]
        off = [vertex_error(made, field) for made in (mesh, fast)]
        cell = (1 + PADDING) / resolution
        ours_gflop = [GFLOP_PER_POINT * fast_used / time_ for time_ in times[2]]
        rows.append(
            [
                f"{resolution}^3",
                *map(median, times),
                ratio(times[2], best),
                ratio(ours_gflop, machine),
                f"{used:,}",
                f"{fast_used:,}",
                f"{chamfer(mesh, fast) / cell:.4f}",
                f"{errors[1] / errors[0]:.3f}",
                f"{off[1] / off[0]:.3f}",
            ]
        )
    header = [
        "grid",
        *(f"original, chunk {chunk:,}" for chunk in CHUNKS),
        "ours",
        "ours / best chunk",
        "points' products / the machine's rate",
        "points, original",
        "points, ours",
        "Chamfer, ours to the original's (cells)",
        "surface's error, ours / original",
        "vertices' error, ours / original",
    ]
    table(
        "Encode to mesh (s); errors are distances from the field's surface; points count repeats",
        header,
        rows,
    )


def memory_table(weights: Path | None, resolutions: Sequence[int]) -> None:
    """The peak of a fresh process that makes one mesh and nothing else."""
    rows = []
    for resolution in resolutions:
        command = [sys.executable, __file__, "--peak-of", str(resolution)]
        command += ["--weights", str(weights)] if weights else []
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        peak, before, faces, seconds = map(float, printed.split())
        rows.append([f"{resolution}^3", f"{faces:,.0f}", f"{before:.0f}", f"{peak:.0f}", seconds])
    header = ["grid", "faces", "MiB before", "MiB at its peak", "seconds of processor time"]
    table("Peak memory of a process", header, rows)


def print_peak(weights: Path | None, resolution: int) -> None:
    """What `memory_table` asks a fresh process."""
    network, latent, code = toy_object(weights)
    before = peak_mib()
    made = extract(prepare(network, latent, code), resolution=resolution, threshold=THRESHOLD)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(peak_mib(), before, len(made.mesh.faces), round(usage.ru_utime + usage.ru_stime, 1))


def peak_mib() -> float:
    """The most memory that this process has had at once."""
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux `ru_maxrss` begins with the parent's peak.
        (line,) = (one for one in status.read_text().splitlines() if one.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def quality_table(data: Path, count: int) -> None:
    """IoU and Chamfer of the shipped points model, by the plain path and by ours."""
    from training.data.datasets.files import read_arrays, read_points

    network, description = load_weights(find_model("points").path, "cpu")
    level = logit(description.threshold)
    rows, figures = [], []
    for listing in sorted(data.glob("*/test.lst"))[:count]:
        folder = listing.parent / listing.read_text().split()[0]
        labelled = read_points(folder / "points.npz")
        inside = labelled.labels(np.arange(len(labelled.points))) > 0.5
        cloud = read_arrays(folder / "pointcloud.npz", ["points"])["points"].astype(np.float32)
        rng = np.random.default_rng(0)
        seen = cloud[rng.choice(len(cloud), 3000)] + rng.normal(0, 0.005, (3000, 3))
        code = network.encode_inputs(torch.tensor(seen, dtype=torch.float32)[None])
        latent = torch.zeros(1, 0)
        plain, _ = plain_mesh(plain_field(network, latent, code), 128, 2048, level)
        fast = extract(
            prepare(network, latent, code),
            resolution=128,
            threshold=description.threshold,
            padding=description.padding,
        ).mesh
        queries = labelled.points.astype(np.float64)
        for mesh in (plain, fast):
            iou = float(volumetric_iou(mesh_contains(mesh, queries), inside))
            truth = nearest_on_mesh(cloud[:_SAMPLES], mesh.vertices, mesh.faces).distances.mean()
            figures.append((iou, truth))
        (plain_iou, plain_far), (fast_iou, fast_far) = figures[-2:]
        rows.append(
            [
                folder.name,
                f"{plain_iou:.5f}",
                f"{fast_iou:.5f}",
                f"{plain_far:.6f}",
                f"{fast_far:.6f}",
                f"{100 * abs(fast_iou / plain_iou - 1):.4f}",
                f"{100 * abs(fast_far / plain_far - 1):.4f}",
            ]
        )
    header = ["shape", "IoU, plain", "IoU, ours", "distance, plain", "distance, ours"]
    header += ["IoU changes by (%)", "distance changes by (%)"]
    table(
        "The shipped points model at 128^3; distance: of the true surface to the mesh", header, rows
    )


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


def evaluations_table(resolutions: Sequence[int]) -> None:
    rows = []
    for name, field in FIELDS.items():
        for resolution in resolutions:
            result = extract(field, resolution=resolution, threshold=THRESHOLD)
            _, mise = plain_mesh(field, resolution, 1 << 20, LEVEL)
            used = sum(result.evaluations)
            rounds = " + ".join(map(str, result.evaluations))
            dense = (resolution + 1) ** 3
            row = [name, resolution, f"{dense:,}", f"{mise:,}", f"{used:,}"]
            rows.append([*row, f"{used / mise:.3f}", rounds, f"{len(result.mesh.faces):,}"])
    header = ["field", "cells", "dense", "MISE", "ours", "ours / MISE", "rounds", "faces"]
    table("Network evaluations", header, rows)


def without_network_table(chosen: argparse.Namespace, resolutions: Sequence[int]) -> None:
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
            times = in_turn(repetitions(chosen), actions, chosen.clock)
            libraries = times[2:]
            row = [name, resolution, *map(median, times)]
            row += [ratio(times[1], library) for library in libraries]
            rows.append(row)
    header = [
        "field",
        "cells",
        "search and marching cubes, no grid",
        "marching cubes, dense grid",
        "scikit-image",
    ]
    header += ["PyMCubes"] if mcubes is not None else []
    header += [f"dense / {name}" for name in header[4:]]
    table("Without the network's cost (s)", header, rows)


def simplification_table(resolution: int, chosen: argparse.Namespace) -> None:
    """Ours against the library's own settings, and how far both leave the mesh."""
    rows = []
    for name, field in FIELDS.items():
        mesh = extract(field, resolution=resolution, threshold=THRESHOLD).mesh
        faces = mesh.faces.astype(np.int32)

        def plain(mesh: Mesh = mesh, faces: np.ndarray = faces) -> Mesh:
            return Mesh(*fast_simplification.simplify(mesh.vertices, faces, target_count=5000))

        def ours(mesh: Mesh = mesh) -> Mesh:
            return simplify(mesh, 5000)

        times = in_turn(repetitions(chosen), [ours, plain], chosen.clock)
        results = ours(), plain()
        rows.append(
            [
                name,
                f"{len(mesh.faces):,}",
                *(f"{len(result.faces):,}" for result in results),
                *("yes" if is_closed_manifold(result.faces) else "no" for result in results),
                *(f"{1e3 * chamfer(result, mesh):.3f}" for result in results),
                *map(median, times),
                ratio(*times),
            ]
        )
    header = ["field", "faces"]
    for what in ("faces", "manifold", "Chamfer x 1e-3", "s"):
        header += [f"ours: {what}", f"library's defaults: {what}"]
    table(f"Simplification to 5000 faces, from {resolution} cells", [*header, "time ratio"], rows)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--weights", type=Path, help="an original checkpoint of the toy network")
    parser.add_argument("--data", type=Path, help="a folder of classes of prepared shapes")
    parser.add_argument("--resolutions", type=int, nargs="+", help="cells per axis")
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.set_grad_enabled(False)
    if chosen.peak_of:
        print_peak(chosen.weights, chosen.peak_of)
        return
    heading("Extraction", chosen)
    resolutions = chosen.resolutions or ([64, 128] if chosen.quick else [64, 128, 256])
    network_table(chosen, resolutions)
    evaluations_table(resolutions)
    without_network_table(chosen, resolutions)
    simplification_table(64 if chosen.quick else 128, chosen)
    memory_table(chosen.weights, [256] if chosen.quick else [256, 512, 1024])
    if chosen.data:
        quality_table(chosen.data, 2 if chosen.quick else 8)


if __name__ == "__main__":
    main()
