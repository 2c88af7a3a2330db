"""Makes a live result again, with the settings that it was made with."""

from __future__ import annotations

import bpy

from onet_core.engine.client import Answer
from onet_core.errors import Cancelled, InputError, OnetError
from onet_core.sentences import Sentence

from ..operators.shared import MeshOperator, is_object_mode
from ..properties.mesh_settings import OF_INPUTS
from ..properties.stored_models import stored_model
from ..registration import register_classes, unregister_classes
from ..scene import presenting, reconstruction
from ..scene.pieces import Pieces
from ..scene.reconstruction import Request
from . import watch


class ONET_OT_live_update(MeshOperator, bpy.types.Operator):
    """Make the mesh of an object again from its source, with its own settings"""

    # No step to undo: what was changed is the source, and taking that back changes this back too.
    bl_idname = watch.OPERATOR
    bl_label = "Live Update"
    bl_options = {"INTERNAL"}  # noqa: RUF012  # Blender reads a plain set

    target: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Update", description="Name of the object that gets the mesh"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_object_mode(cls, context)

    def replaced(self, context: bpy.types.Context) -> bpy.types.Object | None:
        return bpy.data.objects.get(self.target)

    def request(self, context: bpy.types.Context) -> Pieces[Request]:
        item = self.replaced(context)
        if item is None:
            raise InputError("There is no object {name}.", name=self.target)
        kept = item.onet
        choices = {name: getattr(kept, name) for name in OF_INPUTS if hasattr(kept, name)}
        params = reconstruction.options(stored_model(kept.chosen_model), choices)
        return reconstruction.prepare_again(
            item, context.evaluated_depsgraph_get(), params, choices
        )

    def finish_in_pieces(self, context: bpy.types.Context, answer: Answer) -> Pieces[Sentence]:
        request = self._preparation.prepared
        made = yield from reconstruction.place_in_pieces(context, request, answer)
        presenting.show_colours(made.data)
        self.about = made.name
        return reconstruction.summary(made, answer)

    def _refuse(self, error: OnetError) -> set[str]:
        # It was stopped because the source has changed once more.
        return {"CANCELLED"} if isinstance(error, Cancelled) else super()._refuse(error)


CLASSES = (ONET_OT_live_update,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
