"""Refinement of a mesh by first and second order information of the field (paper, section 3.3).

The loss is the original's: with one random point p on each face, drawn anew in each step,

    mean (probability(p) - threshold)^2 + 0.01 mean |face's normal - field's normal at p|^2

The original differentiates through the field's normal, which takes a second backward pass. A
network of linear layers and ReLUs, with batch normalisation at inference, is piecewise linear in
the point, so the normal is constant around almost every point and that pass contributes nothing.
Here the normal is a constant, and one forward and one backward pass through the field give the
whole gradient: both terms depend on the field only through its value and its gradient at p. (For a
field that bends between its kinks, such as bilinear features, the term that is left out is not
zero.) Gradients for the network's weights are never computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..field import Field, Progress, evaluate_with_gradient, stage
from .folds import FoldGuard
from .mesh import Mesh
from .normals import face_based_normals

NORMAL_WEIGHT = 0.01
LEARNING_RATE = 1e-4
_DECAY = 0.99  # RMSprop, torch's and the original's defaults.
_EPSILON = 1e-8
_NORMAL_EPSILON = 1e-10


def refine(
    mesh: Mesh,
    field: Field,
    *,
    threshold: float = 0.2,
    steps: int = 30,
    seed: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    batch_points: int | None = None,
    progress: Progress | None = None,
) -> Mesh:
    """Moves the vertices so that the faces follow the field's surface and its normals.

    mesh: in the network's frame; faces and colours stay as they are, normals, where the mesh has
    some, are computed anew from the faces. threshold: probability at the surface. steps: RMSprop
    steps with the original's learning rate of 1e-4 (the original's demo takes 30). seed: of the
    random points.
    No face flips or loses its area: a vertex whose step would do that to a face stays where it is
    for that step (the original has no such guard).
    progress: called after each batch of points with "refine" and the fraction done.

    Raises ModelError where the field is not finite.
    """
    if mesh.is_empty or steps <= 0:
        return mesh
    vertices = torch.as_tensor(np.ascontiguousarray(mesh.vertices), dtype=dtype, device=device)
    faces = torch.as_tensor(np.ascontiguousarray(mesh.faces), dtype=torch.int64, device=device)
    generator = np.random.default_rng(seed)
    guard = FoldGuard(vertices, faces)
    mean_square = torch.zeros_like(vertices)
    report = stage(progress, "refine")
    for step in range(steps):
        weights = torch.as_tensor(random_weights(len(faces), generator), dtype=dtype, device=device)
        _, gradient = refinement_loss(
            vertices,
            faces,
            weights,
            field,
            threshold,
            batch_points=batch_points,
            progress=_part(report, step, steps),
        )
        mean_square = _DECAY * mean_square + (1 - _DECAY) * gradient**2
        moved = vertices - LEARNING_RATE * gradient / (mean_square.sqrt() + _EPSILON)
        vertices = guard.without_folds(vertices, moved)
    moved_vertices = vertices.cpu().double().numpy()
    normals = None if mesh.normals is None else face_based_normals(moved_vertices, mesh.faces)
    return replace(mesh, vertices=moved_vertices, normals=normals)


def random_weights(count: int, generator: np.random.Generator) -> np.ndarray:
    """Barycentric weights of one random point a face, (count, 3), from Dirichlet(1/2, 1/2, 1/2)."""
    return generator.dirichlet((0.5, 0.5, 0.5), size=count)


def refinement_loss(
    vertices: Tensor,
    faces: Tensor,
    weights: Tensor,
    field: Field,
    threshold: float,
    *,
    batch_points: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[float, Tensor]:
    """The loss of the module's docstring and its gradient with respect to the vertices.

    vertices (V, 3), faces (F, 3) int64, weights (F, 3) barycentric -> loss, gradient (V, 3).
    """
    with torch.no_grad():
        points = (vertices[faces] * weights[..., None]).sum(dim=1)  # [F, 3]
    logits, logit_gradient = evaluate_with_gradient(
        field, points, batch_points=batch_points, progress=progress
    )
    probability = torch.sigmoid(logits)
    slope = (probability * (1 - probability))[:, None] * logit_gradient  # [F, 3], of probability
    field_normal = -slope / (slope.norm(dim=1, keepdim=True) + _NORMAL_EPSILON)
    error = probability - threshold

    with torch.enable_grad():
        leaf = vertices.detach().requires_grad_(True)
        corner = leaf[faces]  # [F, 3, 3]
        normal = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 1])
        normal = normal / (normal.norm(dim=1, keepdim=True) + _NORMAL_EPSILON)
        normal_loss = (normal - field_normal).pow(2).sum(dim=1).mean()
        # Has the gradient of the mean squared error, without the field in the graph.
        point = (corner * weights[..., None]).sum(dim=1)
        value_term = (point * (2 / len(faces) * error[:, None] * slope)).sum()
        (gradient,) = torch.autograd.grad(value_term + NORMAL_WEIGHT * normal_loss, leaf)
    loss = error.pow(2).mean() + NORMAL_WEIGHT * normal_loss.detach()
    return float(loss), gradient


def _part(
    report: Callable[[float], None] | None, step: int, steps: int
) -> Callable[[float], None] | None:
    if report is None:
        return None
    return lambda fraction: report((step + fraction) / steps)
