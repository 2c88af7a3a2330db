"""Where a picture shows its object: a network that is fetched, a box, or a brush."""

from __future__ import annotations

from typing import Any

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader
from numpy.typing import NDArray

from onet_core.engine.client import Answer, Job
from onet_core.engine.protocol import Arrays
from onet_core.errors import InputError
from onet_core.matting import place
from onet_core.sentences import Sentence

from .. import activity
from ..pictures import images as pictures
from ..pictures import looking, masks
from ..properties.stored import choose_kind
from ..registration import register_classes, unregister_classes
from ..runtime import cut_out, engine_session
from ..runtime.chosen import runtime
from ..scene import reconstruction
from ..scene.pieces import Pieces
from ..scene.preparation import Preparation
from .shared import WorkerOperator, is_own_scene

# Smaller boxes, in pixels of the screen, are a click.
_CLICK = 6
_COLOUR = (1.0, 0.6, 0.1, 1.0)


class ONET_OT_fetch_cut_out(WorkerOperator, bpy.types.Operator):
    """Fetch the network that cuts objects out of photographs, once"""

    bl_idname = "onet.fetch_cut_out"
    bl_label = "Fetch Cut-Out (5 MB)"
    adds_object = False

    source: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Source",
        description="Another address or path of the file; empty for the usual one",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    def start(self, context: bpy.types.Context) -> Job:
        if "://" in (self.source or place.ADDRESS):
            cut_out.assert_allowed()
        asked = {"file": str(cut_out.network_file()), "source": self.source}
        return engine_session.client(runtime()).start("fetch_cut_out", asked)

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        activity.forget("onet.look")
        return Sentence("Photographs are cut out of their background from now on.")


class MaskOperator(WorkerOperator):
    """Makes a mask for the picture that the image editor shows."""

    bl_options = {"UNDO"}  # noqa: RUF012  # Blender reads a plain set
    adds_object = False
    _picture = ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if shown_in(context) is None:
            cls.poll_message_set("Open a picture first")  # type: ignore[attr-defined]
            return False
        return is_own_scene(cls, context)

    def look(
        self, context: bpy.types.Context, box: list[float] | None, mask: bpy.types.Image | None
    ) -> Preparation[Arrays]:
        """Asks what the network would see of the picture as Blender shows it."""
        image = shown_in(context)
        if image is None:
            raise InputError("No picture is chosen: open one in the panel first.")
        self._picture = image.name
        asked: dict[str, Any] = {
            **reconstruction.options(choices={"cut_out": context.scene.onet.cut_out}),
            "name": image.name,
        }
        if box is not None:
            asked["box"] = box

        def start(arrays: Arrays) -> Job:
            return engine_session.client(runtime()).start("look", asked, arrays)

        return Preparation(_pixels(image, mask), start)

    def picture(self) -> bpy.types.Image:
        """The picture that was asked about; raises InputError where it is gone."""
        image = bpy.data.images.get(self._picture)
        if image is None:
            raise InputError("The picture {name} has changed: try again.", name=self._picture)
        return image

    def use(self, context: bpy.types.Context, mask: bpy.types.Image, answer: Answer) -> None:
        """Has the panel be about the picture with its mask."""
        choices = context.scene.onet
        choose_kind(choices, "IMAGE")
        choices.picture, choices.mask = self.picture(), mask
        looking.stop()
        pictures.show_seen(answer.arrays["seen"])


