"""The buttons that make a mesh from a picture or an object, and that make it again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import bpy

from onet_core.engine.client import Answer, Task
from onet_core.errors import InputError, OnetError
from onet_core.kinds import INPUT_IDENTIFIERS
from onet_core.sentences import Sentence
from onet_core.settings import QUALITIES, TABLE

from ..languages.translate import translated
from ..properties.former import take_over
from ..properties.mesh_settings import OF_INPUTS, SETTINGS, draw_setting, settings_of, with_settings
from ..properties.model_list import AUTOMATIC, model_items
from ..properties.stored import INPUT_KINDS
from ..properties.stored_models import stored_model
from ..registration import register_classes, unregister_classes
from ..runtime import estimate
from ..runtime.several import Several
from ..scene import framing, presenting, reconstruction, sources
from ..scene.known import scene_of
from ..scene.pieces import Pieces
from ..scene.preparation import Preparation
from ..scene.reconstruction import Request, assert_replaceable
from .shared import MeshOperator, is_object_mode, is_own_scene
from .soon import OWNER, start_soon


@with_settings(OF_INPUTS, switches=True)
class ReconstructOperator(MeshOperator):
    """What making a mesh and making it again share."""

    target: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Update",
        description="Name of the object that gets the mesh; empty for a new one",
        options={"SKIP_SAVE", "HIDDEN"},
    )
    model: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Model",
        description="Name of a model or a weights file; empty for the one that suits",
        options={"SKIP_SAVE"},
    )

    # The operator that carries out later what this one, adjusted, asks for.
    follow_up = ""

    # Blender's, of every operator.
    options: Any
    poll_message_set: Callable[[str], None]
    layout: bpy.types.UILayout
    as_keywords: Callable[[], dict[str, Any]]

    @classmethod
    def owner(cls) -> str:
        return OWNER

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_object_mode(cls, context)

    def replaced(self, context: bpy.types.Context) -> bpy.types.Object | None:
        return bpy.data.objects.get(self.target)

    def execute(self, context: bpy.types.Context) -> set[str]:
        # Adjust Last Operation takes the last step back and waits for this one: rather than that
        # the window freezes, the step stays, and its object is updated beside the interface.
        repeated = self.options.is_repeat or self.options.is_repeat_last
        if repeated and self.target and context.window is not None and not bpy.app.background:
            start_soon(self.follow_up, plain_values(self))
            return {"CANCELLED"}
        return super().execute(context)

    def finish_in_pieces(self, context: bpy.types.Context, answer: Answer) -> Pieces[Sentence]:
        made = yield from self._place(context, self._preparation.prepared, answer)
        self.target = self.about = made.name
        framing.bring_into_view(made)
        return reconstruction.summary(made, answer)

    def _place(
        self, context: bpy.types.Context, request: Request, answer: Answer
    ) -> Pieces[bpy.types.Object]:
        """The object of an answer, in its colours and not inside its source."""
        made = yield from reconstruction.place_in_pieces(context, request, answer)
        cells = request.choices.get("resolution")
        if cells and not self.is_refined(request):
            estimate.note(request.kind, cells, reconstruction.seconds_of(answer))
        source = reconstruction.source_now(request)
        if source is not None and request.choices.get("hide_source", True) and not request.replaces:
            scene = scene_of(request.scene, request.known)
            layer = context.view_layer if context.scene == scene else scene.view_layers[0]
            presenting.hide(source, layer)
            for earlier in sources.twins_of(made, layer):
                presenting.hide(earlier, layer)
        presenting.show_colours(made.data)
        return made

    def is_refined(self, request: Request) -> bool:
        """Whether the time that a request took says little about others."""
        return bool(request.params["settings"].get("refinement_steps"))

    def choices(self, context: bpy.types.Context) -> dict[str, Any]:
        """The settings, of which those that were not given are the panel's."""
        self.fill({name: getattr(context.scene.onet, name) for name in OF_INPUTS})
        return {name: getattr(self, name) for name in OF_INPUTS}

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        for name in settings_of(self.kind_of_input()):
            draw_setting(self.layout, self, name)

    def kind_of_input(self) -> str:
        """IMAGE, POINTS or VOXELS."""
        raise AssertionError("each operator has its own")


def plain_values(operator: ReconstructOperator) -> dict[str, Any]:
    """An operator's properties but the check boxes beside values, which are made of them."""
    given = operator.as_keywords()
    return {name: given[name] for name in given if not name.startswith("use_")}


