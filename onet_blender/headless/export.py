"""Blender's scene -> a mesh file, whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import bpy

from onet_core.errors import OnetError
from onet_core.results import Origin, ResultFolder

# Of OBJ, with normals and colours, each vertex with its two triangles: 98 without colours.
BYTES_OF_A_VERTEX, BYTES_OF_A_VERTEX_IN_A_KEY, BYTES_OF_A_FILE = 150, 24, 2**18


def export_blend(path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=True)


# glTF and OBJ are y-up by convention, and Blender's exporters turn the scene accordingly.
EXPORTERS: dict[str, Callable[[Path], object]] = {
    "glb": lambda path: bpy.ops.export_scene.gltf(filepath=str(path), export_format="GLB"),
    "obj": lambda path: bpy.ops.wm.obj_export(
        filepath=str(path), export_materials=False, export_colors=True
    ),
    "ply": lambda path: bpy.ops.wm.ply_export(filepath=str(path)),
    "stl": lambda path: bpy.ops.wm.stl_export(filepath=str(path)),
    "blend": export_blend,
}


def export(
    target: Path,
    form: str,
    results: ResultFolder | None = None,
    origin: Origin | None = None,
    write: Callable[[Path], object] | None = None,
) -> None:
    """Writes the scene to a file of one of `EXPORTERS`. Raises OnetError where Blender can't.

    results, origin: where the result is recorded and as whose, if it is. write: writes the file
    instead of Blender.
    """
    meshes = [item.data for item in bpy.context.scene.objects if item.type == "MESH"]
    folder = results or ResultFolder(target.parent)
    scratch = None
    try:
        scratch = folder.scratch()
        # On a full disk some of Blender's exporters leave an empty file and say nothing.
        if shutil.disk_usage(scratch).free < sum(map(most_bytes, meshes)):
            raise OSError(errno.ENOSPC, "there is not enough space on the disk")
        # Blender's own paths end after 1,023 bytes, and names may be as long as the system allows.
        written = scratch / f"mesh.{form}"
        (write or EXPORTERS[form])(written)
        if origin is None:
            os.replace(written, target)
        else:
            folder.put(written, target, origin)
    except (RuntimeError, OSError, ValueError) as error:
        raise OnetError(
            "{target} can't be written: {reason}.", target=target, reason=reason_of(error)
        ) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def most_bytes(mesh: bpy.types.Mesh) -> int:
    """How large a file of this mesh can be, in the most wordy format."""
    keys = len(mesh.shape_keys.key_blocks) if mesh.shape_keys is not None else 0
    each = BYTES_OF_A_VERTEX + BYTES_OF_A_VERTEX_IN_A_KEY * keys
    return BYTES_OF_A_FILE + each * len(mesh.vertices)


def reason_of(error: Exception) -> str:
    """What went wrong, of an error or of the traceback that one of Blender's exporters ends in."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    lines = [line for line in str(error).splitlines() if line and line[0] not in " \t"]
    said = [line for line in lines if not line.startswith(("Location:", "Error: Python:"))]
    return said[-1].removeprefix("Error: ").rstrip(".") if said else "no reason given"
