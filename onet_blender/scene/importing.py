"""Scans, meshes and voxel models from files, as objects of the scene.

The worker reads every format in double precision. Without a runtime Blender's own importers read
the few that they know.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from onet_core.engine.client import Answer
from onet_core.errors import InputError
from onet_core.sentences import NOTHING, Sentence

from . import framing, free_place, guesses, presenting, scene_io
from .meshes import NORMALS, SIGHTS, MeshArrays, mesh_in_pieces
from .pieces import Pieces

IMPORTERS = {".ply": "ply_import", ".obj": "obj_import", ".stl": "stl_import"}
AUTO = "AUTO"
# What Blender's importers call a file's axes.
UP_AXES: dict[str, dict[str, str]] = {
    AUTO: {},
    "Y": {"forward_axis": "NEGATIVE_Z", "up_axis": "Y"},
    "Z": {"forward_axis": "Y", "up_axis": "Z"},
}
# Units other than Blender's own, in words.
TAKEN_FOR = {"CENTIMETRES": Sentence("centimetres"), "MILLIMETRES": Sentence("millimetres")}


def place_in_pieces(
    context: bpy.types.Context, path: Path, answer: Answer, units: str = AUTO
) -> Pieces[tuple[bpy.types.Object, Sentence]]:
    """The object of what the worker's `open_file` read, and what was guessed about its size.

    It is the only one selected, stands where the file says unless it would be hidden there, and
    has its origin in its middle.
    """
    arrays, name = answer.arrays, path.stem
    metres, message = _scale(name, arrays["vertices"], units)
    mesh = yield from mesh_in_pieces(
        name,
        lambda: MeshArrays.of(
            arrays["vertices"] * np.float32(metres), arrays["faces"], arrays.get("colours")
        ),
        smooth=False,
    )
    place = Matrix.Translation(Vector(np.asarray(answer.values["centre"]) * metres))
    made = scene_io.add_object(name, mesh, place, context.scene, context.view_layer)
    for vectors, attribute, unit in (("normals", NORMALS, 1), ("sights", SIGHTS, metres)):
        if vectors in arrays:
            kept = mesh.attributes.new(attribute, "FLOAT_VECTOR", "POINT")
            kept.data.foreach_set("vector", (arrays[vectors] * np.float32(unit)).ravel())
    presenting.show_colours(mesh)
    return made, _seen(made, message)


def by_blender(
    path: Path, units: str = AUTO, up_axis: str = AUTO
) -> tuple[bpy.types.Object, Sentence]:
    """The largest object of a file that Blender's own importers read; else as `place_in_pieces`.

    Raises InputError for formats that Blender does not read, and for damaged files.
    """
    importer = IMPORTERS.get(path.suffix.lower())
    if importer is None:
        raise InputError(
            "{name} can only be read by the runtime: press Set Up in the tab ONet first.",
            name=path.name,
        )
    before = set(bpy.data.objects)
    try:
        getattr(bpy.ops.wm, importer)(filepath=str(path), **UP_AXES[up_axis])
    except RuntimeError as error:
        raise InputError(
            "{name} can't be imported: {error}", name=path.name, error=str(error).strip()
        ) from error
    new = [item for item in bpy.data.objects if item not in before and item.type == "MESH"]
    if not new:
        raise InputError("{name} holds no mesh and no points.", name=path.name)
    item = max(new, key=lambda one: len(one.data.vertices))
    for other in bpy.context.view_layer.objects:
        other.select_set(other == item)
    bpy.context.view_layer.objects.active = item
    return item, _seen(item, _settled(item, units))


def _seen(item: bpy.types.Object, message: Sentence) -> Sentence:
    """Brings a new object into view, out of what would hide it, and adds that to a message."""
    layer = bpy.context.view_layer
    layer.update()
    other = free_place.what_hides(item, layer)
    if other is not None:
        item.location += free_place.beside(layer, *free_place.box_of(item))
        layer.update()
        moved = Sentence(
            "{name} stands beside {other}, which would have hidden it",
            name=item.name,
            other=other.name,
        )
        message = Sentence("{first}. {second}", first=moved, second=message) if message else moved
    framing.bring_into_view(item, always=True)
    return message


def _settled(item: bpy.types.Object, units: str) -> Sentence:
    """Applies an object's transform, scales it to metres and puts its origin in its middle."""
    item.data.transform(item.matrix_world)
    item.matrix_world.identity()
    places = scene_io.column(item.data.vertices, "co", 3, np.float32)
    metres, message = _scale(item.name, places, units)
    middle = Vector(((places.min(axis=0) + places.max(axis=0)) / 2).tolist())
    item.data.transform(Matrix.Diagonal((metres,) * 3).to_4x4() @ Matrix.Translation(-middle))
    item.location = middle * metres
    bpy.context.view_layer.update()
    return message


def _scale(name: str, places: NDArray[np.floating], units: str) -> tuple[float, Sentence]:
    """How large one unit of coordinates (V, 3) is in the scene, and a sentence on what was guessed.

    A scene in centimetres or feet may have other units than metres.
    """
    measured = bpy.context.scene.unit_settings
    metre = 1.0 if measured.system == "NONE" else 1 / measured.scale_length
    if units != AUTO:
        return metre * {unit: scale for unit, scale, _ in guesses.UNITS}[units], NOTHING
    longest = float(np.ptp(places, axis=0).max())
    unit, metres = guesses.unit_of(longest)
    if metres == 1:
        return metre, NOTHING
    return metre * metres, Sentence(
        "{name} is {longest:.3g} long: taken for {unit}. If that is wrong, choose the unit when "
        "you import it.",
        name=name,
        longest=longest,
        unit=TAKEN_FOR[unit],
    )
