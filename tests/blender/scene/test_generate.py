"""Generating in Blender: a grid of shapes, one undo step, replacing, what is refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import bpy
import numpy as np
import pytest

from onet_blender.morph.codes import code_of
from onet_blender.pictures import thumbnails
from onet_blender.properties.model_list import forget_listing, model_items, taken_automatically
from onet_blender.scene import generation, scene_io


def generate(models: Path, **arguments: object) -> list[bpy.types.Object]:
    arguments = {"model": str(models / "cube_seed.safetensors"), "resolution": 16, **arguments}
    assert bpy.ops.onet.generate(**arguments) == {"FINISHED"}
    return list(bpy.context.selected_objects)


def world_vertices(item: bpy.types.Object) -> np.ndarray:
    return scene_io.read_cloud(item, bpy.context.evaluated_depsgraph_get())().points


def add_cube(name: str = "other") -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.objects.active = made
    made.select_set(True)
    return made


def test_one_shape_stands_on_the_floor_at_the_cursor(models: Path) -> None:
    bpy.context.scene.cursor.location = (1, 2, 3)
    (made,) = generate(models, seed=3)
    assert (made.onet.kind, made.onet.source, made.onet.model) == ("NONE", "seed 3", "cube_seed")
    assert bpy.context.active_object == made
    points = world_vertices(made)
    np.testing.assert_allclose(points.min(0), [0.7, 1.7, 3], atol=0.05)
    np.testing.assert_allclose(points.max(0), [1.3, 2.3, 3.6], atol=0.1)
    # The latent is that of the seed.
    expected = np.random.default_rng(3).standard_normal(4).astype(np.float32)
    np.testing.assert_array_equal(code_of(made.onet.code), expected)


def test_grid_of_samples(models: Path) -> None:
    bpy.context.scene.cursor.location = (1, 0, 0)
    made = generate(models, seed=7, count=5, spacing=2.0)
    by_seed = {item.onet.source: item for item in made}
    assert set(by_seed) == {f"seed {seed}" for seed in range(7, 12)}
    places = [tuple(by_seed[f"seed {7 + number}"].location) for number in range(5)]
    assert places == [(1, 0, 0), (3, 0, 0), (5, 0, 0), (1, 2, 0), (3, 2, 0)]
    assert bpy.context.active_object == by_seed["seed 7"]
    assert len({item.data.name for item in made}) == 5
    assert len({item.onet.code for item in made}) == 5


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (4, 2, 2), (7, 3, 3), (9, 3, 3)])
def test_grids_are_about_square(count: int, columns: int, rows: int) -> None:
    places = generation.grid_places(count, 1.0)
    assert len({tuple(place) for place in places}) == len(places) == count
    assert max(place.x for place in places) == columns - 1
    assert max(place.y for place in places) == rows - 1


def test_the_grid_is_one_undo_step(models: Path) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    add_cube()
    bpy.ops.ed.undo_push(message="before")
    model = str(models / "cube_seed.safetensors")
    bpy.ops.onet.generate("EXEC_DEFAULT", True, seed=1, count=3, model=model, resolution=16)
    assert len(bpy.data.objects) == 4
    bpy.ops.ed.undo()
    assert bpy.data.objects.keys() == ["other"]
    bpy.ops.ed.redo()
    assert len(bpy.data.objects) == 4


def test_what_is_not_given_is_taken_from_the_panel(models: Path) -> None:
    choices = bpy.context.scene.onet
    choices.seed, choices.count, choices.resolution, choices.shade_smooth = 40, 2, 16, False
    assert bpy.ops.onet.generate(model=str(models / "cube_seed.safetensors")) == {"FINISHED"}
    made = bpy.context.selected_objects
    assert sorted(item.onet.source for item in made) == ["seed 40", "seed 41"]
    assert {item.onet.resolution for item in made} == {16}
    assert not any(polygon.use_smooth for item in made for polygon in item.data.polygons)


def test_replacing_keeps_object_and_materials(models: Path) -> None:
    (made,) = generate(models, seed=1)
    paint = bpy.data.materials.new("paint")
    made.data.materials.append(paint)
    name, meshes, faces = made.data.name, len(bpy.data.meshes), len(made.data.polygons)
    assert generate(models, seed=2, resolution=32, replace=True) == [made]
    assert made.onet.source == "seed 2"
    assert (made.data.name, list(made.data.materials)) == (name, [paint])
    assert len(bpy.data.meshes) == meshes
    assert len(made.data.polygons) > faces


def test_replacing_spares_objects_that_were_not_generated(models: Path) -> None:
    other = add_cube()
    data = other.data
    (made,) = generate(models, seed=1, replace=True)
    assert other.data == data
    assert made != other


def test_dice_change_the_seed() -> None:
    seeds = set()
    for _ in range(4):
        bpy.ops.onet.roll_dice()
        seeds.add(bpy.context.scene.onet.seed)
    assert len(seeds) >= 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"model": "no such"}, "There is no model 'no such'"),
        ({"model": "cube_points.safetensors"}, "does not generate"),
        ({"threshold": 0.99}, "No surface at threshold 0.99"),
    ],
)
def test_bad_requests_are_one_sentence_and_change_nothing(
    models: Path, arguments: dict[str, object], sentence: str
) -> None:
    if str(arguments.get("model", "")).endswith(".safetensors"):
        arguments = {"model": str(models / str(arguments["model"]))}
    add_cube()
    with pytest.raises(RuntimeError, match=sentence) as caught:
        generate(models, count=2, **arguments)
    assert "Traceback" not in str(caught.value)
    assert bpy.data.objects.keys() == ["other"]
    assert bpy.data.meshes.keys() == ["other"]


def test_the_seed_moves_on_with_every_press(models: Path) -> None:
    choices = bpy.context.scene.onet
    choices.seed, choices.count = 3, 2
    generate(models)
    assert choices.seed == 5
    (made,) = generate(models, count=1)
    assert made.onet.source == "seed 5"
    assert made.name == "Cube seed 5"
    # One that is given is not the panel's.
    generate(models, seed=40)
    assert choices.seed == 6


def test_the_same_seed_twice_stands_beside_itself(models: Path) -> None:
    add_cube()  # a triangle at the origin
    first, second, third = (generate(models, seed=3)[0] for _ in range(3))
    spans = sorted((world_vertices(item)[:, 0].min(), world_vertices(item)[:, 0].max())
                   for item in (first, second, third))  # fmt: skip
    for (_, end), (start, _) in pairwise(spans):
        assert start > end
    assert first.location.yz == second.location.yz == third.location.yz


def test_rooms_and_floors_are_in_nobodys_way(models: Path) -> None:
    bpy.ops.mesh.primitive_plane_add(size=4)
    bpy.ops.mesh.primitive_cube_add(size=20)
    bpy.ops.object.light_add(type="POINT", location=(0, 0, 0.2))
    (made,) = generate(models, seed=3)
    assert tuple(made.location) == (0, 0, 0)
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=(0, 0, 0.2))
    (made,) = generate(models, seed=3, replace=False)
    assert made.location.x > 0.3


def test_categories_have_pictures_of_what_they_make(sized: Path) -> None:
    """Those that lie beside the weights; other models have none."""
    preferences = bpy.context.preferences.addons["onet_blender"].preferences
    preferences.model_folder = str(sized.parent)
    forget_listing()
    try:
        icons = {item[0]: item[3] for item in model_items("NONE")}
        names = ("airplane", "cabinet", "car", "chair", "lamp", "sofa", "table", "vessel")
        # Numbers, which are 0 where there is no window.
        assert all(isinstance(icons[name], int) for name in names)
        seen = thumbnails.pictures_of_models()
        assert {Path(path).stem for path in seen} >= set(names)
        assert all(tuple(one.image_size) == (128, 128) for one in seen.values())
        pixels = {np.array(one.image_pixels_float[:]).tobytes() for one in seen.values()}
        assert len(pixels) == len(seen)
        assert icons["sized"] == thumbnails.UNSEEN
        assert icons["AUTO"] == icons[taken_automatically("NONE")]
        # Read once.
        assert {item[0]: item[3] for item in model_items("NONE")} == icons
        assert {item[3] for item in model_items("POINTS")} == {"NONE"}
        thumbnails.unregister()
        assert not thumbnails.pictures_of_models()
        assert isinstance({item[0]: item[3] for item in model_items("NONE")}["car"], int)
    finally:
        preferences.model_folder = ""
        forget_listing()


def test_thumbnails_choose_a_seed(sized: Path) -> None:
    preferences = bpy.context.preferences.addons["onet_blender"].preferences
    preferences.model_folder = str(sized.parent)
    forget_listing()
    choices = bpy.context.scene.onet
    try:
        choices.generator, choices.seed = "sized", 5
        assert choices.choice == "5"
        assert bpy.ops.onet.thumbnails() == {"FINISHED"}
        assert thumbnails.seeds_of("sized") == list(range(5, 17))
        choices.choice = "9"
        assert choices.seed == 9
        choices.seed = 100
        assert choices.choice == "100"
        choices.seed = 9
        assert bpy.ops.onet.thumbnails() == {"FINISHED"}  # on to others
        assert (choices.seed, choices.choice) == (17, "17")
        choices.generator = "AUTO"
        assert thumbnails.seeds_of(choices.generator) == []
    finally:
        preferences.model_folder = ""
        forget_listing()
