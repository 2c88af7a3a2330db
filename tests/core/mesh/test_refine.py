"""Refinement: the original's loss and steps, without the work that changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from analytic_fields import ReluNetwork, as_trimesh, is_monotone, sphere
from torch import Tensor, nn

from onet_core.errors import Cancelled, ModelError
from onet_core.field import Field
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.refine import LEARNING_RATE, random_weights, refine, refinement_loss
from onet_core.mesh.simplify import simplify
from onet_core.models.decoders import CBatchNormDecoder
from onet_core.models.prepared.residual import prepare_residual
from onet_core.surface.extract import extract_surface

THRESHOLD = 0.2


def network(dtype: torch.dtype = torch.float32) -> ReluNetwork:
    return ReluNetwork(seed=1).to(dtype).eval()


def mesh_of(field: Field, faces: int | None = 1500, resolution: int = 32) -> Mesh:
    mesh = extract_surface(field, resolution=resolution, threshold=THRESHOLD)
    return mesh if faces is None else simplify(mesh, faces)


def original_loss(
    vertices: Tensor, faces: Tensor, weights: Tensor, field: Field, detached: bool
) -> Tensor:
    """The loss as the original writes it, differentiated by autograd all the way."""
    corner = vertices[faces]
    point = (corner * weights[:, :, None]).sum(dim=1)
    normal = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 1])
    normal = normal / (normal.norm(dim=1, keepdim=True) + 1e-10)
    value = torch.sigmoid(field(point))
    target = -torch.autograd.grad(value.sum(), point, create_graph=True)[0]
    target = target / (target.norm(dim=1, keepdim=True) + 1e-10)
    if detached:
        target = target.detach()
    loss_value = (value - THRESHOLD).pow(2).mean()
    return loss_value + 0.01 * (normal - target).pow(2).sum(dim=1).mean()


def tensors(mesh: Mesh, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    weights = random_weights(len(mesh.faces), np.random.default_rng(5))
    return (
        torch.tensor(mesh.vertices, dtype=dtype, requires_grad=True),
        torch.tensor(mesh.faces, dtype=torch.int64),
        torch.tensor(weights, dtype=dtype),
    )


def relative(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


def test_the_second_backward_pass_adds_nothing_on_a_relu_network() -> None:
    field = network(torch.float64)
    vertices, faces, weights = tensors(mesh_of(network()), torch.float64)
    gradients = [
        torch.autograd.grad(original_loss(vertices, faces, weights, field, detached), vertices)[0]
        for detached in (False, True)
    ]
    assert gradients[0].norm() > 1e-6
    assert relative(gradients[1], gradients[0]) < 1e-6


def test_it_does_add_something_where_the_field_is_curved() -> None:
    """The comparison above can fail: on a smooth field the two gradients differ."""
    vertices, faces, weights = tensors(mesh_of(sphere, faces=500), torch.float64)
    with torch.no_grad():  # Off the surface's own symmetry, where the difference would vanish.
        vertices += 0.01 * torch.sin(40 * vertices.flip(-1))
    gradients = [
        torch.autograd.grad(original_loss(vertices, faces, weights, sphere, detached), vertices)[0]
        for detached in (False, True)
    ]
    assert relative(gradients[1], gradients[0]) > 1e-3


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
@pytest.mark.parametrize("batch_points", [None, 400])
def test_loss_and_gradient_equal_the_originals(
    dtype: torch.dtype, tolerance: float, batch_points: int | None
) -> None:
    field = network(dtype)
    vertices, faces, weights = tensors(mesh_of(network()), dtype)
    loss = original_loss(vertices, faces, weights, field, detached=False)
    (expected,) = torch.autograd.grad(loss, vertices)
    ours, gradient = refinement_loss(
        vertices.detach(), faces, weights, field, THRESHOLD, batch_points=batch_points
    )
    assert ours == pytest.approx(loss.item(), rel=tolerance)
    assert relative(gradient, expected) < tolerance
    assert all(parameter.grad is None for parameter in field.parameters())


def test_steps_equal_the_originals_on_the_same_samples() -> None:
    """Against autograd with the second backward pass and torch's RMSprop, in double."""
    field = network(torch.float64)
    mesh = mesh_of(network(), faces=600)
    vertices = nn.Parameter(torch.tensor(mesh.vertices, dtype=torch.float64))
    faces = torch.tensor(mesh.faces, dtype=torch.int64)
    optimiser = torch.optim.RMSprop([vertices], lr=LEARNING_RATE)
    generator = np.random.default_rng(7)
    for _ in range(8):
        weights = torch.tensor(random_weights(len(faces), generator))
        optimiser.zero_grad()
        original_loss(vertices, faces, weights, field, detached=False).backward()
        optimiser.step()
    refined = refine(mesh, field, threshold=THRESHOLD, steps=8, seed=7, dtype=torch.float64)
    moved = np.abs(refined.vertices - mesh.vertices).max()
    assert moved > 1e-3
    assert np.abs(refined.vertices - vertices.detach().numpy()).max() < 1e-6 * moved


