"""Files from disk: dropped on a view or chosen in a dialog, opened and given to the panel."""

from __future__ import annotations

from pathlib import Path

import bpy

from onet_core.engine.client import Answer, Job
from onet_core.errors import InputError, OnetError

from ..languages.sentences import translated
from ..pictures import images as pictures
from ..properties.model_list import forget_listing
from ..properties.stored import choose_kind
from ..registration import register_classes, unregister_classes
from ..runtime import engine_session
from ..runtime.chosen import runtime
from .shared import WorkerOperator, is_object_mode

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".tga", ".exr", ".hdr")
IMPORTERS = {".ply": "ply_import", ".obj": "obj_import", ".stl": "stl_import"}
SUFFIXES = (*PICTURES, *IMPORTERS)


class ONET_OT_open_file(bpy.types.Operator):
    """Open a picture, a scan or a mesh and make a mesh from it with ONet"""

    bl_idname = "onet.open_file"
    bl_label = "ONet from File"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  # Blender reads a plain set

    filepath: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="File", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(  # type: ignore[valid-type]
        default=";".join(f"*{suffix}" for suffix in SUFFIXES), options={"HIDDEN"}
    )
    reconstruct: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Reconstruct at Once",
        description="Start with the panel's settings; else the file is only put into the panel",
        default=True,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_object_mode(cls, context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            open_file(context, Path(bpy.path.abspath(self.filepath)))
        except OnetError as error:
            self.report({"ERROR"}, translated(str(error)))
            return {"CANCELLED"}
        if self.reconstruct and context.window is not None and not bpy.app.background:
            bpy.ops.onet.reconstruct("INVOKE_DEFAULT")
        elif self.reconstruct:
            bpy.ops.onet.reconstruct()
        return {"FINISHED"}


def open_file(context: bpy.types.Context, path: Path) -> None:
    """Opens a picture, a scan or a mesh and chooses it in the panel.

    Raises InputError for files that are missing, of another kind or damaged.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    suffix, choices = path.suffix.lower(), context.scene.onet
    if suffix in PICTURES:
        image = bpy.data.images.load(str(path), check_existing=True)
        try:
            pictures.assert_readable(image)
        except InputError:
            if image.users == 0:
                bpy.data.images.remove(image)
            raise
        choose_kind(choices, "IMAGE")
        choices.picture, choices.mask = image, None
        return
    if suffix not in IMPORTERS:
        raise InputError(f"{path.name} can't be opened: choose one of {', '.join(SUFFIXES)}.")
    before = set(bpy.data.objects)
    try:
        getattr(bpy.ops.wm, IMPORTERS[suffix])(filepath=str(path))
    except RuntimeError as error:
        raise InputError(f"{path.name} can't be imported: {str(error).strip()}") from error
    new = [item for item in bpy.data.objects if item not in before and item.type == "MESH"]
    if not new:
        raise InputError(f"{path.name} holds no mesh and no points.")
    if any(len(item.data.polygons) == 0 for item in new):
        choose_kind(choices, "POINTS")
    elif choices.input_kind == "IMAGE":
        choose_kind(choices, "VOXELS")
    choices.source = max(new, key=lambda item: len(item.data.vertices))


class ONET_FH_files(bpy.types.FileHandler):
    bl_idname = "ONET_FH_files"
    bl_label = "ONet: make a mesh from it"
    bl_import_operator = "onet.open_file"
    bl_file_extensions = ";".join(SUFFIXES)

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
            raise InputError(f"There is no file {source}.")
        params = {"source": str(source.resolve()), "target": str(runtime().folders[0].resolve())}
        return engine_session.client(runtime()).start("convert", params)

    def finish(self, context: bpy.types.Context, answer: Answer) -> str:
        forget_listing()
        return f"The model {answer.values['name']} is in the model folder."


CLASSES = (ONET_OT_open_file, ONET_FH_files, ONET_OT_import_model)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
