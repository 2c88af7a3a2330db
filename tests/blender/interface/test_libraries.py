"""Library overrides: objects, scenes and pictures of other files are read, used and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest

from onet_blender.morph import panel as morph_panel
from onet_blender.morph.steps import is_morph
from onet_blender.scene import generation, reconstruction
from onet_blender.scene.known import scene_of
from onet_blender.scene.sources import source_of
from onet_core.errors import InputError

LINKED = "linked from another file"
LIBRARY_SCENE = "Library"


@pytest.fixture(scope="module")
def library(
    registered: None, models: Path, sized: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A file with a scan, its mesh, two shapes, a keyframed morph between them, and a picture."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.context.scene.name = LIBRARY_SCENE
    mesh = bpy.data.meshes.new("scan")
    mesh.from_pydata(np.random.default_rng(0).uniform(-1, 1, (300, 3)).tolist(), [], [])
    add("scan", mesh)
    reconstruct(models, source="scan")
    bpy.context.active_object.name = "result"
    bpy.ops.onet.generate(seed=1, count=2, model=str(sized), resolution=16)
    for item, name in zip(bpy.context.selected_objects, ("one", "two"), strict=True):
        item.name = name
    assert bpy.ops.onet.morph(resolution=16) == {"FINISHED"}
    morph = bpy.context.active_object
    morph.name = "morph"
    for frame, value in ((1, 0.0), (11, 1.0)):
        morph.onet.morph.value = value
        morph.keyframe_insert("onet.morph.value", frame=frame)
    bpy.context.scene.frame_set(1)
    image = bpy.data.images.new("photo", 64, 64)
    image.pixels[: 4 * 64 * 20] = [1.0, 0.0, 0.0, 1.0] * 64 * 20
    image.pack()
    image.use_fake_user = True
    path = tmp_path_factory.mktemp("library") / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def add(name: str, mesh: bpy.types.Mesh) -> bpy.types.Object:
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def reconstruct(models: Path, kind: str = "POINTS", **arguments: Any) -> bpy.types.Object:
    name = {"POINTS": "cube_points", "IMAGE": "cube_picture"}[kind]
    given = {"kind": kind, "model": str(models / f"{name}.safetensors"), "resolution": 16}
    assert bpy.ops.onet.reconstruct(**{**given, **arguments}) == {"FINISHED"}
    return bpy.context.active_object


def overridden(library: Path) -> dict[str, bpy.types.Object]:
    """The library's objects, linked and overridden, in an empty file."""
    with bpy.data.libraries.load(str(library), link=True) as (there, wanted):
        wanted.objects = list(there.objects)
    for item in wanted.objects:
        bpy.context.scene.collection.objects.link(item)
    made = {item.name: item.override_create(remap_local_usages=True) for item in wanted.objects}
    assert all(item.override_library is not None for item in made.values())
    return made


def choose(*items: bpy.types.Object) -> None:
    for other in bpy.context.view_layer.objects:
        other.select_set(False)
    for item in items:
        item.select_set(True)
    bpy.context.view_layer.objects.active = items[-1]


def kept_by(item: bpy.types.Object) -> tuple[Any, ...]:
    """All that an object keeps about where its mesh came from, and its mesh."""
    known = item.onet.bl_rna.properties
    names = sorted(set(known.keys()) - {"rna_type", "source_object", "picture", "mask", "morph"})
    # An array belongs to its file: copied, it outlives that.
    values = [
        tuple(getattr(item.onet, name)) if getattr(known[name], "is_array", False)
        else getattr(item.onet, name)
        for name in names
    ]  # fmt: skip
    stops = [(stop.name, stop.code) for stop in item.onet.morph.stops]
    size = len(item.data.vertices), len(item.data.polygons)
    return (*values, *stops, item.onet.morph.shown, round(item.onet.morph.value, 5), *size)


def drawn(panel: type[bpy.types.Panel]) -> str:
    """What a panel says, drawn on nothing."""
    said: list[str] = []

    class Layout:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            def item(*arguments: Any, text: str = "", **_: Any) -> Layout:
                said.append(text)
                return self

            return item

    context = SimpleNamespace(
        active_object=bpy.context.active_object,
        selected_objects=bpy.context.selected_objects,
        scene=bpy.context.scene,
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)),
        region=SimpleNamespace(width=2000),
    )
    panel.draw(SimpleNamespace(layout=Layout()), context)
    return " ".join(said)


def names() -> tuple[list[str], list[str]]:
    return bpy.data.objects.keys(), bpy.data.meshes.keys()


# Overrides


def test_an_overridden_result_is_read_and_not_changed(models: Path, library: Path) -> None:
    item = overridden(library)["result"]
    choose(item)
    before, state = names(), kept_by(item)
    assert item.onet.kind == "POINTS"
    assert source_of(item).name == "scan"
    assert reconstruction.findings(item)
    assert not bpy.ops.onet.reconstruct_again.poll()
    with pytest.raises(RuntimeError, match=LINKED):
        bpy.ops.onet.reconstruct_again()
    with pytest.raises(RuntimeError, match=f"^Error: result is {LINKED}: make it local first"):
        bpy.ops.onet.reconstruct(target="result", source="scan", kind="POINTS")
    assert (names(), kept_by(item)) == (before, state)
    bpy.context.scene.onet.resolution = 99
    assert bpy.ops.onet.take_settings() == {"FINISHED"}
    assert bpy.context.scene.onet.resolution == 16
    # Made local it is ours.
    bpy.ops.object.make_local(type="ALL")
    assert bpy.ops.onet.reconstruct_again.poll()


