"""Sources that are plain folders of meshes: a folder per category, or one category in all.

SOURCE/<category>/.../<anything>.<format>; meshes right below SOURCE are of the category that the
folder's name gives.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from onet_core.errors import InputError
from onet_core.files import assert_readable
from onet_core.inputs.load import default_up_axis
from onet_core.mesh.files import load_with_trimesh

from .normalise import GREY, Triangles, make_triangles, normalise
from .source import Entry, NormalisedShape, find_meshes

# Shares of train, val and test, as the original's build script has them.
DEFAULT_SHARES = (0.7, 0.1, 0.2)


@dataclass(frozen=True)
class MeshFile(Entry):
    """A mesh file.

    up_axis: `auto` for the habit of its format.
    """

    path: Path = field(kw_only=True)
    up_axis: str = field(default="auto", kw_only=True)

    def load(self) -> NormalisedShape:
        """The mesh, normalised. Raises InputError where it can't be used."""
        up_axis = self.up_axis
        assert_readable(self.path)
        if up_axis == "auto":
            up_axis = default_up_axis(self.path, "voxels")
        return NormalisedShape(*normalise(read_triangles(self.path), up_axis))


def read_triangles(path: Path) -> Triangles:
    """All parts of a mesh file with a colour per face, in the file's coordinates.

    Parts without colours are light grey; textures are sampled at the vertices. Raises InputError.
    """

    def parts(scene: trimesh.Scene) -> list[tuple[NDArray, NDArray, NDArray]]:
        found = []
        for node in scene.graph.nodes_geometry:
            matrix, name = scene.graph[node]
            mesh = scene.geometry[name]
            if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
                vertices = trimesh.transform_points(mesh.vertices, matrix)
                faces = np.asarray(mesh.faces)
                if np.linalg.det(matrix[:3, :3]) < 0:
                    faces = faces[:, ::-1]
                found.append((vertices, faces, _face_colours(mesh)))
        return found

    found = load_with_trimesh(path, parts)
    if not found:
        raise InputError(f"{path.name} has no faces.")
    starts = np.cumsum([0] + [len(vertices) for vertices, _, _ in found])
    return make_triangles(
        np.concatenate([vertices for vertices, _, _ in found]),
        np.concatenate(
            [faces + start for (_, faces, _), start in zip(found, starts, strict=False)]
        ),
        np.concatenate([colours for _, _, colours in found]),
    )


def list_meshes(
    source: Path,
    categories: Sequence[str] | None = None,
    method: str | None = None,
    up_axis: str = "auto",
    shares: tuple[float, float, float] = DEFAULT_SHARES,
) -> list[Entry]:
    """Every mesh below a folder, each with a split that follows from a hash of its name.

    shares: of train, val and test. Files of one name in different formats or sub-folders are
    different shapes. Raises InputError where there are no meshes or a category is missing.
    """
    paths = find_meshes(source)
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise InputError(f"The shares of the splits, {shares}, must add up to 1.")
    entries: list[Entry] = []
    for path in paths:
        inner = path.relative_to(source)
        category = inner.parts[0] if len(inner.parts) > 1 else source.resolve().name
        if categories is not None and category not in categories:
            continue
        below = inner.parts[1:] if len(inner.parts) > 1 else inner.parts
        # The suffix is part of the name: chair.obj and chair.stl are not the same file.
        name = "__".join(below).replace(" ", "_").replace(".", "_")
        entries.append(
            MeshFile(
                category,
                name,
                choose_split(f"{category}/{name}", shares),
                method or "auto",
                inner.as_posix(),
                path=path,
                up_axis=up_axis,
            )
        )
    missing = sorted(set(categories or ()) - {entry.category for entry in entries})
    if missing:
        raise InputError(f"There are no meshes of the category {', '.join(missing)} in {source}.")
    return entries


def choose_split(name: str, shares: tuple[float, float, float]) -> str:
    """train, val or test, always the same for a name."""
    place = (zlib.crc32(name.encode()) + 0.5) / 2**32
    train, val, _ = shares
    if place < train:
        return "train"
    return "val" if place < train + val else "test"


def _face_colours(mesh: trimesh.Trimesh) -> NDArray[np.uint8]:
    visual: Any = mesh.visual
    if not visual.defined:
        return np.full((len(mesh.faces), 3), GREY, np.uint8)
    if visual.kind == "texture":
        painted = None if visual.uv is None else visual.to_color()
        if painted is None or painted.kind != "vertex":
            # A plain material, or one whose texture is not there: its colour is all there is.
            return np.tile(np.asarray(visual.material.main_color)[:3], (len(mesh.faces), 1))
        corners = np.asarray(painted.vertex_colors)[:, :3][mesh.faces]
        return corners.mean(axis=1).round().astype(np.uint8)
    colours = np.asarray(visual.face_colors)[..., :3].reshape(-1, 3)
    return np.broadcast_to(colours, (len(mesh.faces), 3)).astype(np.uint8)
