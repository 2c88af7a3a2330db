"""The extension's preferences: where the runtime is, which device, where further models are."""

from __future__ import annotations

import sys

import bpy

from onet_core.sentences import Sentence

from .. import activity
from ..languages.translate import translated
from ..panels.help import draw_help
from ..panels.mending import draw_mending
from ..panels.shared import room
from ..panels.text import draw_text
from ..registration import register_classes, unregister_classes
from ..runtime import setup
from ..runtime.chosen import PACKAGE, runtime
from ..runtime.folder import find_installed, home
from ..runtime.setup import BUILDS
from .model_list import forget_listing, listed_models

PIXELS_OF_BOXES = 40

DEVICES = (
    ("auto", "Automatic", "The graphics card where there is a usable one, else the processor"),
    ("cpu", "Processor", "Works everywhere; slower than a graphics card"),
    ("cuda", "NVIDIA graphics card", "Needs a runtime with CUDA"),
    ("mps", "Apple graphics", "The graphics part of Apple's own chips"),
)


def _folder_changed(self: ONET_AP_preferences, context: bpy.types.Context) -> None:
    forget_listing()


class ONET_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = PACKAGE

    runtime_python: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Use an Existing Python",
        description="The Python program of an environment that has PyTorch and the other "
        "libraries, instead of what Set Up makes",
        subtype="FILE_PATH",
    )
    runtime_folder: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Runtime Folder",
        description="Where Set Up puts the runtime; empty for the extension's own folder among "
        "your files",
        subtype="DIR_PATH",
    )
    setup_python: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Set Up with Python",
        description="The Python program (3.11 or newer) that Set Up makes the runtime from; empty "
        "for the one that comes with Blender",
        subtype="FILE_PATH",
    )
    build: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Build of PyTorch",
        description="Which build of PyTorch Set Up fetches",
        items=BUILDS,
        default="MPS" if sys.platform == "darwin" else "CPU",
    )
    with_cut_out: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Cut Out Photographs (5 MB)",
        description="Set Up also fetches the network that finds objects in front of a busy "
        "background: U²-Net's small variant, as the project rembg publishes it",
        default=True,
    )
    torch_index: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="PyTorch's Index",
        description="Where PyTorch is fetched from, as an address. Empty for the usual places, "
        "which have the builds for processors, for Apple's chips and, for Linux, for NVIDIA cards; "
        "the addresses of other builds are on PyTorch's website",
    )
    idle_minutes: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Rest After (Minutes)",
        description="After how many minutes without work the process that holds the networks ends "
        "and gives its memory back; it starts again when it is needed",
        min=1,
        soft_max=120,
        max=1440,
        default=30,
    )
    start_ahead: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Start Ahead",
        description="Start the process that runs the networks as soon as the panel is shown, so "
        "that the first mesh comes as soon as the others; takes some 500 MB of memory",
        default=True,
    )
    device: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Compute on", description="Where the networks run", items=DEVICES, default="auto"
    )
    paces: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Paces",
        description="How many seconds a mesh took on this machine, by kind of input",
        options={"HIDDEN"},
    )
    model_folder: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Model Folder",
        description="A folder with further models (.safetensors); they appear beside those that "
        "come with the extension",
        subtype="DIR_PATH",
        update=_folder_changed,
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        width = room(context) - PIXELS_OF_BOXES * context.preferences.system.ui_scale
        draw_text(layout, "In a 3D view press N and open the tab ONet.", width, icon="VIEW3D")
        self._draw_runtime(layout.box(), width)
        layout.prop(self, "device")
        layout.prop(self, "idle_minutes")
        layout.prop(self, "start_ahead")
        layout.prop(self, "model_folder")
        draw_help(layout.row(align=True))
        for entry in listed_models():
            if entry.error:
                draw_text(
                    layout,
                    Sentence("Not usable: {reason}", reason=entry.error),
                    width,
                    icon="ERROR",
                )

    def _draw_runtime(self, box: bpy.types.UILayout, width: float) -> None:
        """What runs the networks: whether it is there, and the buttons that change that."""
        chosen, installed = runtime(), find_installed(home(self.runtime_folder))
        busy = activity.current()
        if chosen.python is None and busy is None:
            draw_text(box, setup.cost_of(self.build, setup.needs_network()), width, icon="INFO")
        elif chosen.problem and busy is None:
            draw_text(box, chosen.problem, width, icon="ERROR")
        elif installed is not None and chosen.python == installed.python:
            draw_text(
                box,
                Sentence("The runtime is in {folder}", folder=installed.folder),
                width,
                icon="CHECKMARK",
            )
            if not installed.current:
                older = Sentence(
                    "It was made for another version of ONet: press Set Up to renew it"
                )
                draw_text(box, older, width, icon="INFO")
        elif not chosen.problem and not self.runtime_python:
            draw_text(
                box,
                Sentence("Set outside Blender: {python}", python=chosen.python),
                width,
                icon="INFO",
            )
        row = box.row(align=True)
        row.scale_y = 1.3
        if busy is not None and busy.owner in activity.OF_THE_RUNTIME:
            row.progress(factor=busy.fraction, text=translated(busy.stage))
            cell = row.row(align=True)
            cell.enabled = not busy.cancelling
            cell.operator("onet.cancel", text="", icon="CANCEL")
        else:
            row.operator("onet.set_up_runtime", icon="IMPORT")
            row.operator("onet.check_runtime", text="Check", icon="CHECKMARK")
            cell = row.row(align=True)
            cell.enabled = installed is not None
            cell.operator("onet.remove_runtime", icon="TRASH")
        # As in the panel: Blender 4 may take what follows a progress bar for the bar.
        box.separator(factor=0.01)
        for owner in activity.OF_THE_RUNTIME:
            if activity.message(owner):
                draw_text(box, activity.message(owner), width)
                draw_mending(box, activity.message(owner))
        column = box.column()
        column.enabled = busy is None
        column.prop(self, "build")
        column.prop(self, "torch_index")
        column.prop(self, "with_cut_out")
        column.prop(self, "setup_python")
        column.prop(self, "runtime_folder")
        column.prop(self, "runtime_python")
        row = box.row(align=True)
        row.operator("onet.free_memory", icon="TRASH")
        row.operator("onet.show_log", text="Log of Set Up", icon="TEXT").which = "SETUP"
        row.operator("onet.show_log", text="Log of the Worker", icon="TEXT").which = "WORKER"


CLASSES = (ONET_AP_preferences,)


def register() -> None:
    register_classes(CLASSES)


def unregister() -> None:
    unregister_classes(CLASSES)