class ONET_OT_mask_box(MaskOperator, bpy.types.Operator):
    """Draw a box around the object: what is around it is left out, and a plain background in it"""

    bl_idname = "onet.mask_box"
    bl_label = "Box around the Object"

    box: bpy.props.FloatVectorProperty(  # type: ignore[valid-type]
        name="Box",
        description="Left, top, right and bottom, as shares of the picture",
        size=4,
        default=(0, 0, 1, 1),
        options={"SKIP_SAVE"},
    )

    _begun: tuple[int, int] | None = None
    _now: tuple[int, int] = (0, 0)
    _handle: Any = None

    def start(self, context: bpy.types.Context) -> Preparation[Arrays]:
        return self.look(context, list(self.box), None)

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        mask = masks.mask_image(self.picture(), answer.arrays["mask"])
        self.use(context, mask, answer)
        return Sentence("What is in the box is the object: {name} is its mask.", name=mask.name)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if (
            self.properties.is_property_set("box")
            or bpy.app.background
            or context.window is None
            or context.area is None
            or context.area.type != "IMAGE_EDITOR"
        ):
            return super().invoke(context, event)
        self._region = next(one for one in context.area.regions if one.type == "WINDOW")
        self._area = context.area
        self._handle = bpy.types.SpaceImageEditor.draw_handler_add(
            self._draw_box, (), "WINDOW", "POST_PIXEL"
        )
        context.window.cursor_modal_set("CROSSHAIR")
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self._handle is None:
            return super().modal(context, event)
        self._now = (event.mouse_x - self._region.x, event.mouse_y - self._region.y)
        self._area.tag_redraw()
        if event.type in ("ESC", "RIGHTMOUSE"):
            self._end_drawing(context)
            return {"CANCELLED"}
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._begun = self._now
        elif event.type == "LEFTMOUSE" and self._begun is not None:
            self._end_drawing(context)
            if max(abs(a - b) for a, b in zip(self._begun, self._now, strict=True)) < _CLICK:
                return {"CANCELLED"}
            view = self._region.view2d
            (left, top), (right, bottom) = (
                view.region_to_view(*corner) for corner in (self._begun, self._now)
            )
            self.box = (left, 1 - top, right, 1 - bottom)
            # Blender calls `modal` already: one handler is enough.
            return self.begin(context)
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        if self._handle is None:
            super().cancel(context)
        else:
            self._end_drawing(context)

    def _end_drawing(self, context: bpy.types.Context) -> None:
        bpy.types.SpaceImageEditor.draw_handler_remove(self._handle, "WINDOW")
        self._handle = None
        context.window.cursor_modal_restore()

    def _draw_box(self) -> None:
        if self._begun is None:
            return
        (left, bottom), (right, top) = self._begun, self._now
        corners = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        shader.uniform_float("color", _COLOUR)
        batch_for_shader(shader, "LINE_STRIP", {"pos": corners}).draw(shader)


class ONET_OT_mask_paint(MaskOperator, bpy.types.Operator):
    """Copy the picture and erase its background with a brush; it begins with what is found"""

    bl_idname = "onet.mask_paint"
    bl_label = "Paint the Background Away"

    def start(self, context: bpy.types.Context) -> Preparation[Arrays]:
        choices, image = context.scene.onet, shown_in(context)
        mask = choices.mask if choices.picture == image else None
        return self.look(context, None, mask)

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        picture = self.picture()
        pixels = self._preparation_pixels()
        made = masks.cut_out_image(picture, pixels, answer.arrays.get("mask"))
        self.use(context, made, answer)
        space = context.space_data
        if space is not None and space.type == "IMAGE_EDITOR":
            space.image = made
            space.mode = "PAINT"
            set_brush(context, "ERASE_ALPHA")
        return Sentence("Erase what is not the object: {name} is the mask.", name=made.name)

    def look(
        self, context: bpy.types.Context, box: list[float] | None, mask: bpy.types.Image | None
    ) -> Preparation[Arrays]:
        self._looked = super().look(context, box, mask)
        return self._looked

    def _preparation_pixels(self) -> NDArray[np.uint8]:
        return self._looked.prepared["pixels"]


class ONET_OT_mask_brush(bpy.types.Operator):
    """Paint with transparency: erase the background, or bring the object back"""

    bl_idname = "onet.mask_brush"
    bl_label = "Brush for Masks"

    blend: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Paint",
        items=(
            ("ERASE_ALPHA", "Erase", "Paint the background away"),
            ("ADD_ALPHA", "Bring Back", "Paint the object back"),
        ),
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not set_brush(context, self.blend):
            self.report({"WARNING"}, "Choose a brush first")
            return {"CANCELLED"}
        return {"FINISHED"}


def set_brush(context: bpy.types.Context, blend: str) -> bool:
    """Has the brush for images change transparency; False where there is none."""
    brush = context.tool_settings.image_paint.brush
    if brush is None:
        return False
    brush.blend = blend
    return True


def shown_in(context: bpy.types.Context) -> bpy.types.Image | None:
    """The picture of the image editor, or of a copy that is painted on; else the panel's."""
    space = context.space_data
    image = space.image if space is not None and space.type == "IMAGE_EDITOR" else None
    image = image or context.scene.onet.picture
    if image is not None and masks.is_own(image):
        return bpy.data.images.get(image[masks.OVER])
    return image


def _pixels(image: bpy.types.Image, mask: bpy.types.Image | None) -> Pieces[Arrays]:
    """The picture and its mask as Blender shows them: a box is drawn over that."""
    arrays = {"pixels": (yield from pictures.pixels_in_pieces(image))}
    if mask is not None:
        arrays["mask"] = yield from pictures.mask_in_pieces(mask)
    return arrays


CLASSES = (
    ONET_OT_fetch_cut_out,
    ONET_OT_mask_box,
    ONET_OT_mask_paint,
    ONET_OT_mask_brush,
)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
