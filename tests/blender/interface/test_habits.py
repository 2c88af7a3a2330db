"""Where Blender's users look for things: menus, dropped files, other languages; nothing is left."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import addon_utils
import bpy
import numpy as np
import pytest

import onet_blender
from onet_blender import activity
from onet_blender.languages import translations
from onet_blender.operators import files as file_operators
from onet_blender.panels import menus
from onet_blender.properties import model_list
from onet_blender.properties import stored as properties
from onet_blender.runtime.chosen import Runtime
from onet_core.models.catalogue import default_model
from onet_core.sentences import Sentence

HAVE_PROPERTIES = (bpy.types.PropertyGroup, bpy.types.AddonPreferences)


class Layout:
    """Takes the place of a UILayout and notes what is drawn."""

    def __init__(self, drawn: list[str] | None = None) -> None:
        self.drawn = [] if drawn is None else drawn
        self.operator_context = ""

    def operator(self, name: str, **others: object) -> SimpleNamespace:
        group, _, function = name.partition(".")
        assert hasattr(getattr(bpy.ops, group), function)
        self.drawn.append(name)
        return SimpleNamespace()

    def menu(self, name: str, **others: object) -> None:
        getattr(bpy.types, name).draw(SimpleNamespace(layout=self), bpy.context)

    def separator(self, **others: object) -> None:
        pass


def drawn_by(draw: object) -> list[str]:
    layout = Layout()
    draw(SimpleNamespace(layout=layout), bpy.context)
    return layout.drawn


def own_operators() -> set[str]:
    modules = [module for module in onet_blender.MODULES if hasattr(module, "CLASSES")]
    return {
        cls.bl_idname
        for module in modules
        for cls in module.CLASSES
        if issubclass(cls, bpy.types.Operator) and "INTERNAL" not in getattr(cls, "bl_options", ())
    }


# In the preferences, beside what they are about, or in the head of a panel.
NOT_IN_MENUS = {
    f"onet.{name}"
    for name in (
        "cancel", "free_memory", "check_runtime", "open_preferences", "set_up_runtime",
        "remove_runtime", "show_log", "copy_log", "copy_report", "open_manual", "import_model",
        "add_preset", "roll_dice", "thumbnails",
        "fetch_cut_out",
        # In the image editor's sidebar, and of use nowhere else.
        "mask_box", "mask_paint", "mask_brush",
    )
}  # fmt: skip
MOST_ENTRIES = 18


def test_what_artists_do_is_in_a_menu_where_f3_finds_it() -> None:
    """Maintenance is not, and the menu stays short."""
    bpy.ops.mesh.primitive_cube_add()
    drawn: set[str] = set()
    for kind in ("POINTS", "IMAGE", "MORPH"):
        bpy.context.active_object.onet.kind = kind
        found = drawn_by(menus._in_object_menu)
        assert len(found) <= MOST_ENTRIES
        drawn |= set(found)
    assert own_operators() - NOT_IN_MENUS == drawn & own_operators()
    assert not NOT_IN_MENUS & drawn
    assert drawn_by(menus._in_add_menu) == ["onet.generate"]
    assert drawn_by(menus._in_import_menu) == ["onet.open_file"]


def test_menus_are_about_the_active_object() -> None:
    assert drawn_by(lambda self, context: menus.draw_for_object(self.layout, context)) == [
        "onet.reconstruct"
    ]
    bpy.ops.mesh.primitive_cube_add()
    drawn = drawn_by(lambda self, context: menus.draw_for_object(self.layout, context))
    next_step = ["onet.quads", "onet.ready", "onet.texture", "onet.levels"]
    assert drawn == ["onet.reconstruct", "onet.reconstruct", *next_step]
    bpy.context.active_object.onet.kind = "VOXELS"
    drawn = drawn_by(lambda self, context: menus.draw_for_object(self.layout, context))
    assert drawn[2:4] == ["onet.reconstruct_again", "onet.take_settings"]


def test_pictures_have_a_right_click_menu() -> None:
    image = bpy.data.images.new("photo", 8, 8)
    bpy.context.scene.onet.picture = image
    layout = Layout()
    context = SimpleNamespace(
        button_pointer=bpy.context.scene.onet, button_prop=SimpleNamespace(identifier="picture")
    )
    menus._on_a_button(SimpleNamespace(layout=layout), context)
    assert layout.drawn == ["onet.reconstruct"]
    menus._on_a_button(SimpleNamespace(layout=layout), SimpleNamespace())
    assert layout.drawn == ["onet.reconstruct"]


def test_a_file_handler_offers_what_can_be_opened() -> None:
    handler = file_operators.ONET_FH_files
    assert ".ply" in handler.bl_file_extensions.split(";")
    assert ".png" in handler.bl_file_extensions.split(";")
    for kind, offered in (("VIEW_3D", True), ("NODE_EDITOR", False)):
        assert handler.poll_drop(SimpleNamespace(area=SimpleNamespace(type=kind))) == offered
    group, _, name = handler.bl_import_operator.partition(".")
    properties_of = getattr(getattr(bpy.ops, group), name).get_rna_type().properties
    assert "filepath" in properties_of


def write_ply(path: Path, points: np.ndarray) -> None:
    head = ["ply", "format ascii 1.0", f"element vertex {len(points)}"]
    head += [f"property float {axis}" for axis in "xyz"] + ["end_header"]
    path.write_text("\n".join(head + [" ".join(map(str, point)) for point in points]) + "\n")


def test_a_scan_from_disk_is_reconstructed(models: Path, tmp_path: Path) -> None:
    write_ply(tmp_path / "scan.ply", np.random.default_rng(0).uniform(-1, 1, (200, 3)))
    choices = bpy.context.scene.onet
    assert bpy.ops.onet.open_file(filepath=str(tmp_path / "scan.ply"), reconstruct=False) == {
        "FINISHED"
    }
    assert (choices.input_kind, choices.source) == ("POINTS", None)
    assert bpy.context.active_object.name == "scan"  # what is selected is what is used
    choices.quality = "DRAFT"
    bpy.ops.onet.open_file(filepath=str(tmp_path / "scan.ply"))
    assert bpy.context.active_object.onet.source == "scan.001"


def test_another_file_of_the_same_kind_leaves_the_model(models: Path, tmp_path: Path) -> None:
    write_ply(tmp_path / "scan.ply", np.random.default_rng(0).uniform(-1, 1, (200, 3)))
    choices = bpy.context.scene.onet
    choices.input_kind, choices.model = "POINTS", "points"
    bpy.ops.onet.open_file(filepath=str(tmp_path / "scan.ply"), reconstruct=False)
    assert choices.model == "points"
    choices.input_kind = "VOXELS"
    bpy.ops.onet.open_file(filepath=str(tmp_path / "scan.ply"), reconstruct=False)
    assert (choices.input_kind, choices.model) == ("POINTS", model_list.AUTOMATIC)


def test_a_picture_from_disk_is_chosen(tmp_path: Path) -> None:
    image = bpy.data.images.new("made", 8, 8)
    image.filepath_raw, image.file_format = str(tmp_path / "photo.png"), "PNG"
    image.save()
    bpy.data.images.remove(image)
    bpy.ops.onet.open_file(filepath=str(tmp_path / "photo.png"), reconstruct=False)
    choices = bpy.context.scene.onet
    assert (choices.input_kind, choices.picture.name) == ("IMAGE", "photo.png")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.ply", None, "no file"),
        ("notes.docx", b"x", "can't be opened"),
        ("broken.png", b"x", "can't be read as a picture"),
        ("broken.ply", b"x", "holds no mesh|can't be imported|is damaged"),
    ],
)
def test_bad_files_are_one_sentence(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = bpy.data.objects.keys(), bpy.data.images.keys(), bpy.context.scene.onet.input_kind
    with pytest.raises(RuntimeError, match=message) as caught:
        bpy.ops.onet.open_file(filepath=str(tmp_path / name))
    assert "Traceback" not in str(caught.value)
    assert before == (
        bpy.data.objects.keys(), bpy.data.images.keys(), bpy.context.scene.onet.input_kind,
    )  # fmt: skip


MAKE_CHECKPOINT = """
import sys, torch
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
network = {"decoder": "simple", "decoder_kwargs": {"hidden_size": 8}, "c_dim": 0, "z_dim": 4}
made = build_network(ModelDescription("a", "A", "occupancy_network", "none", network))
torch.save({"model": made.state_dict()}, sys.argv[1])
"""


def test_an_original_checkpoint_is_imported(
    runtime_python: str, tmp_path: Path, disk: Callable[..., Path]
) -> None:
    source, folder = tmp_path / "mine.pt", tmp_path / "models"
    root = Path(onet_blender.__file__).parents[1]
    subprocess.run([runtime_python, "-c", MAKE_CHECKPOINT, str(source)], check=True, cwd=root)
    with pytest.raises(RuntimeError, match="Choose a model folder"):
        bpy.ops.onet.import_model(filepath=str(source))
    folder.mkdir()
    preferences = bpy.context.preferences.addons["onet_blender"].preferences
    preferences.model_folder = str(folder)
    try:
        assert bpy.ops.onet.import_model(filepath=str(source)) == {"FINISHED"}
        assert "mine" in [item[0] for item in model_list.model_items("NONE")]
        with pytest.raises(RuntimeError, match="already"):
            bpy.ops.onet.import_model(filepath=str(source))
        # Folders without space, and those that can't be written to.
        for size, readable_only in ((4096, False), (65536, True)):
            other = disk(size, readable_only)
            preferences.model_folder = str(other)
            with pytest.raises(RuntimeError, match="can't be written to") as caught:
                bpy.ops.onet.import_model(filepath=str(source))
            assert "Traceback" not in str(caught.value)
            assert list(other.iterdir()) == []
    finally:
        preferences.model_folder = ""


def test_a_model_tells_its_licence(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_list, "runtime", lambda: Runtime(None, "auto", (models,)))
    model_list.forget_listing()
    message = model_list.about_chosen("POINTS", "cube_points")
    assert message == "Learned from: anything. Licence: unknown"
    assert model_list.about_chosen("POINTS", "no such model") == ""
    model_list.forget_listing()


@pytest.mark.parametrize("kind", model_list.NETWORK_KINDS)
def test_the_model_that_would_be_chosen_tells_its_licence(kind: str, runtime_python: str) -> None:
    """The same that the worker takes."""
    taken = default_model(model_list.NETWORK_KINDS[kind])
    assert model_list.taken_automatically(kind) == taken.name
    assert taken.description is not None
    message = model_list.about_chosen(kind, model_list.AUTOMATIC)
    assert message.startswith(f"Uses the model {taken.description.title}. Learned from: ")
    licence = taken.description.licence
    assert licence.startswith(message.partition("Licence: ")[2])
    assert licence in dict((item[0], item[2]) for item in model_list.model_items(kind))[taken.name]
    named = model_list.about_chosen(kind, taken.name)
    assert message == f"Uses the model {taken.description.title}. {named}"


# Other languages


def interface_texts() -> set[str]:
    """Everything that Blender shows of the classes: labels, tooltips, names of choices."""
    texts = set()
    # What objects keep is shown nowhere.
    kept = {properties.ObjectProperties}
    classes = [cls for module in onet_blender.MODULES for cls in getattr(module, "CLASSES", ())]
    for cls in set(classes) - kept:
        texts.add(getattr(cls, "bl_label", ""))
        if issubclass(cls, bpy.types.Operator):
            texts.add(cls.__doc__)
        if issubclass(cls, (bpy.types.Operator, *HAVE_PROPERTIES)):
            shape = cls.bl_rna
            if issubclass(cls, bpy.types.Operator):
                shape = getattr(bpy.ops.onet, cls.bl_idname.split(".")[1]).get_rna_type()
            own = {
                name
                for base in cls.__mro__
                if base.__module__.startswith("onet_blender.")
                for name, note in inspect.get_annotations(base).items()
                if "Property(" in str(note) or type(note).__name__ == "_PropertyDeferred"
            }
            for name in own - {"filter_glob", "code", "shown", "stops"}:
                known = shape.properties[name]
                if known.is_hidden:
                    continue
                texts |= {known.name, known.description}
                if known.type == "ENUM":
                    for item in known.enum_items:
                        texts |= {item.name, item.description}
    return texts | {str(stage) for stage in activity.STAGES.values()}


def test_all_of_it_has_a_german_text() -> None:
    names = {"ONet", "", "Y", "Z"}
    missing = interface_texts() - set(translations.GERMAN) - names
    assert not missing


def test_translations_keep_what_is_filled_in() -> None:
    for english, german in translations.GERMAN.items():
        assert english.strip()
        assert german.strip()
        fields = [sorted(re.findall(r"\{.*?\}", text)) for text in (english, german)]
        assert fields[0] == fields[1]


# Work in the status bar, and what is left afterwards


def test_the_status_bar_tells_the_stage() -> None:
    work = SimpleNamespace(stage=Sentence("Finding the surface"), fraction=0.456, cancelling=False)
    assert activity.status_text(work) == "ONet: Finding the surface, 46%    Esc: Cancel"
    work = SimpleNamespace(stage=Sentence("Cancelling"), fraction=0.456, cancelling=True)
    assert activity.status_text(work) == "ONet: Cancelling"


def own_types() -> list[str]:
    return [name for name in dir(bpy.types) if "ONET" in name.upper()]


def draw_functions() -> list[int]:
    return [len(getattr(bpy.types, menu)._dyn_ui_initialize()) for menu, _ in menus.ADDITIONS]


def test_cycles_leave_nothing() -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.active_object.onet.kind = "POINTS"
    before = own_types(), draw_functions()
    assert before[0]
    for _ in range(3):
        addon_utils.disable("onet_blender", default_set=True)
        assert own_types() == []
        assert not hasattr(bpy.types.Scene, "onet")
        assert not hasattr(bpy.types.Object, "onet")
        assert [count - 1 for count in before[1]] == draw_functions()
        assert not dir(bpy.ops.onet)
        assert not bpy.context.window_manager.keyconfigs.addon or not [
            item
            for keymap in bpy.context.window_manager.keyconfigs.addon.keymaps
            for item in keymap.keymap_items
            if item.idname.startswith("onet.")
        ]
        addon_utils.enable("onet_blender", default_set=True)
        assert (own_types(), draw_functions()) == before
    # What the file kept is there again.
    assert bpy.context.active_object.onet.kind == "POINTS"
    assert "torch" not in sys.modules
