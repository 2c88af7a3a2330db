"""The batch: many files in, many files out; one bad file does not stop the others."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from onet_core.engine.client import Answer, EngineClient
from onet_core.errors import EngineError, OnetError

from . import scene_io
from .preferences import RUNTIME_VARIABLE, runtime

SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".ply",
    ".xyz",
    ".txt",
    ".pts",
    ".csv",
    ".npy",
    ".npz",
    ".pcd",
    ".obj",
    ".off",
    ".stl",
    ".binvox",
    ".glb",
    ".gltf",
)
# Files whose vertical is y, brought upright the way Blender's importers do.
Y_UP_TO_BLENDER = Matrix(((1, 0, 0, 0), (0, 0, -1, 0), (0, 1, 0, 0), (0, 0, 0, 1)))


@dataclass(frozen=True)
class Failure:
    """A file that gave no result, and why."""

    path: Path
    reason: str


def make_parser() -> argparse.ArgumentParser:
    """The options of the batch."""
    parser = argparse.ArgumentParser(
        prog="batch.py", description="Makes meshes from pictures, point clouds and voxel models."
    )
    parser.add_argument("--input", type=Path, required=True, help="a file, or a folder of them")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--format", choices=sorted(EXPORTERS), default="glb")
    parser.add_argument(
        "--kind",
        choices=["auto", "image", "points", "voxels"],
        default="auto",
        help="what the files are; auto looks at each",
    )
    parser.add_argument("--model", default="", help="name of a model or a weights file")
    parser.add_argument("--resolution", type=int, default=128, help="cells along an axis (128)")
    parser.add_argument("--threshold", type=float, default=None, help="lower gives fatter shapes")
    parser.add_argument("--refine", type=int, default=10, help="polishing steps (10)")
    parser.add_argument("--faces", type=int, default=None, help="simplify to about this many faces")
    parser.add_argument(
        "--up",
        choices=["auto", "x", "y", "z"],
        default="auto",
        help="the files' vertical; auto goes by their format",
    )
    parser.add_argument("--device", default="", help="auto, cpu, cuda or mps")
    parser.add_argument(
        "--runtime",
        type=Path,
        default=None,
        help=f"the runtime's Python; else ${RUNTIME_VARIABLE} or the preferences",
    )
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
    """Where each result goes: <stem>.<suffix>, with the input's suffix where two share a stem."""
    stems = [path.stem for path in inputs]
    return [
        folder
        / (
            f"{path.stem}.{suffix}"
            if stems.count(path.stem) == 1
            else f"{path.stem}_{path.suffix[1:].lower()}.{suffix}"
        )
        for path in inputs
    ]


def build_scene(name: str, answer: Answer) -> None:
    """An empty file with the result as its only object, upright."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    mesh = scene_io.make_mesh(
        name, answer.arrays["vertices"], answer.arrays["faces"], answer.arrays.get("colours")
    )
    turn = Y_UP_TO_BLENDER if answer.values["up_axis"] == "y" else Matrix.Identity(4)
    mesh.transform(turn)
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)


def export(target: Path, form: str) -> None:
    """Writes the scene whole or not at all. Raises OnetError where Blender can't."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".onet-") as scratch:
        written = Path(scratch) / target.name
        try:
            EXPORTERS[form](written)
        except RuntimeError as error:
            raise OnetError(f"Blender could not write {target}: {str(error).strip()}") from error
        if not written.is_file():
            raise OnetError(f"Blender could not write {target}.")
        os.replace(written, target)


def reconstruct(
    client: EngineClient, path: Path, target: Path, options: argparse.Namespace
) -> Answer:
    """One file; raises OnetError where it gives no result."""
    settings = {
        "resolution": options.resolution,
        "refinement_steps": options.refine,
        "normals": False,
    }
    if options.threshold is not None:
        settings["threshold"] = options.threshold
    if options.faces is not None:
        settings["faces"] = options.faces
    chosen = runtime()
    params = {
        "path": str(path.resolve()),
        "kind": options.kind,
        "up_axis": options.up,
        "model": options.model,
        "settings": settings,
        "device": options.device or chosen.device,
        "folders": [str(folder) for folder in chosen.folders],
    }
    answer = client.call("reconstruct", params)
    build_scene(path.stem, answer)
    export(target, options.format)
    return answer


def main(arguments: Sequence[str]) -> int:
    """Runs the batch: 0 where every file gave a result, 1 where some did not, 2 for bad usage."""
    try:
        options = make_parser().parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        python = options.runtime or runtime().python
        if python is None:
            raise OnetError(
                f"The runtime is not set: give --runtime PYTHON, or set {RUNTIME_VARIABLE}."
            )
        inputs = find_inputs(options.input)
    except OnetError as error:
        print(f"Error: {error}", flush=True)
        return 2
    targets = targets_of(inputs, options.output, options.format)
    failures: list[Failure] = []
    client = EngineClient(python)
    try:
        client.call("hello")
        for number, (path, target) in enumerate(zip(inputs, targets, strict=True), start=1):
            head = f"[{number}/{len(inputs)}] {path.name}"
            try:
                answer = reconstruct(client, path, target, options)
            except OnetError as error:
                failures.append(Failure(path, str(error)))
                print(f"{head}: FAILED: {error}", flush=True)
                continue
            seconds = sum(answer.values["seconds"].values())
            count = np.shape(answer.arrays["faces"])[0]
            print(f"{head} -> {target}: {count:,} faces in {seconds:.1f} s", flush=True)
    except EngineError as error:
        print(f"Error: {error}", flush=True)
        return 2
    finally:
        client.close()
    print(f"{len(inputs) - len(failures)} of {len(inputs)} files done.", flush=True)
    return 1 if failures else 0
