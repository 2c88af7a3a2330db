"""What refinement costs and does: ours, and the original's way with its second backward pass.

    python benchmarks/refine.py [--quick] [--threads N] [--clock processor] [--weights FILE]

Prints a table in Markdown: the original's network, a mesh of its surface, steps on the same random
points both ways, and the loss and the faces that they leave.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
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
from torch import Tensor, nn

from onet_core.field import Field
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.refine import (
    LEARNING_RATE,
    NORMAL_WEIGHT,
    random_weights,
    refine,
    refinement_loss,
)
from onet_core.mesh.simplify import simplify
from onet_core.models.prepared import prepare
from onet_core.surface.extract import extract


def originals_way(mesh: Mesh, network: nn.Module, latent: Tensor, code: Tensor, steps: int) -> Mesh:
    """The original's refinement: all points at once, through the network's normals, and with
    gradients for its weights, which nobody reads.
    """
    network.requires_grad_(True)
    vertices = nn.Parameter(torch.tensor(mesh.vertices, dtype=torch.float32))
    faces = torch.tensor(mesh.faces, dtype=torch.int64)
    optimiser = torch.optim.RMSprop([vertices], lr=LEARNING_RATE)
    generator = np.random.default_rng(0)
    for _ in range(steps):
        optimiser.zero_grad()
        weights = torch.tensor(random_weights(len(faces), generator), dtype=torch.float32)
        corner = vertices[faces]
        point = (corner * weights[:, :, None]).sum(dim=1)
        normal = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 1])
        normal = normal / (normal.norm(dim=1, keepdim=True) + 1e-10)
        value = torch.sigmoid(network.decode(point[None], latent, code)[0])
        target = -torch.autograd.grad(value.sum(), point, create_graph=True)[0]
        target = target / (target.norm(dim=1, keepdim=True) + 1e-10)
        loss = (value - THRESHOLD).pow(2).mean()
        loss = loss + NORMAL_WEIGHT * (normal - target).pow(2).sum(dim=1).mean()
        loss.backward()
        optimiser.step()
    network.requires_grad_(False).zero_grad(set_to_none=True)
    return replace(mesh, vertices=vertices.detach().double().numpy())


def loss_of(mesh: Mesh, field: Field) -> float:
    """The loss on points that no refinement has seen."""
    vertices = torch.tensor(mesh.vertices, dtype=torch.float32)
    faces = torch.tensor(mesh.faces, dtype=torch.int64)
    losses = []
    for seed in range(100, 104):
        weights = random_weights(len(faces), np.random.default_rng(seed))
        barycentric = torch.tensor(weights, dtype=torch.float32)
        losses.append(refinement_loss(vertices, faces, barycentric, field, THRESHOLD)[0])
    return float(np.mean(losses))


def spoilt_faces(mesh: Mesh, before: Mesh) -> int:
    """Faces that turned by more than a right angle or lost all but a hundredth of their area."""
    corner = [one.vertices[one.faces] for one in (before, mesh)]
    old, new = (np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]) for c in corner)
    flipped = (old * new).sum(axis=1) <= 0
    shrunk = np.linalg.norm(new, axis=1) < 0.01 * np.linalg.norm(old, axis=1)
    return int((flipped | shrunk).sum())


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--weights", type=Path, help="a checkpoint of the original's point network")
    chosen: argparse.Namespace = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    with torch.no_grad():
        one = toy_object(chosen.weights)
    field = prepare(*one)
    whole = extract(field, resolution=64 if chosen.quick else 128, threshold=THRESHOLD).mesh
    steps = 5 if chosen.quick else 30
    heading("Refinement", chosen)
    rows = []
    for faces in [5000] if chosen.quick else [1000, 5000, 20000]:
        mesh = simplify(whole, faces)
        plain = partial(originals_way, mesh, *one, steps)
        ours = partial(refine, mesh, field, threshold=THRESHOLD, steps=steps)
        actions = [plain, ours, *matrix_products(torch.float32)]
        taken, our_time, *products = in_turn(repetitions(chosen), actions, chosen.clock)
        gflop = 2 * MFLOP / 1e3 * len(mesh.faces) * steps
        results = plain(), ours()
        rows.append(
            [
                len(mesh.faces),
                median(taken),
                median(our_time),
                ratio(our_time, taken),
                ratio(rates(gflop, our_time), rates(PRODUCT_GFLOP, best_of(products))),
                f"{loss_of(mesh, field):.6f}",
                *(f"{loss_of(result, field):.6f}" for result in results),
                *(spoilt_faces(result, mesh) for result in results),
            ]
        )
    header = [
        "faces",
        "original's way (s)",
        "ours (s)",
        "ratio",
        "ours, of the machine's matrix rate",
        "loss before",
        "original's way",
        "ours",
        "spoilt faces, original's way",
        "ours",
    ]
    table(f"{steps} steps", header, rows)


if __name__ == "__main__":
    main()
