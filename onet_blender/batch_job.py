"""The batch: many files in, many files out; one bad file does not stop the others."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix

from onet_core.engine.client import Answer, EngineClient
from onet_core.errors import EngineError, OnetError

from . import reconstruction, scene_io
from .runtime import RUNTIME_VARIABLE, Runtime, describe, runtime

# What is looked for in a folder: what `onet_core.inputs.load`, which lives in the runtime, reads.
PICTURES = ".png .jpg .jpeg .webp .bmp .tif .tiff .gif .tga .ppm .pgm"
CLOUDS = ".ply .xyz .txt .asc .pts .csv .npy .npz .pcd"
MESHES_AND_GRIDS = ".obj .off .stl .glb .gltf .binvox"
SUFFIXES = tuple(f"{PICTURES} {CLOUDS} {MESHES_AND_GRIDS}".split())
# What simplifying takes away, polishing wins back; a mesh that keeps all faces it hardly improves.
STEPS_AFTER_SIMPLIFYING = 30
# Files whose vertical is y, brought upright the way Blender's importers do.
Y_UP_TO_BLENDER = Matrix(((1, 0, 0, 0), (0, 0, -1, 0), (0, 1, 0, 0), (0, 0, 0, 1)))


def make_parser() -> argparse.ArgumentParser:
    """The options of the batch."""
    parser = argparse.ArgumentParser(
        prog="batch.py", description="Makes meshes from pictures, point clouds and voxel models."
    )

    def add(name: str, help: str, **settings: Any) -> None:
        parser.add_argument(name, help=help, **settings)

    add("--input", "a file, or a folder of them", type=Path, required=True)
    add("--output", "folder for the results", type=Path, required=True)
    add("--format", "kind of the results (glb)", choices=sorted(EXPORTERS), default="glb")
    kinds = ["auto", "image", "points", "voxels"]
    add("--kind", "what the files are; auto looks at each", choices=kinds, default="auto")
    add("--model", "name of a model or a weights file", default="")
    add("--resolution", "cells along an axis (128)", type=int, default=128)
    add("--threshold", "lower gives fatter shapes", type=float, default=0.0)
    add("--faces", "simplify to about this many faces", type=int, default=0)
    polish = f"polishing steps ({STEPS_AFTER_SIMPLIFYING} with --faces, else 0)"
    add("--refine", polish, type=int)
    verticals = ["auto", "y", "z"]
    add("--up", "the files' vertical; auto goes by format", choices=verticals, default="auto")
    add("--device", "auto, cpu, cuda or mps", default="")
    source = f"the runtime's Python; else ${RUNTIME_VARIABLE} or the preferences"
    add("--runtime", source, type=Path)
    return parser


def export_blend(path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=True)


# glTF and OBJ are y-up by convention, and Blender's exporters turn the scene accordingly.
EXPORTERS: dict[str, Callable[[Path], object]] = {
    "glb": lambda path: bpy.ops.export_scene.gltf(filepath=str(path), export_format="GLB"),
    "obj": lambda path: bpy.ops.wm.obj_export(filepath=str(path), export_materials=False),
    "ply": lambda path: bpy.ops.wm.ply_export(filepath=str(path)),
    "stl": lambda path: bpy.ops.wm.stl_export(filepath=str(path)),
    "blend": export_blend,
}


def find_inputs(source: Path) -> list[Path]:
    """The files to work on, sorted. Raises OnetError where there are none."""
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise OnetError(f"There is no file or folder {source}.")
    found = sorted(
        path for path in source.iterdir() if path.is_file() and path.suffix.lower() in SUFFIXES
    )
    if not found:
        raise OnetError(f"There is no picture, point cloud or voxel model in {source}.")
    return found


def targets_of(inputs: Sequence[Path], folder: Path, suffix: str) -> list[Path]:
    """Where each result goes: folder/<stem>.<suffix>, with a number where that is taken.

    It is taken by another result or by one of the inputs, in a file system of any kind.
    """
    taken = {str(path.resolve()).lower() for path in inputs}
    targets = []
    for path in inputs:
        target, number = folder / f"{path.stem}.{suffix}", 1
        while str(target.resolve()).lower() in taken:
            number += 1
            target = folder / f"{path.stem}-{number}.{suffix}"
        taken.add(str(target.resolve()).lower())
        targets.append(target)
    return targets


def build_scene(name: str, answer: Answer) -> None:
    """An empty file with the result as its only object, upright. The preferences stay."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    mesh = scene_io.make_mesh(
        name, answer.arrays["vertices"], answer.arrays["faces"], answer.arrays.get("colours")
    )
    if answer.values["up_axis"] == "y":
        mesh.transform(Y_UP_TO_BLENDER)
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)


def export(target: Path, form: str) -> None:
    """Writes the scene whole or not at all. Raises OnetError where Blender can't."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".onet-") as scratch:
            written = Path(scratch) / target.name
            EXPORTERS[form](written)
            os.replace(written, target)
    except (RuntimeError, OSError) as error:
        raise OnetError(f"{target} can't be written: {str(error).strip()}") from error


def reconstruct(
    client: EngineClient,
    path: Path,
    target: Path,
    options: argparse.Namespace,
    params: dict[str, Any],
) -> Answer:
    """One file; raises OnetError where it gives no result."""
    asked = {**params, "path": str(path.resolve()), "kind": options.kind, "up_axis": options.up}
    answer = client.call("reconstruct", asked)
    build_scene(path.stem, answer)
    export(target, options.format)
    return answer


def main(arguments: Sequence[str]) -> int:
    """Runs the batch: 0 where every file gave a result, 1 where some did not, 2 for bad usage."""
    try:
        options = make_parser().parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    # Asked once: what follows opens one empty file after the other.
    chosen = runtime()
    chosen = Runtime(
        options.runtime or chosen.python, options.device or chosen.device, chosen.folders
    )
    polish = STEPS_AFTER_SIMPLIFYING if options.faces else 0
    params = reconstruction.options(
        options.model,
        resolution=options.resolution,
        refinement_steps=polish if options.refine is None else options.refine,
        faces=options.faces,
        threshold=options.threshold,
        device=chosen.device,
    )
    try:
        if chosen.python is None:
            raise OnetError(
                f"The runtime is not set: give --runtime PYTHON, or set {RUNTIME_VARIABLE}."
            )
        inputs = find_inputs(options.input)
        targets = targets_of(inputs, options.output, options.format)
        client = EngineClient(chosen.python)
    except OnetError as error:
        print(f"Error: {error}", flush=True)
        return 2
    failures = 0
    try:
        print(describe(chosen, client.call("hello").values), flush=True)
        for number, (path, target) in enumerate(zip(inputs, targets, strict=True), start=1):
            head = f"[{number}/{len(inputs)}] {path.name}"
            try:
                answer = reconstruct(client, path, target, options, params)
            except OnetError as error:
                failures += 1
                print(f"{head}: FAILED: {error}", flush=True)
                continue
            seconds = sum(answer.values["seconds"].values())
            count = len(answer.arrays["faces"])
            print(f"{head} -> {target}: {count:,} faces in {seconds:.1f} s", flush=True)
    except EngineError as error:
        print(f"Error: {error}", flush=True)
        return 2
    finally:
        client.close()
    print(f"{len(inputs) - failures} of {len(inputs)} files done.", flush=True)
    return 1 if failures else 0
