"""Morph objects out of generated or reconstructed ones."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import bpy
from mathutils import Matrix, Vector

from onet_core.errors import InputError

from ..properties.generate import SPACING
from ..scene import scene_io
from ..scene.meshes import MeshArrays, mesh_in_pieces
from ..scene.pieces import Pieces
from .steps import MORPH, Step

DEFAULT_PREVIEW = 64


def first_step(items: Sequence[bpy.types.Object], resolution: int, threshold: float) -> Step:
    """The first step of a morph through these objects.

    Raises InputError for fewer than two, objects without a code, and different models.
    """
    strangers = [item.name for item in items if not item.onet.code]
    if strangers:
        names = ", ".join(strangers)
        if len(strangers) > 1:
            raise InputError(
                "{names} were not made by a model with a latent space: select generated objects.",
                names=names,
            )
        raise InputError(
            "{names} was not made by a model with a latent space: select generated objects.",
            names=names,
        )
    if len(items) < 2:
        raise InputError("A morph needs two shapes or more: select further generated objects.")
    models = {(item.onet.model, item.onet.kind == "NONE") for item in items}
    if len(models) > 1:
        names = " and ".join(sorted({item.onet.model for item in items}))
        raise InputError(
            "The objects come from different models ({names}): select those of one.", names=names
        )
    # Which model that was is known, also where it was chosen because it suited.
    model = items[0].onet.chosen_model or items[0].onet.model
    codes = tuple(item.onet.code for item in items)
    return Step(model, codes, 0.0, resolution, threshold)


def place_in_pieces(
    context: bpy.types.Context,
    scene: bpy.types.Scene,
    names: Sequence[str],
    step: Step,
    shape: Future[MeshArrays],
    model: str,
    smooth: bool,
) -> Pieces[bpy.types.Object]:
    """A morph object in front of the objects of these names, selected and active.

    model: its name for the user.
    """
    mesh = yield from mesh_in_pieces("ONet Morph", shape.result, smooth)
    view_layer = context.view_layer if context.scene == scene else scene.view_layers[0]
    places = [
        bpy.data.objects[name].matrix_world.translation
        for name in names
        if name in bpy.data.objects
    ] or [scene.cursor.location]
    middle = sum(places, Vector()) / len(places)
    front = Vector((middle.x, min(place.y for place in places) - SPACING, middle.z))
    made = scene_io.add_object("ONet Morph", mesh, Matrix.Translation(front), scene, view_layer)
    kept = made.onet
    kept.kind, kept.model, kept.chosen_model = MORPH, model, step.model
    kept.source = ", ".join(names)
    kept.resolution, kept.threshold, kept.shade_smooth = step.resolution, step.threshold, smooth
    kept.morph.preview = min(DEFAULT_PREVIEW, step.resolution)
    for name, code in zip(names, step.codes, strict=True):
        stop = kept.morph.stops.add()
        stop.name, stop.code = name, code
    kept.morph.shown = step.digest
    return made
