"""Thumbnails: what is where in them."""

from __future__ import annotations

import numpy as np
import trimesh

from onet_core.mesh.drawing import drawn
from onet_core.mesh.mesh import Mesh


def mesh_of(made: trimesh.Trimesh) -> Mesh:
    return Mesh(np.asarray(made.vertices, dtype=np.float64), np.asarray(made.faces))


def test_a_ball_is_a_disc_that_is_lit_from_above() -> None:
    picture = drawn(mesh_of(trimesh.creation.icosphere(3)), 64)
    assert picture.shape == (64, 64, 4)
    covered = picture[..., 3] > 128
    rows, columns = np.nonzero(covered)
    radius = np.hypot(rows - 31.5, columns - 31.5)
    assert 29 < radius.max() < 32
    assert abs(covered.sum() - np.pi * 30.1**2) < 100
    grey = picture[..., 0].astype(float)
    assert grey[8:20, 26:38].mean() > grey[44:56, 26:38].mean() + 30


def test_the_front_looks_at_whoever_looks() -> None:
    """A block with a post at its front right corner: it is seen near the lower middle."""
    block = trimesh.creation.box((1, 1, 0.2))
    post = trimesh.creation.box((0.2, 0.2, 1))
    post.apply_translation((0.4, -0.4, 0.5))
    with_post = drawn(mesh_of(trimesh.util.concatenate([block, post])), 64)
    rows, columns = np.nonzero(with_post[..., 3] > 128)
    top = columns[rows == rows.min()].mean()
    assert 26 < top < 42
    behind = trimesh.creation.box((0.2, 0.2, 1))
    behind.apply_translation((-0.4, -0.4, 0.5))
    rows, columns = np.nonzero(
        drawn(mesh_of(trimesh.util.concatenate([block, behind])), 64)[..., 3] > 128
    )
    assert columns[rows == rows.min()].mean() < 20


def test_nothing_gives_an_empty_picture() -> None:
    nothing = Mesh(np.empty((0, 3)), np.empty((0, 3), dtype=np.int32))
    assert not drawn(nothing, 16).any()
