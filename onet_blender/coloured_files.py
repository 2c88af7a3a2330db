"""Files with colours, for work without a window: Blender's importers read them for the worker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from onet_core.engine.protocol import Arrays
from onet_core.errors import InputError

from . import scene_io

# How each format is imported as it is in the file, and what is up in it by habit.
IMPORTERS = {
    ".ply": ("ply_import", {}, "z"),
    ".obj": ("obj_import", {"use_split_objects": False}, "y"),
}
LONGEST_PLY_HEADER = 2**16
NUMBERS_WITH_COLOURS = 6


def has_colours(path: Path) -> bool:
    """Whether a file has colours that Blender reads, by its first lines."""
    suffix = path.suffix.lower()
    if suffix not in IMPORTERS or not path.is_file():
        return False
    with path.open("rb") as file:
        if suffix == ".ply":
            header = file.read(LONGEST_PLY_HEADER).partition(b"end_header")[0]
            return re.search(rb"property\s+\w+\s+red\b", header) is not None
        first = next((line for line in file if line.startswith((b"v ", b"v\t"))), b"")
        return len(first.split()) > NUMBERS_WITH_COLOURS


def with_colours(params: Mapping[str, Any]) -> tuple[dict[str, Any], Arrays]:
    """A request about a coloured file, `path`, as one about arrays with colours.

    params: of `reconstruct`. Raises InputError where Blender can't import the file.
    """
    path = Path(params["path"])
    importer, options, vertical = IMPORTERS[path.suffix.lower()]
    before = set(bpy.data.objects)
    try:
        getattr(bpy.ops.wm, importer)(filepath=str(path), forward_axis="Y", up_axis="Z", **options)
    except RuntimeError as error:
        raise InputError(f"{path.name} can't be imported: {str(error).strip()}") from error
    new = [item for item in bpy.data.objects if item not in before and item.type == "MESH"]
    if not new:
        raise InputError(f"{path.name} holds no mesh and no points.")
    (item,) = new
    depsgraph = bpy.context.evaluated_depsgraph_get()
    asked = {**params, "name": path.name}
    del asked["path"]
    if asked.get("up_axis") in (None, "auto"):
        asked["up_axis"] = vertical
    if asked.get("kind") in (None, "auto"):
        asked["kind"] = "voxels" if len(item.data.polygons) else "points"
    arrays: Arrays
    if asked["kind"] == "points":
        cloud = scene_io.world_cloud(item, depsgraph)
        arrays, colours = {"points": cloud.points}, cloud.colours
    else:
        surface = scene_io.world_surface(item, depsgraph)
        arrays = {"vertices": surface.vertices, "faces": surface.triangles}
        colours = surface.colours
    if colours is not None:
        arrays["colours"] = np.ascontiguousarray(colours)
    mesh = item.data
    bpy.data.objects.remove(item)
    bpy.data.meshes.remove(mesh)
    return asked, arrays
