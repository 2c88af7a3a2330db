"""Classical methods that make a mesh of a point cloud or of voxels, and their parameters.

Points: screened Poisson reconstruction (Kazhdan and Hoppe, TOG 2013), ball pivoting (Bernardini et
al., TVCG 1999), alpha shapes (Edelsbrunner and Muecke, TOG 1994), and Blender's own way by a volume
(`blender_volume`). Voxels: marching cubes, plain and smoothed, at the level that is best for them
and at the usual one. Lengths are in units of the cloud's spacing, so that parameters carry over to
other clouds. `parameters.json` holds what the validation split chose, see
`training.measure.baselines.tune`.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import igl
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import Delaunay, QhullError, cKDTree

from onet_core.errors import InputError
from onet_core.inputs.outliers import stray_points
from onet_core.mesh.mesh import Mesh

from ...data.conditions import Conditions
from ..marching_cubes import marching_cubes

Points = NDArray[np.floating]
Parameters = dict[str, Any]
PARAMETERS_FILE = Path(__file__).with_name("parameters.json")
NEIGHBOURS = 10
WINDING_ACCURACY = 2.0
BLURS = (0.3, 0.4, 0.5, 0.75, 1.0)


def spacing(points: Points) -> float:
    """How far apart the points (N, 3) of a cloud lie: the median distance to the third neighbour.

    That neighbour, since the nearest one tells of chance rather than of density.
    """
    distances, _ = cKDTree(points).query(points, k=min(4, len(points)))
    return float(np.median(distances[:, -1]))


def contains(mesh: Mesh, points: Points) -> NDArray[np.bool_]:
    """Inside or outside at points (N, 3): the surface winds more than half a time around them.

    Exact for closed meshes. Open ones count as closed along the shortest way (generalised winding
    numbers, Jacobson et al., TOG 2013); a surface turned inside out counts as the right way round.
    Without faces nothing is inside.
    """
    if len(mesh.faces) == 0:  # which libigl's tree can't be made of
        return np.zeros(len(points), dtype=bool)
    tree = igl.FastWindingNumberBVH()
    tree.init(
        np.ascontiguousarray(mesh.vertices, dtype=np.float64),
        np.ascontiguousarray(mesh.faces, dtype=np.int64),
    )
    queries = np.ascontiguousarray(points, dtype=np.float64)
    return np.abs(tree.winding_number(queries, WINDING_ACCURACY)) > 0.5


def poisson(points: Points, parameters: Parameters) -> Mesh:
    """Screened Poisson reconstruction.

    depth: of the octree; weight: of the points themselves; neighbours: that a normal follows from.
    """
    meshes = _with_normals(points, parameters["neighbours"])
    meshes.generate_surface_reconstruction_screened_poisson(
        depth=parameters["depth"],
        # So far the octree is complete; deeper only costs time.
        fulldepth=3,
        pointweight=parameters["weight"],
        samplespernode=parameters["samples_per_node"],
        threads=1,
    )
    return _current(meshes)


def ball_pivoting(points: Points, parameters: Parameters) -> Mesh:
    """Ball pivoting; radius: in units of the spacing."""
    meshes = _with_normals(points)
    meshes.generate_surface_reconstruction_ball_pivoting(
        ballradius=_pymeshlab().PureValue(parameters["radius"] * spacing(points))
    )
    return _current(meshes)


def alpha_shape(points: Points, parameters: Parameters) -> Mesh:
    """The border of all Delaunay tetrahedra whose spheres have a radius of alpha spacings at most.

    Closed, with faces that look outwards.
    """
    try:
        cells = Delaunay(points).simplices
    except QhullError as error:
        raise InputError("The cloud is flat: it has no alpha shape.") from error
    corners = np.asarray(points, dtype=np.float64)[cells]
    edges = corners[:, 1:] - corners[:, :1]
    volume = np.linalg.det(edges)
    cells, edges, volume = (part[np.abs(volume) > 1e-15] for part in (cells, edges, volume))
    # The circumcentre c is equally far from all corners: edges @ c = |edges|^2 / 2.
    squares = (edges**2).sum(axis=2, keepdims=True) / 2
    radius = np.linalg.norm(np.linalg.solve(edges, squares)[..., 0], axis=1)
    chosen = radius <= parameters["alpha"] * spacing(points)
    cells, volume = cells[chosen], volume[chosen]
    cells[volume < 0] = cells[volume < 0][:, [1, 0, 2, 3]]
    # The faces of a tetrahedron of positive volume, seen counter-clockwise from outside.
    faces = cells[:, [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]].reshape(-1, 3)
    _, first, uses = np.unique(np.sort(faces), axis=0, return_index=True, return_counts=True)
    return _compact(np.asarray(points, dtype=np.float64), faces[first[uses == 1]])


def voxel_surface(voxels: NDArray[np.generic], parameters: Parameters) -> Mesh:
    """Marching cubes of voxels (R, R, R) whose centres span the unit cube.

    blur: standard deviation in voxels of a Gaussian before, 0 for none; level: of the surface.
    """
    margin = 4
    padded = np.pad(np.asarray(voxels, dtype=np.float64), margin)
    if parameters["blur"]:
        padded = gaussian_filter(padded, parameters["blur"])
    vertices, faces = marching_cubes(padded, parameters["level"])
    return Mesh((vertices - margin + 0.5) / len(voxels) - 0.5, faces)


def blender(points: Points, parameters: Parameters) -> Mesh:
    """Blender's nodes Points to Volume and Volume to Mesh; see `blender_volume`."""
    from .blender import points_to_volume_to_mesh

    size = spacing(points)
    return points_to_volume_to_mesh(
        points, radius=parameters["radius"] * size, voxel=parameters["voxel"] * size
    )


