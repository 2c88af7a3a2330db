"""The buttons that bring a picture into the panel, and that show what the network sees of it."""

from __future__ import annotations

import bpy

from onet_core.engine.client import Answer, Job, Task
from onet_core.engine.protocol import Arrays
from onet_core.errors import InputError
from onet_core.sentences import Sentence

from ..pictures import images as pictures
from ..pictures import looking, painting
from ..pictures.render_copy import render_in_pieces
from ..properties.stored import choose_kind
from ..registration import register_classes, unregister_classes
from ..runtime import engine_session
from ..runtime.chosen import runtime
from ..scene.pieces import Pieces
from ..scene.preparation import Finished, Preparation
from .shared import WorkerOperator, is_object_mode, is_own_scene


class ONET_OT_look(WorkerOperator, bpy.types.Operator):
    """Show what the network will see of the picture, and how its background was found"""

    bl_idname = "onet.look"
    bl_label = "Show What the Network Sees"
    adds_object = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene.onet.picture is not None:
            return True
        cls.poll_message_set("Open a picture first")
        return False

    def start(self, context: bpy.types.Context) -> Preparation[Arrays]:
        choices = context.scene.onet
        if choices.picture is None:
            raise InputError("No picture is chosen: open one in the panel first.")
        looking.stop()
        return looking.looked_at(choices.picture, choices)

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        return looking.shown(answer)


class ONET_OT_paint(WorkerOperator, bpy.types.Operator):
    """Give the mesh the colours of the picture that it was made from"""

    bl_idname = "onet.paint"
    bl_label = "Colours from the Picture"
    bl_options = {"UNDO"}  # noqa: RUF012  # Blender reads a plain set

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not is_object_mode(cls, context):
            return False
        item = context.active_object
        if item is None or item.onet.kind != "IMAGE" or item.onet.picture is None:
            cls.poll_message_set("Select an object that was made from a picture")
            return False
        return True

    def start(self, context: bpy.types.Context) -> Task:
        item = context.active_object
        self._name, name = item.name, item.onet.picture.name

        def start(arrays: Arrays) -> Job:
            return engine_session.client(runtime()).start("paint", {"name": name}, arrays)

        return Preparation(painting.arrays_in_pieces(item), start)

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        item = bpy.data.objects.get(self._name)
        if item is None:
            raise InputError("There is no object {name}.", name=self._name)
        painting.paint(item, answer.arrays["colours"])
        self.about = item.name
        return Sentence("{name} has the colours of its picture", name=item.name)


class PictureOperator(WorkerOperator):
    """What brings a picture into the panel; without the worker, but in pieces."""

    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  # Blender reads a plain set
    adds_object = False
    _preparation: Preparation[bpy.types.Image]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_own_scene(cls, context)

    def picture(self, context: bpy.types.Context) -> Pieces[bpy.types.Image]:
        """The image; raises InputError where there is none."""
        raise AssertionError("each operator has its own")

    def start(self, context: bpy.types.Context) -> Preparation[bpy.types.Image]:
        self._preparation = Preparation(self.picture(context), lambda image: Finished())
        return self._preparation

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        image, choices = self._preparation.prepared, context.scene.onet
        pictures.assert_readable(image)
        choose_kind(choices, "IMAGE")
        choices.picture, choices.mask = image, None
        return Sentence("The picture is {name}.", name=image.name)


class ONET_OT_paste_picture(PictureOperator, bpy.types.Operator):
    """Take the picture that was copied in another program"""

    bl_idname = "onet.paste_picture"
    bl_label = "Paste from the Clipboard"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.window is not None:
            return super().poll(context)
        cls.poll_message_set("There is no clipboard without a window")
        return False

    def picture(self, context: bpy.types.Context) -> Pieces[bpy.types.Image]:
        yield None
        image = pictures.pasted(context)
        if image is None:
            raise InputError(
                "There is no picture in the clipboard that Blender can read here: save it as a "
                "file and open that."
            )
        return image


class ONET_OT_use_render(PictureOperator, bpy.types.Operator):
    """Take a copy of what was rendered last"""

    bl_idname = "onet.use_render"
    bl_label = "Use the Render"

    def picture(self, context: bpy.types.Context) -> Pieces[bpy.types.Image]:
        return render_in_pieces(context.scene)


class ONET_OT_use_shown_picture(PictureOperator, bpy.types.Operator):
    """Take the picture that the image editor or the active object shows"""

    bl_idname = "onet.use_shown_picture"
    bl_label = "Use the Shown Picture"

    def picture(self, context: bpy.types.Context) -> Pieces[bpy.types.Image]:
        yield None
        image = pictures.shown_picture(context)
        if image is None:
            raise InputError("No image editor shows a picture: open one, or select an image empty.")
        if image.type == "RENDER_RESULT":
            image = yield from render_in_pieces(context.scene)
        return image


CLASSES = (
    ONET_OT_look,
    ONET_OT_paint,
    ONET_OT_paste_picture,
    ONET_OT_use_render,
    ONET_OT_use_shown_picture,
)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    pictures.forget_seen()
    unregister_classes(CLASSES)
