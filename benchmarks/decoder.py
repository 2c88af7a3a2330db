"""What a point costs in the decoder: prepared for one object, and as the original evaluates it.

    python benchmarks/decoder.py [--quick] [--threads N] [--clock processor] [--weights FILE]

Prints tables in Markdown: rates beside the machine's own matrix rate, what half precision does to
the surface, and the weights that ship, with the effect of preparing on their meshes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
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
    toy_object,
)
from scipy.spatial import cKDTree
from torch import Tensor, nn

from onet_core.field import (
    CPU_BATCH,
    CPU_GRADIENT_BATCH,
    EXACT_BAND,
    by_autograd,
    evaluate,
    evaluate_with_gradient,
    logit,
)
from onet_core.inputs.load import load_observation
from onet_core.mesh.mesh import Mesh
from onet_core.models.prepared import PlainField, PreparedField, prepare
from onet_core.models.weights import load_weights
from onet_core.surface.extract import extract

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@dataclass(frozen=True)
class Way:
    """A way to evaluate points; work: in forward passes of the decoder."""

    name: str
    action: Callable[[], object]
    dtype: torch.dtype
    work: int = 1


def box_points(count: int) -> Tensor:
    """Random points (count, 3) of the box, the same in every run."""
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(2)) * 1.1 - 0.55


def rate_table(one: tuple[nn.Module, Tensor, Tensor], chosen: argparse.Namespace) -> None:
    """GFLOP/s of the ways to evaluate the same points."""
    points = box_points(20_000 if chosen.quick else 100_000)
    plain, fast = PlainField(*one), prepare(*one)

    def autograd() -> None:
        for batch in points.split(CPU_GRADIENT_BATCH):
            by_autograd(plain, batch)

    ways = [
        Way(
            f"as the original, chunk {len(points)}",
            lambda: evaluate(plain, points, batch_points=len(points)),
            torch.float32,
        ),
        Way(
            "as the original, chunk 2048",
            lambda: evaluate(plain, points, batch_points=2048),
            torch.float32,
        ),
        Way(f"prepared, chunk {CPU_BATCH}", lambda: evaluate(fast, points), torch.float32),
        Way(f"autograd to the points, chunk {CPU_GRADIENT_BATCH}", autograd, torch.float32, 2),
        Way(
            f"prepared, with gradient, chunk {CPU_GRADIENT_BATCH}",
            lambda: evaluate_with_gradient(fast, points),
            torch.float32,
            2,
        ),
    ]
    if fast.is_rough_faster:
        level = logit(THRESHOLD)
        ways += [
            Way(
                "prepared, half precision everywhere",
                lambda: evaluate(fast.rough, points),
                torch.bfloat16,
            ),
            Way(
                f"prepared, half precision beyond {EXACT_BAND} of the level",
                lambda: evaluate(fast, points, level=level),
                torch.bfloat16,
            ),
        ]
    exact, half = matrix_products(torch.float32), matrix_products(torch.bfloat16)
    actions = [*(way.action for way in ways), *exact, *half]
    times = in_turn(repetitions(chosen), actions, chosen.clock)
    times, of_products = times[: len(ways)], times[len(ways) :]
    machine = {
        torch.float32: best_of(of_products[: len(exact)]),
        torch.bfloat16: best_of(of_products[len(exact) :]),
    }
    rows: list[list[object]] = []
    for dtype, taken in machine.items():
        name = f"the machine's matrix rate, {str(dtype).removeprefix('torch.')}"
        rows.append([name, "", median(rates(PRODUCT_GFLOP, taken)), "1", ""])
    for way, taken in zip(ways, times, strict=True):
        gflop = way.work * len(points) * MFLOP / 1e3
        own = machine[way.dtype]
        rows.append(
            [
                way.name,
                f"{float(median(taken)) / len(points) * 1e6:.3g}",
                median(rates(gflop, taken)),
                ratio(rates(gflop, taken), rates(PRODUCT_GFLOP, own)),
                ratio(taken, times[1] if way.work == 1 else times[3]),
            ]
        )
    header = ["", "us per point", "GFLOP/s", "of the machine's", "time / original's best chunk"]
    table(f"The original's decoder, {len(points)} points", header, rows)


def precision_table(one: tuple[nn.Module, Tensor, Tensor], quick: bool) -> None:
    """How far the prepared decoder is from the plain one, in the box and beside the surface."""
    plain, fast = PlainField(*one), prepare(*one)
    level = logit(THRESHOLD)
    resolution = 64 if quick else 128
    vertices = extract(fast, resolution=resolution, threshold=THRESHOLD).mesh.vertices
    offsets = np.random.default_rng(0).uniform(-1, 1, vertices.shape) * 1.1 / resolution
    beside = torch.tensor(vertices + offsets, dtype=torch.float32)
    rows = []
    for name, points in (("box", box_points(len(beside))), (f"1/{resolution} cells", beside)):
        exact = evaluate(plain, points, batch_points=2048)
        ways = {"float32": evaluate(fast, points)}
        if fast.is_rough_faster:
            ways["half precision"] = evaluate(fast.rough, points)
            ways[f"half precision beyond {EXACT_BAND}"] = evaluate(fast, points, level=level)
        for way, logits in ways.items():
            error = (logits - exact).abs()
            flipped = (logits > level) != (exact > level)
            margin = (exact - level).abs()[flipped].max() if flipped.any() else torch.zeros(())
            rows.append(
                [
                    name,
                    way,
                    f"{float(error.max() / exact.abs().max()):.1e}",
                    f"{float(error.mean()):.1e}",
                    f"{100 * float(flipped.float().mean()):.3f}",
                    f"{float(margin):.1e}",
                ]
            )
    header = ["points", "products", "max error / max logit", "mean error", "sides changed (%)"]
    table("Logits against the plain decoder's", [*header, "furthest from the level"], rows)


def observed(name: str) -> tuple[nn.Module, Tensor, object, float]:
    """A model that ships, with a latent and a code from the examples, and its threshold."""
    package = Path(__file__).resolve().parent.parent / "onet_core" / "pretrained"
    network, description = load_weights(package / f"{name}.safetensors", "cpu")
    network.eval().requires_grad_(False)
    latent = torch.zeros(1, int(getattr(network, "z_dim", 0)))
    if description.input_kind == "none":
        latent = torch.tensor(np.random.default_rng(0).standard_normal(latent.shape)).float()
        return network, latent, network.encode_inputs(latent), description.threshold
    file = {"picture": "car.png", "points": "chair_scan.ply", "voxels": "sofa_voxels.ply"}[name]
    seen = load_observation(EXAMPLES / file, description.input_kind)
    inputs = torch.tensor(np.array(seen.data))[None]
    if description.input_kind == "image":
        size = int(description.inputs.get("image_size", 224))
        inputs = torch.nn.functional.interpolate(
            inputs, (size, size), mode="bilinear", antialias=True
        )
    if description.input_kind == "points":
        inputs = inputs[:, :3000]
    return network, latent, network.encode_inputs(inputs), description.threshold


def shipped_table(chosen: argparse.Namespace) -> None:
    """The weights that ship: what a point costs, and whether the mesh stays the same."""
    points = box_points(8192 if chosen.quick else 32768)
    resolution = 32 if chosen.quick else 128
    rows = []
    for name in ("points", "voxels", "picture", "car"):
        network, latent, code, threshold = observed(name)
        plain, fast = PlainField(network, latent, code), prepare(network, latent, code)
        actions: Sequence[Callable[[], object]] = [
            partial(evaluate, plain, points),
            partial(evaluate, fast, points),
            partial(evaluate_with_gradient, plain, points),
            partial(evaluate_with_gradient, fast, points),
        ]
        times = in_turn(repetitions(chosen), actions, chosen.clock)
        meshes = [
            extract(field, resolution=resolution, threshold=threshold).mesh
            for field in (plain, fast)
        ]
        rows.append(
            [
                name,
                *(f"{float(median(taken)) / len(points) * 1e6:.3g}" for taken in times[:2]),
                ratio(times[1], times[0]),
                ratio(times[3], times[2]),
                f"{side_difference(plain, fast, points, threshold):.1e}",
                *(f"{value:.1e}" for value in differences(*meshes)),
            ]
        )
    header = [
        "weights",
        "plain (us per point)",
        "prepared (us per point)",
        "ratio",
        "ratio with gradient",
        "1 - IoU",
        "Chamfer-L1 / edge",
        "largest distance / edge",
    ]
    table(f"The weights that ship, and their meshes of {resolution} cells", header, rows)


def side_difference(
    plain: PreparedField, fast: PreparedField, points: Tensor, threshold: float
) -> float:
    """1 - IoU of two fields' insides, at the points."""
    level = logit(threshold)
    one, other = evaluate(plain, points) > level, evaluate(fast, points, level=level) > level
    return 1 - float((one & other).sum() / (one | other).sum())


def differences(one: Mesh, other: Mesh) -> tuple[float, float]:
    """Mean and largest distance between two meshes' vertices, both ways, over the unit edge."""
    there, _ = cKDTree(other.vertices).query(one.vertices)
    back, _ = cKDTree(one.vertices).query(other.vertices)
    return (there.mean() + back.mean()) / 2, max(there.max(), back.max())


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--weights", type=Path, help="a checkpoint of the original's point network")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    with torch.no_grad():
        one = toy_object(chosen.weights)
        heading("Decoder", chosen)
        rate_table(one, chosen)
        precision_table(one, chosen.quick)
        shipped_table(chosen)


if __name__ == "__main__":
    main()
