"""What the networks that ship cost, beside their peers and beside the machine's own rate.

    python benchmarks/shipped.py [--quick] [--threads N] [--clock processor] [--large] [--only NAME]

Prints tables in Markdown:

- Warm: an observation in memory to a mesh of 128 cells. The peer is the plain code of the published
  network for the same input (points and voxels: Convolutional Occupancy Networks with three planes
  of 64, 32 wide; picture: the original Occupancy Network), with random weights: its encoder reads
  the input and its decoder runs at every point that MISE asks for; the answers are those of our own
  mesh, so that both search the same surface.
- Shell: `onet reconstruct` as a process of its own, with all that it loads, beside Open3D's Poisson
  reconstruction of depth 8, normals estimated, where this Python has Open3D; always in processor
  seconds. What both write is an OBJ.
- Memory: the most that one process needs for the points network; --large adds 1,024 cells.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from _shared import (
    PRODUCT_GFLOP,
    best_of,
    heading,
    in_turn,
    matrix_products,
    median,
    options,
    processes_in_turn,
    rates,
    ratio,
    repetitions,
    table,
    torus_cloud,
)
from extraction import PADDING, peak_mib, plain_marching_cubes
from original.mise import Mise
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from onet_core.field import evaluate, grid_to_box
from onet_core.inputs.frame import Frame
from onet_core.inputs.load import load_observation
from onet_core.inputs.observation import Observation
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import mesh_contains
from onet_core.models.convolutional.network import ConvolutionalOccupancyNetwork
from onet_core.models.occupancy_network import OccupancyNetwork
from onet_core.pipeline.encoding import encoded
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings
from onet_core.surface.extract import split_resolution
from onet_core.surface.sparse_grid import OUTSIDE

CELLS = 128
# The chunk at which the plain networks are fastest.
CHUNK = 2048
# torch counts the product, but not where it is added in place or oneDNN's.
UNCOUNTED = {
    torch.ops.aten.addmm_: lambda _, a, b, **__: 2 * a[0] * a[1] * b[1],
    torch.ops.mkldnn._linear_pointwise: lambda a, *_, out_shape, **__: (
        2 * a[0] * a[1] * out_shape[1]
    ),
}
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
POISSON = """
import sys
import open3d
cloud = open3d.io.read_point_cloud(sys.argv[1])
cloud.estimate_normals()
cloud.orient_normals_consistent_tangent_plane(15)
mesh, _ = open3d.geometry.TriangleMesh.create_from_point_cloud_poisson(cloud, depth=8, n_threads=1)
open3d.io.write_triangle_mesh(sys.argv[2], mesh)
"""


class Case(NamedTuple):
    """An input, the model that reads it, and the peer."""

    name: str
    model: str
    observation: Observation
    peer: nn.Module
    read: torch.Tensor  # what the peer's encoder reads


def cases() -> list[Case]:
    """The inputs: a torus, and those of the demo."""
    torch.manual_seed(0)
    torus = torus_cloud(3000)
    scan = load_observation(EXAMPLES / "chair_scan.ply", "points")
    voxels = load_observation(EXAMPLES / "sofa_voxels.ply", "voxels")
    picture = load_observation(EXAMPLES / "car.png", "image")
    of_points = ConvolutionalOccupancyNetwork(input_kind="points")
    of_voxels = ConvolutionalOccupancyNetwork(input_kind="voxels")
    of_pictures = OccupancyNetwork(input_kind="image", encoder="resnet18", c_dim=256)
    made = [
        Case(
            "3,000 points, torus",
            "points",
            Observation("points", torus[0].numpy(), Frame(np.eye(4))),
            of_points,
            torus,
        ),
        Case("4,200 points, chair", "points", scan, of_points, torch.tensor(scan.data)[None]),
        Case("voxels, sofa", "voxels", voxels, of_voxels, torch.tensor(voxels.data)[None]),
        Case("picture, car", "picture", picture, of_pictures, torch.tensor(picture.data)[None]),
    ]
    for case in made:
        case.peer.eval()
    # Nothing in it differs while it learns, but then its convolutions are torch's own.
    of_voxels.encoder.train()
    return made


class Peer:
    """The plain network's way to the surface that a mesh has, see the module."""

    def __init__(self, case: Case, mesh: Mesh) -> None:
        self._case = case
        axis = np.arange(CELLS + 1)
        grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        points = grid_to_box(grid, CELLS, PADDING, torch.float64).numpy()
        # Vertices lie above grid points exactly, where the test along z fails.
        points += (1.3e-6, 2.1e-6, 0)
        self._inside = mesh_contains(mesh, points).reshape((CELLS + 1,) * 3)
        self.points = 0

    def __call__(self) -> None:
        case = self._case
        code = case.peer.encode_inputs(case.read)
        latent = torch.zeros(1, int(case.peer.z_dim))
        mise = Mise(*split_resolution(CELLS), 0.0)
        while len(indices := mise.query()):
            points = grid_to_box(indices, CELLS, PADDING, torch.float32)
            said = evaluate(
                lambda some: case.peer.decode(some[None], latent, code)[0],
                points,
                batch_points=CHUNK,
            )
            sides = np.where(self._inside[tuple(indices.T)], 1.0, -1.0)
            # So that what the network says is read too.
            mise.update(sides + 1e-9 * np.tanh(said.double().numpy()))
        plain_marching_cubes(np.pad(mise.to_dense(), 1, constant_values=OUTSIDE), 0.0)
        self.points = sum(mise.evaluations)