def test_an_overridden_source_counts_where_it_stands(models: Path, library: Path) -> None:
    scan = overridden(library)["scan"]
    scan.location = (3, 0, 0)
    bpy.context.view_layer.update()
    choose(scan)
    made = reconstruct(models)
    assert made.library is None
    assert source_of(made) == scan
    assert made.location.x == pytest.approx(3)


def test_an_overridden_shape_gets_no_mesh_that_would_be_forgotten(
    sized: Path, library: Path
) -> None:
    item = overridden(library)["one"]
    choose(item)
    state = kept_by(item)
    assert generation.replaceable(item) is None
    given = {"model": str(sized), "resolution": 16}
    assert bpy.ops.onet.generate(replace=True, seed=5, **given) == {"FINISHED"}
    assert bpy.context.active_object != item
    assert kept_by(item) == state


def test_a_morph_between_overridden_shapes_is_this_files_own(library: Path) -> None:
    items = overridden(library)
    choose(items["one"], items["two"])
    assert bpy.ops.onet.morph(resolution=16) == {"FINISHED"}
    assert is_morph(bpy.context.active_object)


def test_the_slider_of_an_overridden_morph_leaves_its_mesh(library: Path) -> None:
    item = overridden(library)["morph"]
    choose(item)
    before = kept_by(item)
    item.onet.morph.value = 0.7
    assert kept_by(item)[-1] == before[-1]
    bpy.context.scene.frame_set(7)
    assert kept_by(item)[-2:] == before[-2:]
    for operator in (bpy.ops.onet.update_morph, bpy.ops.onet.bake_morph):
        assert not operator.poll()
        with pytest.raises(RuntimeError, match=f"morph is {LINKED}: make it local first"):
            operator()
    assert f"morph is {LINKED}: make it local first." in drawn(morph_panel.ONET_PT_morph)
    # Made local it goes on.
    bpy.ops.object.make_local(type="ALL")
    assert is_morph(item)
    item.onet.morph.value = 0.0
    heights = [vertex.co.z for vertex in item.data.vertices]
    item.onet.morph.value = 1.0
    assert max(vertex.co.z for vertex in item.data.vertices) != pytest.approx(max(heights))


def test_files_with_overrides_open_as_they_were_saved(library: Path, tmp_path: Path) -> None:
    items = overridden(library)
    bpy.context.scene.onet.source = items["scan"]
    before = {name: kept_by(item) for name, item in items.items()}
    path = str(tmp_path / "user.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=path)
    found = {item.name: item for item in bpy.data.objects if item.override_library is not None}
    assert {name: kept_by(item) for name, item in found.items()} == before
    assert bpy.context.scene.onet.source == found["scan"]
    assert source_of(found["result"]).name == "scan"


def test_a_library_that_is_gone_is_no_crash(library: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.blend"
    copy.write_bytes(library.read_bytes())
    overridden(copy)
    path = str(tmp_path / "user.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    copy.unlink()
    bpy.ops.wm.open_mainfile(filepath=path)
    bpy.context.scene.frame_set(5)
    for name in ("scan", "result", "morph"):
        item = bpy.data.objects[name]
        choose(item)
        assert not bpy.ops.onet.reconstruct_again.poll()
        assert not bpy.ops.onet.update_morph.poll()
    before = names()
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.onet.reconstruct(kind="POINTS", source="scan")
    assert "Traceback" not in str(caught.value)
    assert names() == before


# Linked pictures and scenes


def test_a_linked_picture_can_be_a_source(models: Path, library: Path) -> None:
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.images = ["photo"]
    made = reconstruct(models, "IMAGE", picture="photo")
    assert made.onet.picture == wanted.images[0]
    assert made.onet.background


def test_a_linked_scene_is_refused_with_a_reason(models: Path, library: Path) -> None:
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.scenes = [LIBRARY_SCENE]
    (scene,) = wanted.scenes
    bpy.context.window.scene = scene
    assert not bpy.context.scene.is_editable
    before = names()
    calls: dict[str, dict[str, Any]] = {
        "reconstruct": {},
        "reconstruct_again": {},
        "take_settings": {},
        "generate": {},
        "roll_dice": {},
        "morph": {},
        "use_render": {},
        "use_shown_picture": {},
        "paste_picture": {},
        "open_file": {"filepath": "a.png"},
    }
    for name, arguments in calls.items():
        with pytest.raises(RuntimeError, match=f"This scene is {LINKED}") as caught:
            getattr(bpy.ops.onet, name)(**arguments)
        assert "Traceback" not in str(caught.value), name
    assert names() == before
    with pytest.raises(InputError, match=f"{LIBRARY_SCENE} is {LINKED}: choose one of this file"):
        scene_of(LIBRARY_SCENE)
