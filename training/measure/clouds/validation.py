"""Clouds of validation shapes with their true normals, or noisy, for what dense scans rest on."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...data.labelled import read_shape
from ..protocol import Protocol

FloatArray = NDArray[np.float64]

_OUTER, _ALONG = 0.004, 0.9
"""A point is of the outer surface if that is so near and so parallel."""


def options(description: str | None) -> ArgumentParser:
    """What the commands are given that measure such clouds."""
    parser = ArgumentParser(description=description)
    parser.add_argument("root", type=Path, help="folder of prepared shapes")
    parser.add_argument("--data", type=Path, required=True, help="the indexed source of the same")
    parser.add_argument("--limit", type=int, help="shapes; else all of the split val")
    parser.add_argument("--points", type=int, default=30_000)
    return parser


def clouds(given: Namespace, least: float) -> Iterator[tuple[str, FloatArray, FloatArray]]:
    """Of each shape of the split `val` its name, points (N, 3) and outward normals (N, 3); without
    those of which less than the share `least` of the wanted points is found."""
    for category, name in Protocol(split="val", limit=given.limit).shapes(given.root):
        shape = read_shape(given.root, category, name)
        surface = shape.surface_points.astype(np.float64)
        path = given.data / "shapes" / category / f"{name}.npz"
        cloud = cloud_of(path, surface, shape.surface_normals.astype(np.float64), given.points)
        if len(cloud[0]) >= given.points * least:
            yield name, *cloud


class NoisyScan(NamedTuple):
    """A cloud with noise beside its true surface, in the frame of networks: the cloud's box is
    centred and its longest edge 1.

    name: the shape's. noise: its deviation, before the cloud was scaled.
    points: (N, 3) as scanned. outer: (N, 3) the same without noise. truth: the true surface.
    """

    name: str
    noise: float
    points: FloatArray
    outer: FloatArray
    truth: trimesh.Trimesh


def noisy_scans(given: Namespace, least: float, noises: Sequence[float]) -> Iterator[NoisyScan]:
    """Scans of the shapes of `clouds`, with noise of these deviations in turn."""
    paths = {path.stem: path for path in (given.data / "shapes").glob("*/*.npz")}
    for number, (name, outer, _) in enumerate(clouds(given, least)):
        noise = noises[number % len(noises)]
        points = outer + noise * np.random.default_rng(number).standard_normal(outer.shape)
        low, high = points.min(axis=0), points.max(axis=0)
        middle, scale = (low + high) / 2, 1 / (high - low).max()
        truth = mesh_of(paths[name])
        truth.apply_translation(-middle)
        truth.apply_scale(scale)
        yield NoisyScan(name, noise, (points - middle) * scale, (outer - middle) * scale, truth)


def cloud_of(
    path: Path, surface: FloatArray, ways: FloatArray, count: int
) -> tuple[FloatArray, FloatArray]:
    """Points (N, 3) of the mesh of an indexed source that lie on the outer surface, of which some
    points and normals (M, 3) are known, with their outward normals (N, 3)."""
    mesh = mesh_of(path)
    points, chosen = trimesh.sample.sample_surface(mesh, 4 * count, seed=0)
    points, found = np.asarray(points), np.asarray(mesh.face_normals[chosen])
    distances, near = cKDTree(surface).query(points)
    along = np.einsum("ni,ni->n", found, ways[near])
    is_outer = (distances < _OUTER) & (np.abs(along) > _ALONG)
    points, found = points[is_outer], (found * np.sign(along)[:, None])[is_outer]
    return points[:count], found[:count]


def mesh_of(path: Path) -> trimesh.Trimesh:
    """The mesh of an indexed source, its inner faces too, centred, its longest edge 1."""
    with np.load(path, allow_pickle=False) as stored:
        corners = stored["vertices"].astype(np.float64)
        faces = stored["faces"].astype(np.int64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    return trimesh.Trimesh((corners - (low + high) / 2) / (high - low).max(), faces, process=False)
