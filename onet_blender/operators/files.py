"""Files from disk: dropped on a view or chosen in a dialog, opened and given to the panel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from onet_core.engine.client import Answer, Job, Task
from onet_core.errors import InputError, OnetError
from onet_core.kinds import ENDINGS, FORMATS, endings_of, file_filter, format_of
from onet_core.sentences import NOTHING, Sentence

from .. import activity
from ..pictures import images as pictures
from ..properties.model_list import forget_listing
from ..properties.stored import choose_kind
from ..registration import register_classes, unregister_classes
from ..runtime import engine_session
from ..runtime.chosen import runtime
from ..scene import guesses, importing
from ..scene.pieces import Pieces
from .shared import WorkerOperator, is_object_mode
from .soon import start_soon

# Of the others the worker hands over the pixels.
BLENDERS_PICTURES = tuple(ending for form in FORMATS if form.is_blenders for ending in form.endings)
AUTO = importing.AUTO


class ONET_OT_open_file(WorkerOperator, bpy.types.Operator):
    """Open a picture, a scan or a mesh and make a mesh from it with ONet"""

    bl_idname = "onet.open_file"
    bl_label = "ONet from File"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  # Blender reads a plain set

    filepath: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="File", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(  # type: ignore[valid-type]
        default=file_filter(ENDINGS), options={"HIDDEN"}
    )
    kind: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Kind",
        description="Kind of data in the file",
        items=(
            (AUTO, "Automatic", "Points without faces, voxels for boxes of one size on a grid"),
            ("POINTS", "Points", "A scan, or a mesh whose surface is sampled"),
            ("VOXELS", "Voxels", "A blocky model, or a mesh made blocky on the way"),
        ),
        options={"SKIP_SAVE"},
    )
    units: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Units",
        description="The unit that the file's numbers were measured in",
        items=(
            (AUTO, "Automatic", "Files longer than 20 units are read as centimetres"),
            *((name, name.capitalize(), "") for name, _, _ in guesses.UNITS),
        ),
        options={"SKIP_SAVE"},
    )
    up_axis: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Up",
        description="The file's vertical axis",
        items=(
            (AUTO, "Automatic", "The usual axis of the format: Y for OBJ, else Z"),
            ("Y", "Y", ""),
            ("Z", "Z", ""),
        ),
        options={"SKIP_SAVE"},
    )
    reconstruct: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Reconstruct at Once",
        description="Start with the panel's settings; else the file is only put into the scene",
        default=True,
    )

    # Blender's, of every operator.
    as_keywords: Callable[..., dict[str, Any]]

    _message = NOTHING

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_object_mode(cls, context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.filepath:
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return self._open(context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if context.window is None or bpy.app.background:
            return self._open(context, None)
        # The dialog calls this, and waits: reading goes on beside the interface instead.
        start_soon(type(self).bl_idname, self.as_keywords(ignore=("filter_glob",)))
        return {"CANCELLED"}

    def _open(self, context: bpy.types.Context, event: bpy.types.Event | None) -> set[str]:
        """Opens the file: pictures at once, other files by the worker where there is one."""
        path = self._path()
        activity.forget(self.owner())  # it was about another file
        try:
            if not path.is_file():
                raise InputError("There is no file {path}.", path=path)
            if path.suffix.lower() in BLENDERS_PICTURES and self._is_opened(context, path):
                return self._conclude(NOTHING)
            if path.suffix.lower() not in ENDINGS:
                raise InputError(
                    "{name} can't be opened: choose one of {kinds}.",
                    name=path.name,
                    kinds=", ".join(ENDINGS),
                )
            if runtime().problem:
                self._choose(context, *importing.by_blender(path, self.units, self.up_axis))
                return self._conclude(self._message)
        except OnetError as error:
            return self._refuse(error)
        return super().execute(context) if event is None else super().invoke(context, event)

    def _is_opened(self, context: bpy.types.Context, path: Path) -> bool:
        """Whether Blender opens a picture; raises InputError where nothing else could.

        What Blender can't decode, such as an animated WebP, goes to the worker, which names the
        fault where it can't either.
        """
        try:
            open_picture(context, path)
        except InputError:
            if runtime().problem:
                raise
            return False
        return True

    def start(self, context: bpy.types.Context) -> Task:
        if self._path().suffix.lower() in endings_of("image"):
            path = str(self._path().resolve())
            return engine_session.client(runtime()).start("open_picture", {"path": path})
        up_axis = None if self.up_axis == AUTO else self.up_axis.lower()
        # Of a mesh all is wanted: its faces are sampled, or made blocky, when it is used.
        known = format_of(self._path())
        is_mesh = known is not None and known.is_mesh
        kind = "auto" if self.kind == AUTO or is_mesh else self.kind.lower()
        params = {"path": str(self._path().resolve()), "kind": kind, "up_axis": up_axis}
        return engine_session.client(runtime()).start("open_file", params)

    def finish_in_pieces(self, context: bpy.types.Context, answer: Answer) -> Pieces[Sentence]:
        if "pixels" in answer.arrays:
            choose_picture(context, image_of(self._path().name, answer.arrays["pixels"]))
            return NOTHING
        found = yield from importing.place_in_pieces(context, self._path(), answer, self.units)
        self._choose(context, *found)
        for note in answer.values.get("notes", ()):
            message = Sentence.from_json(note)
            both = Sentence("{first}. {second}", first=message, second=self._message)
            self._message = both if self._message else message
        return self._message

    def _choose(
        self, context: bpy.types.Context, item: bpy.types.Object, message: Sentence
    ) -> None:
        """Sets the panel for an object that was opened: what is selected is what is used."""
        choices, self._message = context.scene.onet, message
        choose_kind(choices, guesses.kind_of(item.data) if self.kind == AUTO else self.kind)
        choices.source = None
        self.about = item.name

    def _conclude(self, message: Sentence) -> set[str]:
        result = super()._conclude(message) if message else {"FINISHED"}
        if self.reconstruct and not bpy.app.background and bpy.context.window is not None:
            start_soon("onet.reconstruct", {})
        elif self.reconstruct:
            bpy.ops.onet.reconstruct()
        return result

    def _path(self) -> Path:
        return Path(bpy.path.abspath(self.filepath))


def open_picture(context: bpy.types.Context, path: Path) -> None:
    """Loads a picture and chooses it in the panel; raises InputError where it can't be read."""
    image = bpy.data.images.load(str(path), check_existing=True)
    try:
        pictures.assert_readable(image)
    except InputError:
        if image.users == 0:
            bpy.data.images.remove(image)
        raise
    choose_picture(context, image)


