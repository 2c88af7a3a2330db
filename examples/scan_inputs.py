"""Prepares the scans of the gallery in docs/scans.md: `python scan_inputs.py CGAL_DATA INPUTS`.

CGAL_DATA is the folder `data` of `usr/share/doc/libcgal-dev/data.tar.gz` in Debian's package
`libcgal-demo`. The files in INPUTS are named in the order of the gallery.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import trimesh

# What is shown, as it is: real scans.
SCANS = {"1_building": "points_3/building.ply", "2_ball": "points_3/ball.ply"}
# A mesh made of range scans, of which points are drawn.
MESH, COUNT, NOISE = "meshes/armadillo.off", 100_000, 0.002


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("inputs", type=Path)
    given = parser.parse_args()
    given.inputs.mkdir(parents=True, exist_ok=True)
    for name, file in SCANS.items():
        shutil.copyfile(given.data / file, given.inputs / f"{name}.ply")
    mesh = trimesh.load_mesh(given.data / MESH)
    # Its height is along y and its face towards -z; in Blender they are along z and towards -y.
    mesh.apply_transform(trimesh.transformations.euler_matrix(np.pi / 2, 0, np.pi))
    for name, noise in (("3_armadillo", 0.0), ("4_armadillo_noisy", NOISE)):
        points, _ = trimesh.sample.sample_surface(mesh, COUNT, seed=0)
        random = np.random.default_rng(0).standard_normal((COUNT, 3))
        moved = np.asarray(points) + noise * float(mesh.extents.max()) * random
        trimesh.PointCloud(moved).export(given.inputs / f"{name}.ply")


if __name__ == "__main__":
    main()