def held_out_loss(mesh: Mesh, field: Field) -> float:
    losses = []
    for seed in range(5):
        weights = random_weights(len(mesh.faces), np.random.default_rng(1000 + seed))
        loss, _ = refinement_loss(
            torch.tensor(mesh.vertices, dtype=torch.float32),
            torch.tensor(mesh.faces, dtype=torch.int64),
            torch.tensor(weights, dtype=torch.float32),
            field,
            THRESHOLD,
        )
        losses.append(loss)
    return float(np.mean(losses))


@pytest.mark.parametrize("faces", [600, 2000, None])
def test_the_loss_falls_and_no_face_flips_or_vanishes(faces: int | None) -> None:
    field = network()
    mesh = mesh_of(field, faces)
    refined = refine(mesh, field, threshold=THRESHOLD, steps=30)
    assert held_out_loss(refined, field) < 0.9 * held_out_loss(mesh, field)
    before, after = as_trimesh(mesh), as_trimesh(refined)
    assert after.is_watertight
    corner = [m.vertices[m.faces] for m in (mesh, refined)]
    normal = [np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]) for c in corner]
    area = [np.linalg.norm(n, axis=1) for n in normal]
    cosine = (normal[0] * normal[1]).sum(axis=1) / (area[0] * area[1])
    assert cosine.min() > 0.24
    assert (area[1] / area[0]).min() > 0.049
    assert after.volume == pytest.approx(before.volume, rel=0.05)


def test_without_the_guard_faces_would_flip() -> None:
    """The first RMSprop step moves every coordinate by 1e-3, more than small faces bear."""
    field = network()
    mesh = mesh_of(field, faces=None, resolution=64)
    vertices = nn.Parameter(torch.tensor(mesh.vertices, dtype=torch.float32))
    faces = torch.tensor(mesh.faces, dtype=torch.int64)
    optimiser = torch.optim.RMSprop([vertices], lr=LEARNING_RATE)
    generator = np.random.default_rng(0)
    for _ in range(5):
        weights = torch.tensor(random_weights(len(faces), generator), dtype=torch.float32)
        optimiser.zero_grad()
        original_loss(vertices, faces, weights, field, detached=True).backward()
        optimiser.step()
    corner = [v[mesh.faces] for v in (mesh.vertices, vertices.detach().numpy())]
    normal = [np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]) for c in corner]
    assert ((normal[0] * normal[1]).sum(axis=1) < 0).any()
    guarded = refine(mesh, field, threshold=THRESHOLD, steps=5)
    corner_guarded = guarded.vertices[mesh.faces]
    after = np.cross(
        corner_guarded[:, 1] - corner_guarded[:, 0], corner_guarded[:, 2] - corner_guarded[:, 0]
    )
    assert ((normal[0] * after).sum(axis=1) > 0).all()


