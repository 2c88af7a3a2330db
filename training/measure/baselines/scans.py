"""Dense scans beside screened Poisson, with Open3D and PyMeshLab, which have to be installed too.

    python -m training.measure.baselines.scans --meshes FOLDER [--counts 30000 100000]
        [--noises 0 0.002] [--depths 9 10] [--ours] [--keep FOLDER] [--out results.json]
        [--table results.md]

Distances are exact, from points to triangles, in units of the longest edge.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from onet_core.pipeline.job import Job, run
from onet_core.settings import Settings

FloatArray = NDArray[np.float64]

SHAPES = (
    "armadillo", "ChineseDragon-10kv", "camel", "fandisk_large", "knot1", "refined_elephant",
    "couplingdown", "man", "dino", "anchor_dense",
)  # fmt: skip
COUNTS = (30_000, 100_000, 300_000, 1_000_000)
NOISES = (0.0, 0.002, 0.005)
_CELLS = {30_000: 160, 100_000: 256, 300_000: 384, 1_000_000: 1024}
_DEPTHS = {0.0: (8, 9, 10), 0.002: (7, 8, 9), 0.005: (6, 7, 8)}
_MEASURED = 100_000
_NEAR = 0.002


def shape_of(path: Path) -> trimesh.Trimesh:
    """A mesh file, centred, its longest edge 1, its faces outward."""
    mesh = trimesh.load_mesh(path)
    assert isinstance(mesh, trimesh.Trimesh)
    mesh.apply_translation(-mesh.bounds.mean(axis=0))
    mesh.apply_scale(1 / mesh.extents.max())
    if mesh.volume < 0:
        mesh.invert()
    return mesh


def scan_of(
    mesh: trimesh.Trimesh, count: int, noise: float, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Points (N, 3) evenly over the surface, with noise of a deviation, and true normals."""
    points, faces = trimesh.sample.sample_surface(mesh, count, seed=seed)
    random = np.random.default_rng(seed)
    moved = np.asarray(points) + noise * random.standard_normal((count, 3))
    return moved, np.asarray(mesh.face_normals[faces])


def compared(truth: trimesh.Trimesh, vertices: FloatArray, faces: NDArray[Any]) -> dict[str, float]:
    """How a surface differs from the true one."""
    made = trimesh.Trimesh(vertices, faces, process=False)
    ours = np.asarray(trimesh.sample.sample_surface(made, _MEASURED, seed=8)[0])
    theirs = np.asarray(trimesh.sample.sample_surface(truth, _MEASURED, seed=7)[0])
    away, missed = distances_to(truth, ours), distances_to(made, theirs)
    precision, recall = float((away < _NEAR).mean()), float((missed < _NEAR).mean())
    return {
        "chamfer": float(away.mean() + missed.mean()) / 2,
        "f": 2 * precision * recall / max(precision + recall, 1e-9),
        "beyond_0.003": float((away > 0.003).mean()),
        "beyond_0.006": float((away > 0.006).mean()),
        "parts": int(made.body_count),
        "watertight": bool(made.is_watertight),
    }


def faults(vertices: FloatArray, faces: NDArray[Any]) -> dict[str, int]:
    """How many faces a mesh has, how many of them cross another, and how many edges do not join two
    faces, by MeshLab."""
    import pymeshlab

    meshes = pymeshlab.MeshSet()
    meshes.add_mesh(pymeshlab.Mesh(vertices, faces))
    found = meshes.get_topological_measures()
    meshes.compute_selection_by_self_intersections_per_face()
    return {
        "faces": len(faces),
        "crossing_faces": meshes.current_mesh().selected_face_number(),
        "odd_edges": found["boundary_edges"] + found["non_two_manifold_edges"],
    }


def distances_to(mesh: trimesh.Trimesh, points: FloatArray) -> FloatArray:
    import open3d

    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        open3d.core.Tensor(np.asarray(mesh.vertices, dtype=np.float32)),
        open3d.core.Tensor(np.asarray(mesh.faces, dtype=np.uint32)),
    )
    places = open3d.core.Tensor(points.astype(np.float32))
    return np.asarray(scene.compute_distance(places).numpy(), dtype=np.float64)


def ours(points: FloatArray, cells: int) -> tuple[FloatArray, NDArray[Any], float]:
    """Our surface of a cloud and the processor's seconds."""
    start = time.process_time()
    made = run(Job(points=points, settings=Settings(resolution=cells), device="cpu")).made
    seconds = time.process_time() - start
    return np.asarray(made.mesh.vertices, dtype=np.float64), made.mesh.faces, seconds


