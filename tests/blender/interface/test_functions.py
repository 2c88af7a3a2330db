"""The plain functions with the operators' names: the examples of their documentation."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import bpy
import numpy as np
import pytest

import onet_blender
from onet_blender import functions
from onet_core.errors import OnetError


class WithoutReports(doctest.OutputChecker):
    """Compares what is printed without what operators report beside."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        own = [line for line in got.splitlines(True) if not line.startswith("Info: ")]
        return super().check_output(want, "".join(own), optionflags)


def test_examples(runtime_python: str) -> None:
    runner = doctest.DocTestRunner(checker=WithoutReports())
    for example in doctest.DocTestFinder().find(functions):
        runner.run(example)
    assert runner.tries > 10
    assert runner.failures == 0


def test_they_have_the_operators_names() -> None:
    known = {
        cls.bl_idname.removeprefix("onet.")
        for module in onet_blender.MODULES
        for cls in getattr(module, "CLASSES", ())
        if issubclass(cls, bpy.types.Operator)
    }
    public = {
        name
        for name, made in inspect.getmembers(functions, inspect.isfunction)
        if made.__module__ == functions.__name__ and not name.startswith("_")
    }
    assert public <= known
    assert {"reconstruct", "reconstruct_again", "generate", "morph", "bake_morph"} <= public


def test_pictures_and_files(models: Path, tmp_path: Path) -> None:
    image = bpy.data.images.new("Square", 120, 90, alpha=False)
    pixels = np.ones((90, 120, 4), dtype=np.float32)
    pixels[24:60, 30:75] = (0.8, 0.1, 0.1, 1)
    image.pixels.foreach_set(pixels.ravel())
    assert functions.look(image) == "The plain background was removed"
    model = str(models / "cube_picture.safetensors")
    made = functions.reconstruct(image, model=model, resolution=16)
    assert made.onet.picture == image
    path = tmp_path / "scan.ply"
    header = "ply\nformat ascii 1.0\nelement vertex 50\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    rows = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    path.write_text(header + "\n".join(" ".join(map(str, row)) for row in rows) + "\n")
    bpy.context.scene.onet.resolution = 16
    assert functions.open_file(path).name == "scan (ONet)"
    assert "can compute on" in functions.check_runtime()


def test_errors_are_one_sentence() -> None:
    bpy.ops.mesh.primitive_cube_add()
    with pytest.raises(OnetError) as caught:
        functions.reconstruct(bpy.context.object, kind="POINTS", model="no such model")
    assert str(caught.value).startswith("There is no model 'no such model'")
    assert "\n" not in str(caught.value)