def test_with_a_prepared_decoder_the_loss_falls_as_the_originals_does() -> None:
    """Against the network itself, differentiated twice, on the same random points."""
    decoder = CBatchNormDecoder(c_dim=8, hidden_size=64).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            gain = 2.0 if name.startswith("fc_p") else 0.5
            parameter.copy_(gain * torch.randn(parameter.shape, generator=generator) / 4)
    code = torch.randn(1, 8, generator=generator)
    latent = torch.zeros(1, 0)
    field = prepare_residual(decoder, latent, code)
    assert field is not None
    # The decoder's values, brought to the level on a sphere: a field that has a surface there.
    mesh = mesh_of(sphere, faces=800)
    with torch.no_grad():
        level = field(torch.tensor(mesh.vertices, dtype=torch.float32)).median()
        decoder.fc_out.get_parameter("bias").sub_(level - np.log(0.25))
    field = prepare_residual(decoder, latent, code)
    assert field is not None

    vertices = nn.Parameter(torch.tensor(mesh.vertices, dtype=torch.float32))
    faces = torch.tensor(mesh.faces, dtype=torch.int64)
    optimiser = torch.optim.RMSprop([vertices], lr=LEARNING_RATE)
    points = np.random.default_rng(3)
    for _ in range(12):
        weights = torch.tensor(random_weights(len(faces), points), dtype=torch.float32)
        optimiser.zero_grad()
        original_loss(
            vertices, faces, weights, lambda p: decoder(p[None], latent, code)[0], detached=False
        ).backward()
        optimiser.step()
    theirs = Mesh(vertices.detach().double().numpy(), mesh.faces)
    ours = refine(mesh, field, threshold=THRESHOLD, steps=12, seed=3)
    start, end, expected = (held_out_loss(one, field) for one in (mesh, ours, theirs))
    assert expected < 0.97 * start
    assert end == pytest.approx(expected, abs=0.05 * (start - expected))


def test_a_rough_mesh_comes_closer_to_the_surface() -> None:
    mesh = mesh_of(sphere, faces=2000)
    shaken = mesh.vertices + np.random.default_rng(0).normal(0, 0.002, mesh.vertices.shape)
    rough = Mesh(shaken, mesh.faces)
    refined = refine(rough, sphere, threshold=THRESHOLD, steps=30)
    centre = np.array([0.03, -0.02, 0.01])
    radius = 0.37 - np.log(0.25) / 40

    def error(vertices: np.ndarray) -> float:
        return float(np.abs(np.linalg.norm(vertices - centre, axis=1) - radius).mean())

    assert error(refined.vertices) < 0.5 * error(rough.vertices)


def test_seeds_make_results_repeatable() -> None:
    field = network()
    mesh = mesh_of(field, faces=600)
    first, again, other = (
        refine(mesh, field, threshold=THRESHOLD, steps=3, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.vertices, again.vertices)
    assert not np.array_equal(first.vertices, other.vertices)


def test_faces_and_colours_stay_and_normals_are_computed_anew() -> None:
    mesh = mesh_of(sphere, faces=600)
    count = len(mesh.vertices)
    dressed = Mesh(
        mesh.vertices, mesh.faces, np.zeros((count, 3)), np.full((count, 3), 7, dtype=np.uint8)
    )
    refined = refine(dressed, sphere, steps=2)
    assert refined.faces is mesh.faces
    assert refined.colours is dressed.colours
    assert refined.normals is not None
    assert np.allclose(np.linalg.norm(refined.normals, axis=1), 1)


def test_no_steps_and_no_faces_change_nothing() -> None:
    mesh = mesh_of(sphere, faces=600)
    assert refine(mesh, sphere, steps=0) is mesh
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    assert refine(empty, sphere) is empty


def test_faces_without_area_do_not_stop_the_others() -> None:
    mesh = mesh_of(sphere, faces=600)
    faces = np.concatenate([mesh.faces, [[0, 0, 1]]])
    refined = refine(Mesh(mesh.vertices, faces), sphere, steps=3)
    assert np.isfinite(refined.vertices).all()
    assert (np.abs(refined.vertices - mesh.vertices).max(axis=1) > 0).mean() > 0.9


def test_progress_and_cancel() -> None:
    mesh = mesh_of(sphere, faces=600)
    heard: list[tuple[str, float]] = []
    refine(mesh, sphere, steps=4, batch_points=200, progress=lambda *r: heard.append(r))
    fractions = [fraction for _, fraction in heard]
    assert len(fractions) == 4 * 3
    assert is_monotone(fractions)
    assert fractions[-1] == 1
    assert {stage for stage, _ in heard} == {"refine"}

    def cancel(stage: str, fraction: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        refine(mesh, sphere, progress=cancel)


def test_a_field_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(ModelError, match="not finite"):
        refine(mesh_of(sphere, faces=600), lambda p: p.sum(-1) * float("nan"))