@dataclass(frozen=True)
class Surfacing:
    """A classical method and the parameters among which the validation split chooses.

    kind: of the input.
    make: input and parameters -> mesh in the network's frame.
    choices: name -> values. For points, `clean` stands in every choice: whether stray points are
        left out before.
    """

    kind: str
    make: Callable[[NDArray[Any], Parameters], Mesh]
    choices: Mapping[str, Sequence[Any]]

    def combinations(self, conditions: Conditions) -> list[Parameters]:
        """All choices; stray points are only looked for where there are outliers."""
        combined = [
            dict(zip(self.choices, values, strict=True))
            for values in product(*self.choices.values())
        ]
        if self.kind != "points":
            return combined
        clean = (False, True) if conditions.outliers else (False,)
        return [{**values, "clean": cleaned} for cleaned in clean for values in combined]

    def __call__(self, data: NDArray[Any], parameters: Parameters) -> Mesh:
        """The mesh; empty where the method finds no surface."""
        if self.kind == "points":
            # Points that were drawn twice would be neighbours without distance.
            data = np.unique(np.asarray(data, dtype=np.float64), axis=0)
            if parameters["clean"]:
                data = data[~stray_points(data)]
        return self.make(data, parameters)


SURFACINGS = {
    "poisson": Surfacing(
        "points",
        poisson,
        {
            "depth": (5, 6, 7),
            "weight": (4.0,),
            "samples_per_node": (1.5,),
            "neighbours": (5, 8, 12),
        },
    ),
    "ball_pivoting": Surfacing(
        "points", ball_pivoting, {"radius": (1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)}
    ),
    "alpha": Surfacing("points", alpha_shape, {"alpha": (1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 16.0)}),
    "blender": Surfacing(
        "points", blender, {"radius": (0.35, 0.5, 0.7, 1.0, 2.0, 4.0), "voxel": (0.5,)}
    ),
    "marching_cubes": Surfacing(
        "voxels", voxel_surface, {"blur": (0.0,), "level": (0.5, 0.7, 0.9, 0.95, 0.99)}
    ),
    "smoothed": Surfacing(
        "voxels",
        voxel_surface,
        {"blur": BLURS, "level": (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)},
    ),
    # As it is usually done: halfway between empty and full.
    "marching_cubes_halfway": Surfacing("voxels", voxel_surface, {"blur": (0.0,), "level": (0.5,)}),
    "smoothed_halfway": Surfacing("voxels", voxel_surface, {"blur": BLURS, "level": (0.5,)}),
}


def missing_for(name: str) -> str:
    """What has to be there before a method can be used, as a sentence; empty where it is."""
    if name in ("poisson", "ball_pivoting") and importlib.util.find_spec("pymeshlab") is None:
        return (
            f"The baseline {name!r} needs pymeshlab: install the project with its extra "
            "'baselines'."
        )
    if name == "blender":
        from .blender import missing_interpreter

        return missing_interpreter()
    return ""


def chosen_parameters(name: str, count: int, conditions: Conditions) -> tuple[Parameters, str]:
    """A method's parameters for a cloud of this many points, and for what they were chosen.

    Those of the conditions that are most alike. Raises InputError where none were chosen.
    """
    entries = json.loads(PARAMETERS_FILE.read_text(encoding="utf-8")).get(name, [])
    if not entries:
        raise InputError(
            f"No parameters were chosen for the baseline {name!r}: run "
            "training.measure.baselines.tune."
        )

    def unlike(entry: Mapping[str, Any]) -> tuple[bool, bool, float]:
        return (
            (entry["outliers"] > 0) != (conditions.outliers > 0),
            (entry["missing"] > 0) != (conditions.missing > 0),
            abs(float(np.log(max(entry["count"], 1) / max(count, 1)))),
        )

    best = min(entries, key=unlike)
    return best["parameters"], best["chosen_on"]


def _pymeshlab() -> Any:
    import pymeshlab

    return pymeshlab


def _with_normals(points: Points, neighbours: int = NEIGHBOURS) -> Any:
    """A set of meshes whose current one is the cloud with normals that look outwards."""
    library = _pymeshlab()
    meshes = library.MeshSet()
    meshes.add_mesh(library.Mesh(vertex_matrix=np.asarray(points, dtype=np.float64)))
    meshes.compute_normal_for_point_clouds(k=min(neighbours, len(points) - 1))
    cloud = meshes.current_mesh()
    normals = cloud.vertex_normal_matrix()
    # They agree with each other; which side is out, most of them tell.
    outwards = ((points - points.mean(axis=0)) * normals).sum()
    if outwards < 0:
        meshes = library.MeshSet()
        meshes.add_mesh(
            library.Mesh(
                vertex_matrix=np.asarray(points, dtype=np.float64), v_normals_matrix=-normals
            )
        )
    return meshes


def _current(meshes: Any) -> Mesh:
    made = meshes.current_mesh()
    return _compact(made.vertex_matrix(), made.face_matrix())


def _compact(vertices: Points, faces: NDArray[np.integer]) -> Mesh:
    """A mesh without the vertices that no face uses."""
    used, renumbered = np.unique(faces, return_inverse=True)
    return Mesh(vertices[used], renumbered.reshape(-1, 3).astype(np.int32))