def choose_picture(context: bpy.types.Context, image: bpy.types.Image) -> None:
    """Has the panel use a picture, without the mask of another."""
    choices = context.scene.onet
    choose_kind(choices, "IMAGE")
    choices.picture, choices.mask = image, None


def image_of(name: str, pixels: NDArray[np.uint8]) -> bpy.types.Image:
    """A packed image of pixels (H, W, 4), the first row on top."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(name, width, height, alpha=True)
    image.pixels.foreach_set((pixels[::-1] / np.float32(255)).ravel())
    image.pack()
    return image


class ONET_FH_files(bpy.types.FileHandler):
    bl_idname = "ONET_FH_files"
    bl_label = "ONet: make a mesh from it"
    bl_import_operator = "onet.open_file"
    bl_file_extensions = ";".join(ENDINGS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


class ONET_OT_import_model(WorkerOperator, bpy.types.Operator):
    """Convert a checkpoint of the original Occupancy Networks code (.pt) into the model folder"""

    bl_idname = "onet.import_model"
    bl_label = "Import a Model"
    adds_object = False

    filepath: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="File", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(  # type: ignore[valid-type]
        default="*.pt;*.pth", options={"HIDDEN"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        folders = runtime().folders
        if folders and folders[0].is_dir():
            return True
        cls.poll_message_set("Choose a model folder in the preferences first")
        return False

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.filepath:
            return super().invoke(context, event)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def start(self, context: bpy.types.Context) -> Job:
        source = Path(bpy.path.abspath(self.filepath))
        if not source.is_file():
            raise InputError("There is no file {path}.", path=source)
        params = {"source": str(source.resolve()), "target": str(runtime().folders[0].resolve())}
        return engine_session.client(runtime()).start("convert", params)

    def finish(self, context: bpy.types.Context, answer: Answer) -> Sentence:
        forget_listing()
        return Sentence("The model {name} is in the model folder.", name=answer.values["name"])


CLASSES = (ONET_OT_open_file, ONET_FH_files, ONET_OT_import_model)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