class Reconstruct(ReconstructOperator):
    """Makes a mesh from the picture or object that is chosen."""

    follow_up = "onet.reconstruct_update"

    kind: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="From", items=INPUT_KINDS, default="POINTS", options={"SKIP_SAVE"}
    )
    source: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Object",
        description="Name of the object; empty for the active one",
        options={"SKIP_SAVE"},
    )
    picture: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Picture", description="Name of the image in this file", options={"SKIP_SAVE"}
    )
    mask: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Mask",
        description="Name of the image in this file that is white where the object is",
        options={"SKIP_SAVE"},
    )

    _is_invoked = False

    def kind_of_input(self) -> str:
        return str(self.kind)

    def draw(self, context: bpy.types.Context) -> None:
        # What was made of several objects is not adjusted: one changes the panel.
        if self.target:
            super().draw(context)

    def start(self, context: bpy.types.Context) -> Task:
        """One task for each object that is chosen."""
        self._tasks: dict[str, Preparation[Request]] = {}
        self.fill({"kind": context.scene.onet.input_kind})
        self._names: list[str] = []
        if self.kind != "IMAGE" and not self.source and not self.target:
            found = sources.chosen_objects(context, self.kind)
            self._names = [item.name for item in found]
        self._full = {}
        if len(self._names) < 2:
            if self._begins_with_a_draft(context):
                self._full = {name: getattr(self, name) for name in QUALITIES["draft"]}
                for name, value in QUALITIES["draft"].items():
                    setattr(self, name, TABLE[name].packed(value))
            return super().start(context)
        self._several = Several([partial(self._start_one, name) for name in self._names])
        return self._several

    def _begins_with_a_draft(self, context: bpy.types.Context) -> bool:
        """Whether a coarse mesh is made first, and replaced by the full one beside the interface.

        Not for scripts: they wait for what they asked for.
        """
        panel = context.scene.onet
        if self.target or not self._is_invoked or not panel.draft_first:
            return False
        return estimate.is_long(self.kind, self.choices(context)["resolution"])

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._is_invoked = context.window is not None and not bpy.app.background
        return super().invoke(context, event)

    def _conclude(self, message: Sentence) -> set[str]:
        if self._full:
            source = self._preparation.prepared.overlays
            wanted = {**plain_values(self), **self._full, "target": self.target, "source": source}
            start_soon(self.follow_up, wanted)
            for name, value in self._full.items():
                setattr(self, name, value)  # what Adjust Last Operation shows
            message = Sentence("{message}. This is a draft: the full mesh follows", message=message)
        return super()._conclude(message)

    def _start_one(self, name: str) -> Task:
        request = self.request(bpy.context, name)
        self._tasks[name] = Preparation(request, reconstruction.start)
        return self._tasks[name]

    def finish_in_pieces(self, context: bpy.types.Context, answer: Answer) -> Pieces[Sentence]:
        if not self._tasks:
            return (yield from super().finish_in_pieces(context, answer))
        made, seconds, failed = [], 0.0, []
        for name, found in zip(self._names, self._several.answers, strict=True):
            if isinstance(found, OnetError):
                failed.append(found.sentence)
                continue
            request = self._tasks[name].prepared
            made.append((yield from self._place(context, request, found)).name)
            seconds += reconstruction.seconds_of(found)
        items = [bpy.data.objects[name] for name in made]
        for item in items:
            item.select_set(True)
        framing.bring_into_view(*items)
        message = Sentence(
            "{count} meshes: {faces:,} faces in {seconds:.1f} s",
            count=len(items),
            faces=sum(len(item.data.polygons) for item in items),
            seconds=seconds,
        )
        if failed:
            message = Sentence(
                "{message}. {count} failed, the first: {reason}",
                message=message,
                count=len(failed),
                reason=failed[0],
            )
        return message

    def request(self, context: bpy.types.Context, source: str = "") -> Pieces[Request]:
        """source: name of one of several objects."""
        panel = context.scene.onet
        if self.kind == panel.input_kind:
            self.fill({"model": panel.model})
        # Another picture has another mask.
        if panel.mask is not None and not self.properties.is_property_set("picture"):
            self.fill({"mask": panel.mask.name})
        if panel.picture is not None:
            self.fill({"picture": panel.picture.name})
        choices = self.choices(context)
        params = reconstruction.options(self.model, choices)
        if self.target:
            target = bpy.data.objects.get(self.target)
            if target is not None:
                assert_replaceable(target)
        if self.kind == "IMAGE":
            image = bpy.data.images.get(self.picture)
            if image is None:
                raise InputError("No picture is chosen: open one in the panel first.")
            mask = bpy.data.images.get(self.mask)
            if self.mask and mask is None:
                raise InputError("There is no image {name}: choose the mask again.", name=self.mask)
            return reconstruction.prepare_picture(
                image, context.scene, params, choices, self.target, mask
            )
        if source or self.source:
            item = bpy.data.objects.get(source or self.source)
            if item is None and self.target:
                raise InputError(
                    "{source}, which {name} was made from, is gone.",
                    source=self.source,
                    name=self.target,
                )
        else:
            item = next(iter(sources.chosen_objects(context, self.kind)), None)
        if item is None:
            raise InputError("No object is chosen: select one, or name it in the panel.")
        depsgraph = context.evaluated_depsgraph_get()
        return reconstruction.prepare_object(
            item, self.kind, depsgraph, params, choices, self.target
        )


