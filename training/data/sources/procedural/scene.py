"""What runs in the generators' own Python: makes the shapes that a folder's jobs.json asks for.

It imports nothing of the project. For every seed it leaves `SEED.npz` or, in `SEED.txt`, why there
is none. The arrays: `vertices` (V, 3) in the generator's own axes, `faces` (F, 3), and of each face
the number of its `materials` (F,). `begun.txt` says that the generator could be loaded. See `make`.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

# Vertices that are closer than this share of the longest edge become one: more is not stored.
CLOSE = 1 / 65535
# Faces that the other way of simplifying leaves, and how carefully it goes about it.
ROUGHLY, CARE = 16_000, 3


def main(folder: Path) -> None:
    """One shape after the other, each in an empty file, so that none knows of those before it."""
    import bpy
    from infinigen.core import init

    # Some modules want to fetch add-ons from the net when they are imported; no generator that we
    # ask for needs one.
    init.require_blender_addon = lambda *_, **__: False
    jobs = json.loads((folder / "jobs.json").read_text(encoding="utf-8"))
    factory = getattr(importlib.import_module(jobs["module"]), jobs["factory"])
    (folder / "begun.txt").touch()
    for seed in jobs["seeds"]:
        try:
            mesh = spawned(bpy, factory, seed)
            arrays = simplified(bpy, mesh, jobs["most_faces"], jobs["too_many_faces"])
        except Exception as error:
            (folder / f"{seed}.txt").write_text(f"{type(error).__name__}: {error}"[:500])
            continue
        part = folder / f"{seed}.part"
        with part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(part, folder / f"{seed}.npz")


def spawned(bpy: Any, factory: Any, seed: int) -> Any:
    """What a generator makes of a seed, with all its parts and modifiers, as one mesh."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    random.seed(seed)
    np.random.seed(seed)
    made = factory(seed).spawn_asset(0)
    graph = bpy.context.evaluated_depsgraph_get()
    vertices, loops, sizes, materials = [], [], [], []
    numbers: dict[str, int] = {}
    count = 0
    for part in (made, *made.children_recursive):
        if part.type not in ("MESH", "CURVE", "SURFACE"):
            continue
        mesh = bpy.data.meshes.new_from_object(part.evaluated_get(graph), depsgraph=graph)
        mesh.transform(part.matrix_world)
        places = np.empty(3 * len(mesh.vertices))
        corners = np.empty(len(mesh.loops), np.int64)
        totals = np.empty(len(mesh.polygons), np.int64)
        slots = np.empty(len(mesh.polygons), np.int64)
        mesh.vertices.foreach_get("co", places)
        mesh.loops.foreach_get("vertex_index", corners)
        mesh.polygons.foreach_get("loop_total", totals)
        mesh.polygons.foreach_get("material_index", slots)
        names = [slot.name if slot else "" for slot in mesh.materials] or [""]
        own = [numbers.setdefault(name, len(numbers)) for name in names]
        vertices.append(places.reshape(-1, 3))
        loops.append(corners + count)
        sizes.append(totals)
        materials.append(np.array(own)[slots.clip(0, len(own) - 1)])
        count += len(mesh.vertices)
    if not count:
        raise ValueError("it made nothing")
    return made_mesh(
        bpy,
        np.concatenate(vertices),
        np.concatenate(loops),
        np.concatenate(sizes),
        np.concatenate(materials),
    )


def made_mesh(
    bpy: Any, vertices: np.ndarray, corners: np.ndarray, sizes: np.ndarray, materials: np.ndarray
) -> Any:
    """A mesh in Blender. corners: the vertices of all faces; sizes: how many each face has."""
    mesh = bpy.data.meshes.new("mesh")
    mesh.vertices.add(len(vertices))
    mesh.loops.add(len(corners))
    mesh.polygons.add(len(sizes))
    mesh.vertices.foreach_set("co", vertices.ravel())
    mesh.loops.foreach_set("vertex_index", corners)
    mesh.polygons.foreach_set("loop_start", np.cumsum(sizes) - sizes)
    mesh.update(calc_edges=True)
    for number in range(int(materials.max()) + 1):
        mesh.materials.append(bpy.data.materials.new(str(number)))
    mesh.polygons.foreach_set("material_index", materials)
    return mesh