def flops_of_a_point(case: Case, reconstructor: Reconstructor) -> float:
    """How many floating point operations the products take for a point."""
    field = encoded(
        reconstructor._network,
        reconstructor.description,
        case.observation,
        Settings(),
        reconstructor.device,
    ).field
    some = torch.rand(1024, 3, generator=torch.Generator().manual_seed(0)) * 0.8 - 0.4
    with FlopCounterMode(display=False, custom_mapping=UNCOUNTED) as counter:
        field(some)
    return float(counter.get_total_flops()) / len(some)


def warm_table(chosen: argparse.Namespace) -> None:
    """Ours, the peer's, and the machine's own rate, in turn."""
    rows = []
    for case in [case for case in cases() if (chosen.only or "") in case.name]:
        reconstructor = Reconstructor(case.model, "cpu")
        settings = Settings(resolution=CELLS, normals=False)
        ours = partial(reconstructor.reconstruct, case.observation, settings)
        made = ours()
        mesh = made.mesh.transformed(np.linalg.inv(case.observation.frame.matrix))
        peer = Peer(case, mesh)
        products = matrix_products(torch.float32)
        times = in_turn(repetitions(chosen), [ours, peer, *products], chosen.clock)
        machine = rates(PRODUCT_GFLOP, best_of(times[2:]))
        gflop = flops_of_a_point(case, reconstructor) * made.evaluations / 1e9
        floor = [gflop / rate for rate in machine]
        rows.append(
            [
                case.name,
                *map(median, times[:2]),
                f"**{ratio(times[0], times[1])}**",
                f"{made.evaluations:,}",
                f"{peer.points:,}",
                f"{len(mesh.faces):,}",
                median(floor),
                ratio(floor, times[0]),
            ]
        )
    header = ["input", "ours, s", "peer, s", "ours / peer", "points, ours", "points, peer"]
    header += ["faces", "our products at the machine's rate, s", "share of the time"]
    table(f"Warm, {CELLS} cells", header, rows)


# Points, and their noise as a share of the size.
SHELL_CLOUDS = ((3_000, 0.005), (100_000, 0.0), (100_000, 0.005))


def write_cloud(path: Path, count: int, noise: float) -> None:
    """A torus of `count` points as text."""
    np.savetxt(path, torus_cloud(count, noise)[0].numpy(), fmt="%.6f")


def shell_table(chosen: argparse.Namespace) -> None:
    """`onet reconstruct` beside Open3D, one process each, in turn."""
    has_peer = importlib.util.find_spec("open3d") is not None
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count, noise in SHELL_CLOUDS:
            cloud = Path(folder) / f"{count}_{noise}.xyz"
            write_cloud(cloud, count, noise)
            mesh = Path(folder) / "mesh.obj"
            onet = [sys.executable, "-m", "onet_core.cli", "reconstruct", cloud, "-o", mesh]
            commands: list[list[str | Path]] = [[*onet, "--kind", "points", "--device", "cpu"]]
            if has_peer:
                commands.append([sys.executable, "-c", POISSON, cloud, mesh])
            times = processes_in_turn(chosen, commands)
            row: list[object] = [f"{count:,}", f"{noise:.1%}", median(times[0])]
            row += [median(times[1]), f"**{ratio(*times)}**"] if has_peer else ["-", "-"]
            rows.append(row)
    header = ["points", "noise", "`onet reconstruct`, s", "Poisson of depth 8, s", "ours / Poisson"]
    table("From the shell, 128 cells, one thread, processor seconds", header, rows)


def memory_table(chosen: argparse.Namespace) -> None:
    """The peak of a fresh process that makes one mesh of the torus."""
    sizes = [128, 256] if chosen.quick else [128, 256, 512]
    rows = []
    for cells in [*sizes, 1024] if chosen.large else sizes:
        command = [sys.executable, __file__, "--peak-of", str(cells)]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        printed = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        peak, before, faces, seconds = map(float, printed.stdout.split())
        rows.append([f"{cells}^3", f"{faces:,.0f}", f"{before:.0f}", f"{peak:.0f}", seconds])
    header = ["grid", "faces", "MiB before", "MiB at its peak", "processor seconds"]
    table("Peak memory of a process, points network", header, rows)


def print_peak(cells: int) -> None:
    """What `memory_table` asks a fresh process."""
    torch.set_num_threads(1)
    case, *_ = cases()
    reconstructor = Reconstructor(case.model, "cpu")
    before = peak_mib()
    made = reconstructor.reconstruct(case.observation, Settings(resolution=cells))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(peak_mib(), before, len(made.mesh.faces), round(usage.ru_utime + usage.ru_stime, 1))


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--large", action="store_true", help="also the memory of 1,024 cells")
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--only", help="nothing but the warm inputs whose names have this")
    chosen = parser.parse_args()
    torch.set_grad_enabled(False)
    if chosen.peak_of:
        print_peak(chosen.peak_of)
        return
    torch.set_num_threads(chosen.threads)
    heading("The networks that ship", chosen)
    parts: list[Callable[[argparse.Namespace], None]] = [warm_table, shell_table, memory_table]
    for part in parts[: 1 if chosen.only else None]:
        part(chosen)


if __name__ == "__main__":
    main()