class ReconstructAgain(ReconstructOperator):
    """Makes the mesh of an object again from what it was made from."""

    follow_up = "onet.reconstruct_again_update"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not is_object_mode(cls, context):
            return False
        item = context.active_object
        if item is None:
            cls.poll_message_set("Select an object that was reconstructed")
            return False
        try:
            assert_replaceable(item)
        except OnetError as error:
            cls.poll_message_set(translated(error.sentence))
            return False
        return True

    def kind_of_input(self) -> str:
        item = bpy.data.objects.get(self.target)
        return item.onet.kind if item is not None else ""

    def replaced(self, context: bpy.types.Context) -> bpy.types.Object | None:
        return bpy.data.objects.get(self.target) if self.target else context.active_object

    def request(self, context: bpy.types.Context) -> Pieces[Request]:
        item = self.replaced(context)
        if item is None:
            raise InputError("There is no object {name}.", name=self.target)
        panel, kept = context.scene.onet, item.onet
        # Left to choose, the model stays.
        chosen = panel.input_kind == kept.kind and panel.model != AUTOMATIC
        self.fill({"model": panel.model if chosen else stored_model(kept.chosen_model)})
        choices = self.choices(context)
        params = reconstruction.options(self.model, choices)
        return reconstruction.prepare_again(
            item, context.evaluated_depsgraph_get(), params, choices
        )


class ONET_OT_reconstruct(Reconstruct, bpy.types.Operator):
    """Make a mesh from the picture or object that is chosen"""

    bl_idname = "onet.reconstruct"
    bl_label = "Reconstruct"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  # Blender reads a plain set


class ONET_OT_reconstruct_again(ReconstructAgain, bpy.types.Operator):
    """Make the mesh of the active object again from its source, with the panel's settings"""

    bl_idname = "onet.reconstruct_again"
    bl_label = "Reconstruct Again"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012


# What is adjusted in a popup stays the last operation only if what carries it out is none: Blender
# registers the popup's operation once more where it is not the last, and crashes.


class ONET_OT_reconstruct_update(Reconstruct, bpy.types.Operator):
    """Update a reconstructed mesh to the adjusted settings"""

    bl_idname = Reconstruct.follow_up
    bl_label = "Reconstruct"
    bl_options = {"UNDO", "INTERNAL"}  # noqa: RUF012


class ONET_OT_reconstruct_again_update(ReconstructAgain, bpy.types.Operator):
    """Update a reconstructed mesh to the adjusted settings"""

    bl_idname = ReconstructAgain.follow_up
    bl_label = "Reconstruct Again"
    bl_options = {"UNDO", "INTERNAL"}  # noqa: RUF012


class ONET_OT_take_settings(bpy.types.Operator):
    """Set the panel to the settings that the active object was made with"""

    bl_idname = "onet.take_settings"
    bl_label = "Take Its Settings"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not is_own_scene(cls, context):
            return False
        item = context.active_object
        if item is None or item.onet.kind not in INPUT_IDENTIFIERS:
            cls.poll_message_set("Select an object that was reconstructed")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        panel, kept = context.scene.onet, context.active_object.onet
        panel.input_kind = kept.kind
        take_over(kept)
        for name in SETTINGS:
            setattr(panel, name, getattr(kept, name))
        if kept.kind == "IMAGE":
            panel.picture, panel.mask = kept.picture, kept.mask
        else:
            panel.source = sources.source_of(context.active_object)
        known = [item[0] for item in model_items(kept.kind)]
        panel.model = kept.chosen_model if kept.chosen_model in known else AUTOMATIC
        return {"FINISHED"}


CLASSES = (
    ONET_OT_reconstruct,
    ONET_OT_reconstruct_again,
    ONET_OT_reconstruct_update,
    ONET_OT_reconstruct_again_update,
    ONET_OT_take_settings,
)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
