"""The operators as plain functions, for scripts: they take and return datablocks, and wait.

In the installed extension: `from bl_ext.user_default.onet import functions as onet`.

>>> import bpy
>>> from onet_blender import functions as onet
>>> _ = bpy.ops.mesh.primitive_monkey_add()

A mesh from the vertices of an object. It is a new object that lies over its source; what is not
given is as the panel is set.

>>> made = onet.reconstruct(bpy.context.object, kind="POINTS", resolution=32, faces=500)
>>> made.name
'Suzanne (ONet)'
>>> abs(len(made.data.polygons) - 500) <= 5  # within 1 %
True

The same object with other settings:

>>> onet.reconstruct_again(made, resolution=24).name
'Suzanne (ONet)'

Invented shapes, and an object whose slider goes from one to the other. Here its mesh is there at
once; in a window it follows as soon as it can:

>>> pair = onet.generate(seed=3, count=2, resolution=32)
>>> between = onet.morph(pair, resolution=32)
>>> between.onet.morph.value = 0.5
>>> onet.update_morph(between).onet.morph.stops[0].name == pair[0].name
True

Ordinary meshes, which play without the extension:

>>> (baked,) = onet.bake_morph(between, form="SHAPE_KEYS", steps=3)
>>> len(baked.data.shape_keys.key_blocks)
3

What is wrong is an exception with one sentence:

>>> onet.reconstruct(bpy.data.objects.new("Nothing", None), kind="POINTS")
Traceback (most recent call last):
onet_core.errors.OnetError: Nothing is switched off or not in this scene: switch it on first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from onet_core.errors import OnetError

from . import activity
from .properties.mesh_settings import for_blender
from .properties.stored import choose_kind


def reconstruct(
    source: bpy.types.Object | bpy.types.Image | None = None, **options: Any
) -> bpy.types.Object:
    """A mesh from an object or a picture; returns the new object, selected and active.

    source: None for what the panel says. options: kind (POINTS or VOXELS; a picture has its own),
    model, mask (the name of an image) and settings, see docs/settings.md; None is automatic.
    """
    if isinstance(source, bpy.types.Image):
        options |= {"kind": "IMAGE", "picture": source.name}
    elif source is not None:
        options["source"] = source.name
    _call("reconstruct", options)
    return bpy.context.view_layer.objects.active


def reconstruct_again(item: bpy.types.Object, **options: Any) -> bpy.types.Object:
    """Gives a reconstructed object a new mesh from its source; options: as of `reconstruct`."""
    _activate(item)
    _call("reconstruct_again", {"target": item.name, **options})
    return item


def generate(**options: Any) -> list[bpy.types.Object]:
    """Invents shapes; returns their objects, in the order of their seeds.

    options: seed, count, spacing, model and settings, see docs/settings.md; None is automatic.
    """
    before = set(bpy.data.objects)
    _call("generate", options)
    return [item for item in bpy.context.view_layer.objects if item not in before]


def morph(items: Sequence[bpy.types.Object], **options: Any) -> bpy.types.Object:
    """An object whose slider, `item.onet.morph.value`, goes through the shapes of these objects.

    options: resolution.
    """
    for other in bpy.context.view_layer.objects:
        other.select_set(other in items)
    _call("morph", options)
    return bpy.context.view_layer.objects.active


def update_morph(item: bpy.types.Object) -> bpy.types.Object:
    """Brings the mesh of a morph up to date with its slider and settings."""
    _activate(item)
    _call("update_morph", {})
    return item


def bake_morph(item: bpy.types.Object, **options: Any) -> list[bpy.types.Object]:
    """Makes ordinary meshes of a morph, which is hidden; returns the new objects.

    options: form (SHAPE_KEYS or MESHES) and steps.
    """
    before = set(bpy.data.objects)
    _activate(item)
    _call("bake_morph", options)
    return [made for made in bpy.data.objects if made not in before]


def follow_movement(item: bpy.types.Object | None = None, **options: Any) -> bpy.types.Object:
    """Makes one mesh that moves, with a shape key for each frame; returns the new object.

    item: what moves; None for the selected objects, of which several are one for each frame.
    options: start_frame, end_frame and step.
    """
    if item is not None:
        options["source"] = item.name
    _call("follow_movement", options)
    return bpy.context.view_layer.objects.active


def look(picture: bpy.types.Image, mask: bpy.types.Image | None = None) -> str:
    """Chooses a picture in the panel; returns how its background was found."""
    choices = bpy.context.scene.onet
    choose_kind(choices, "IMAGE")
    choices.picture, choices.mask = picture, mask
    _call("look", {})
    return str(activity.message("onet.look"))


def open_file(path: str | Path) -> bpy.types.Object:
    """A mesh from a picture, scan or mesh on disk, as the panel is set."""
    _call("open_file", {"filepath": str(path), "reconstruct": True})
    return bpy.context.view_layer.objects.active


def import_model(path: str | Path) -> str:
    """Converts a checkpoint of the original code into the model folder; returns what was done."""
    _call("import_model", {"filepath": str(path)})
    return str(activity.message("onet.import_model"))


def check_runtime() -> str:
    """Says what the networks run on, and how fast."""
    _call("check_runtime", {})
    return str(activity.message("onet.check_runtime"))


def _activate(item: bpy.types.Object) -> None:
    bpy.context.view_layer.objects.active = item


def _call(name: str, options: dict[str, Any]) -> None:
    """Runs an operator to its end; raises OnetError with what it reports."""
    try:
        getattr(bpy.ops.onet, name)(**for_blender(options))
    except RuntimeError as error:
        # Blender puts the kind of report before the sentence.
        raise OnetError(str(error).strip().removeprefix("Error: ")) from error