def simplified(bpy: Any, mesh: Any, most_faces: int, too_many: int) -> dict[str, np.ndarray]:
    """A mesh welded, in triangles, and of about `most_faces` of these at most.

    Where Blender's modifier leaves `too_many`, it is tried on what another way has made smaller.
    """
    found = welded(mesh)
    if len(found["faces"]) <= most_faces:
        return found
    made = decimated(bpy, found, most_faces)
    if len(made["faces"]) > too_many and len(found["faces"]) > ROUGHLY:
        made = decimated(bpy, roughly_simplified(found), most_faces)
    return made


def welded(mesh: Any) -> dict[str, np.ndarray]:
    """The triangles of a mesh, whose vertices are joined where they are as good as one."""
    import bmesh

    editing = bmesh.new()
    editing.from_mesh(mesh)
    places = np.array([vertex.co for vertex in editing.verts])
    edge = float(np.ptp(places, axis=0).max())
    bmesh.ops.remove_doubles(editing, verts=editing.verts, dist=edge * CLOSE)
    bmesh.ops.triangulate(editing, faces=editing.faces)
    editing.to_mesh(mesh)
    editing.free()
    return arrays_of(mesh)


def roughly_simplified(old: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A mesh of ROUGHLY faces, each with the material of the old face nearest to its middle.

    Not used for all: the sheets that tables are made of come apart by it, and nothing is inside.
    """
    import fast_simplification
    from scipy.spatial import cKDTree

    vertices, faces = fast_simplification.simplify(
        old["vertices"].astype(np.float32), old["faces"], target_count=ROUGHLY, agg=CARE
    )
    tree = cKDTree(old["vertices"][old["faces"]].mean(axis=1))
    nearest = tree.query(vertices[faces].mean(axis=1))[1]
    materials = old["materials"][nearest]
    return {"vertices": vertices.astype(np.float64), "faces": faces, "materials": materials}


def decimated(bpy: Any, arrays: dict[str, np.ndarray], most_faces: int) -> dict[str, np.ndarray]:
    """A mesh through Blender's Decimate modifier."""
    corners, sizes = arrays["faces"].ravel(), np.full(len(arrays["faces"]), 3)
    mesh = made_mesh(bpy, arrays["vertices"], corners, sizes, arrays["materials"])
    thing = bpy.data.objects.new("thing", mesh)
    bpy.context.scene.collection.objects.link(thing)
    modifier = thing.modifiers.new("fewer", "DECIMATE")
    modifier.ratio = most_faces / len(mesh.polygons)
    modifier.use_collapse_triangulate = True
    graph = bpy.context.evaluated_depsgraph_get()
    return arrays_of(bpy.data.meshes.new_from_object(thing.evaluated_get(graph), depsgraph=graph))


def arrays_of(mesh: Any) -> dict[str, np.ndarray]:
    """Vertices (V, 3), triangles (F, 3) and their materials (F,)."""
    mesh.calc_loop_triangles()
    vertices = np.empty(3 * len(mesh.vertices))
    faces = np.empty(3 * len(mesh.loop_triangles), np.int32)
    materials = np.empty(len(mesh.polygons), np.int32)
    owners = np.empty(len(mesh.loop_triangles), np.int32)
    mesh.vertices.foreach_get("co", vertices)
    mesh.loop_triangles.foreach_get("vertices", faces)
    mesh.loop_triangles.foreach_get("polygon_index", owners)
    mesh.polygons.foreach_get("material_index", materials)
    return {
        "vertices": vertices.reshape(-1, 3),
        "faces": faces.reshape(-1, 3),
        "materials": materials[owners],
    }


if __name__ == "__main__":
    main(Path(sys.argv[-1]))
