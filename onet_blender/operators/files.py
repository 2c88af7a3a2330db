"""Files from disk: dropped on a view or chosen in a dialog, opened and given to the panel."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from onet_core.engine.client import Answer, Job
from onet_core.errors import InputError, OnetError
from onet_core.sentences import NOTHING, Sentence

from ..languages.translate import translated
from ..pictures import images as pictures
from ..properties.model_list import forget_listing
from ..properties.stored import choose_kind
from ..registration import register_classes, unregister_classes
from ..runtime import engine_session
from ..runtime.chosen import runtime
from ..scene import guesses, presenting
from ..scene.scene_io import column
from .shared import WorkerOperator, is_object_mode

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".tga", ".exr", ".hdr")
IMPORTERS = {".ply": "ply_import", ".obj": "obj_import", ".stl": "stl_import"}
SUFFIXES = (*PICTURES, *IMPORTERS)
AUTO = "AUTO"
# What Blender's importers call a file's axes.
UP_AXES: dict[str, dict[str, str]] = {
    AUTO: {},
    "Y": {"forward_axis": "NEGATIVE_Z", "up_axis": "Y"},
    "Z": {"forward_axis": "Y", "up_axis": "Z"},
}


# Units other than Blender's own, in words.
TAKEN_FOR = {"CENTIMETRES": Sentence("centimetres"), "MILLIMETRES": Sentence("millimetres")}


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
    kind: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Kind",
        description="What the file holds",
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
            (AUTO, "Automatic", "What is longer than 20 is taken for centimetres"),
            *((name, name.capitalize(), "") for name, _, _ in guesses.UNITS),
        ),
        options={"SKIP_SAVE"},
    )
    up_axis: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Up",
        description="The file's vertical axis",
        items=(
            (AUTO, "Automatic", "As the format has it by habit: Y for OBJ, else Z"),
            ("Y", "Y", ""),
            ("Z", "Z", ""),
        ),
        options={"SKIP_SAVE"},
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
            path = Path(bpy.path.abspath(self.filepath))
            told = open_file(context, path, self.kind, self.units, self.up_axis)
        except OnetError as error:
            self.report({"ERROR"}, translated(error.sentence))
            return {"CANCELLED"}
        if told:
            self.report({"INFO"}, translated(told))
        if self.reconstruct and context.window is not None and not bpy.app.background:
            bpy.ops.onet.reconstruct("INVOKE_DEFAULT")
        elif self.reconstruct:
            bpy.ops.onet.reconstruct()
        return {"FINISHED"}


def open_file(
    context: bpy.types.Context, path: Path, kind: str = AUTO, units: str = AUTO, up_axis: str = AUTO
) -> Sentence:
    """Opens a picture, a scan or a mesh and chooses it in the panel; returns what was guessed.

    kind: IMAGE, POINTS, VOXELS or AUTO, see `guesses.kind_of`; units: METRES, CENTIMETRES,
    MILLIMETRES or AUTO, see `guesses.unit_of`; up_axis: Y, Z or AUTO for the format's habit.
    Raises InputError for files that are missing, of another kind or damaged.
    """
    if not path.is_file():
        raise InputError("There is no file {path}.", path=path)
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
        return NOTHING
    if suffix not in IMPORTERS:
        raise InputError(
            "{name} can't be opened: choose one of {kinds}.",
            name=path.name,
            kinds=", ".join(SUFFIXES),
        )
    item = _imported(path, up_axis)
    choose_kind(choices, guesses.kind_of(item.data) if kind == AUTO else kind)
    # What is selected is what is used.
    choices.source = None
    told = _scaled(item, units)
    presenting.bring_into_view(item, always=True)
    return told


def _imported(path: Path, up_axis: str) -> bpy.types.Object:
    """The largest object of a file, the only one selected, its origin amid its vertices."""
    before = set(bpy.data.objects)
    try:
        importer = getattr(bpy.ops.wm, IMPORTERS[path.suffix.lower()])
        importer(filepath=str(path), **UP_AXES[up_axis])
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
    return item


def _scaled(item: bpy.types.Object, units: str) -> Sentence:
    """Brings an object from the unit it was measured in to metres; returns what was guessed."""
    item.data.transform(item.matrix_world)
    item.matrix_world.identity()
    places = column(item.data.vertices, "co", 3, np.float32)
    low, high = places.min(axis=0), places.max(axis=0)
    longest = float((high - low).max())
    name, metres = guesses.unit_of(longest)
    if units != AUTO:
        metres = {unit: scale for unit, scale, _ in guesses.UNITS}[units]
    middle = Vector(((low + high) / 2).tolist())
    item.data.transform(Matrix.Diagonal((metres,) * 3).to_4x4() @ Matrix.Translation(-middle))
    item.location = middle * metres
    bpy.context.view_layer.update()
    if units != AUTO or metres == 1:
        return NOTHING
    unit = TAKEN_FOR[name]
    return Sentence(
        "{name} is {longest:.3g} long: taken for {unit}. If that is wrong, choose the unit under "
        "Adjust Last Operation.",
        name=item.name,
        longest=longest,
        unit=unit,
    )


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