def poisson(
    points: FloatArray, normals: FloatArray, depth: int, *, estimate: bool
) -> tuple[FloatArray, NDArray[Any], float]:
    """Screened Poisson with true normals, or with estimated ones that are given the true signs."""
    import open3d

    start = time.process_time()
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    if estimate:
        cloud.estimate_normals(open3d.geometry.KDTreeSearchParamKNN(30))
        found = np.asarray(cloud.normals)
        normals = found * np.sign((found * normals).sum(axis=1) + 1e-12)[:, None]
    cloud.normals = open3d.utility.Vector3dVector(normals)
    make = open3d.geometry.TriangleMesh.create_from_point_cloud_poisson
    mesh, _ = make(cloud, depth=depth, n_threads=1)
    seconds = time.process_time() - start
    return np.asarray(mesh.vertices), np.asarray(mesh.triangles), seconds


def measured(
    mesh: trimesh.Trimesh,
    count: int,
    noise: float,
    depths: Sequence[int],
    keep: Path | None = None,
) -> dict[str, Any]:
    """Ours and Poisson's best of one scan, of no depths ours alone; ours is also kept as a file, if
    one is named."""
    points, normals = scan_of(mesh, count, noise)
    vertices, faces, seconds = ours(points, _CELLS[count])
    if keep:
        trimesh.Trimesh(vertices, faces, process=False).export(keep)
    found = {**compared(mesh, vertices, faces), **faults(vertices, faces)}
    row: dict[str, Any] = {"ours": {**found, "seconds": seconds}}
    for name, estimate in (("true normals", False), ("estimated normals", True)):
        if not depths:
            break
        tries = []
        for depth in depths:
            vertices, faces, seconds = poisson(points, normals, depth, estimate=estimate)
            found = compared(mesh, vertices, faces)
            tries.append({**found, "seconds": seconds, "depth": depth})
        row[name] = min(tries, key=lambda one: one["chamfer"])
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown, with means over each number of points and noise."""
    titles = {
        "ours": "ours",
        "true normals": "Poisson, true normals",
        "estimated normals": "Poisson, estimated normals",
    }
    names = [name for name in titles if all(name in row for row in rows)]
    shown = " | ".join(titles[name] for name in names)
    lines = [f"| points | noise | shape | {shown} |", "|---" * (3 + len(names)) + "|"]

    def cell(found: dict[str, float], noise: float) -> str:
        beyond = found["beyond_0.006" if noise else "beyond_0.003"]
        parts = int(found["parts"])
        return (
            f"{1e5 * found['chamfer']:.1f} / {100 * beyond:.2f} % / {parts} / "
            f"{found['seconds']:.1f} s"
        )

    for kind in sorted({(row["points"], row["noise"]) for row in rows}):
        same = [row for row in rows if (row["points"], row["noise"]) == kind]
        for row in same:
            cells = " | ".join(cell(row[name], kind[1]) for name in names)
            lines.append(f"| {kind[0]:,} | {kind[1]:g} | {row['shape']} | {cells} |")
        means = [float(np.mean([row[name]["chamfer"] for row in same])) for name in names]
        shown = " | ".join(f"**{1e5 * mean:.1f}**" for mean in means)
        lines.append(f"| {kind[0]:,} | {kind[1]:g} | mean of {len(same)} | {shown} |")
    total = [
        sum(row["ours"][key] for row in rows) for key in ("faces", "crossing_faces", "odd_edges")
    ]
    said = "Of {:,} faces of ours {:,} cross another; {:,} edges do not join two faces."
    return "\n".join([*lines, "", said.format(*total)]) + "\n"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meshes", type=Path, required=True, help="folder of the .off files")
    parser.add_argument("--shapes", nargs="*", default=SHAPES)
    parser.add_argument("--counts", nargs="*", type=int, choices=COUNTS, default=COUNTS)
    parser.add_argument("--noises", nargs="*", type=float, default=NOISES)
    parser.add_argument("--depths", nargs="*", type=int, help="Poisson's; else those of the noise")
    parser.add_argument("--ours", action="store_true", help="without Poisson's")
    parser.add_argument("--keep", type=Path, help="folder for our meshes, as .ply")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path, help="Markdown file to write")
    given = parser.parse_args()
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    rows = []
    for count in given.counts:
        for noise in given.noises:
            for name in given.shapes:
                keep = given.keep and given.keep / f"{name}_{count}_{noise:g}.ply"
                mesh = shape_of(given.meshes / f"{name}.off")
                depths = () if given.ours else given.depths or _DEPTHS[noise]
                row = measured(mesh, count, noise, depths, keep)
                rows.append({"shape": name, "points": count, "noise": noise, **row})
                print(json.dumps(rows[-1]), flush=True)
                if given.out:
                    given.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
                if given.table:
                    given.table.write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
