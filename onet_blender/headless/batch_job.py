"""Work without a window: many files in, many files out; one bad file does not stop the others.

What is done already is skipped, so that a batch that was interrupted goes on where it stopped: a
result is written whole or not at all.
"""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from onet_core.engine.client import Answer, EngineClient, Job
from onet_core.engine.protocol import Arrays
from onet_core.errors import EngineError, InputError, OnetError
from onet_core.kinds import ENDINGS

from ..morph.baking import bake_frames, object_with_keys
from ..runtime.chosen import RUNTIME_VARIABLE, Runtime, describe, runtime
from ..scene import reconstruction, scene_io
from ..scene.meshes import make_mesh
from ..scene.pieces import all_at_once
from ..scene.viewpoint import camera_turn
from .options import COMMANDS, expand, parse

SECONDS_BETWEEN_POLLS = 0.05
LONGEST_NAME = 40
# Of OBJ, with normals and colours, each vertex with its two triangles: 98 without colours.
BYTES_OF_A_VERTEX, BYTES_OF_A_VERTEX_IN_A_KEY, BYTES_OF_A_FILE = 150, 24, 2**18
AT_SOURCE, ON_FLOOR, MIDDLE_OF_FLOOR = "AT_SOURCE", "ON_FLOOR", "MIDDLE_OF_FLOOR"
NO_TURN = Matrix()
# Files whose vertical is y, brought upright the way Blender's importers do.
Y_UP_TO_BLENDER = Matrix(((1, 0, 0, 0), (0, 0, -1, 0), (0, 1, 0, 0), (0, 0, 0, 1)))


@dataclass(frozen=True)
class Task:
    """One call of the worker whose mesh becomes one file.

    frames: of the shapes of a `morph_sequence`.
    """

    name: str
    target: Path
    method: str
    params: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)
    frames: tuple[int, ...] = ()

    def start(self, client: EngineClient) -> Job:
        """Hands it to a worker; raises OnetError."""
        return client.start(self.method, self.params, self.arrays)


@dataclass
class Outcome:
    """A line of the summary."""

    name: str
    result: str
    faces: int = 0
    seconds: float = 0.0


def export_blend(path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=True)


# glTF and OBJ are y-up by convention, and Blender's exporters turn the scene accordingly.
EXPORTERS: dict[str, Callable[[Path], object]] = {
    "glb": lambda path: bpy.ops.export_scene.gltf(filepath=str(path), export_format="GLB"),
    "obj": lambda path: bpy.ops.wm.obj_export(
        filepath=str(path), export_materials=False, export_colors=True
    ),
    "ply": lambda path: bpy.ops.wm.ply_export(filepath=str(path)),
    "stl": lambda path: bpy.ops.wm.stl_export(filepath=str(path)),
    "blend": export_blend,
}


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


def build_scene(
    name: str, answer: Answer, smooth: bool = True, place: str = AT_SOURCE, turn: Matrix = NO_TURN
) -> None:
    """An empty file with the result as its only object, upright. The preferences stay.

    place: AT_SOURCE, ON_FLOOR (lifted or lowered), or MIDDLE_OF_FLOOR; turn: about the world's z.
    """
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    vertices, faces = answer.arrays["vertices"], answer.arrays["faces"]
    mesh = make_mesh(name, vertices, faces, answer.arrays.get("colours"), smooth)
    if answer.values["up_axis"] == "y":
        mesh.transform(Y_UP_TO_BLENDER)
    if place != AT_SOURCE:
        places = scene_io.column(mesh.vertices, "co", 3, np.float32)
        low, high = places.min(0), places.max(0)
        x, y, _ = (low + high) / 2 if place == MIDDLE_OF_FLOOR else (0, 0, 0)
        mesh.transform(turn @ Matrix.Translation((-x, -y, -low[2])))
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)


def build_animation(name: str, answer: Answer, frames: Sequence[int], smooth: bool = True) -> None:
    """`build_scene` of the shapes of a `morph_sequence`, as shape keys that follow each other."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    made = all_at_once(object_with_keys(name, frames, answer, smooth))
    bpy.context.scene.collection.objects.link(made)


def build(task: Task, answer: Answer, options: Any) -> None:
    """Makes the scene of a task's answer. What has no source with a place, a picture's result or an
    invented shape, stands on the floor, as when the panel makes it."""
    name, smooth = task.target.stem, not options.flat
    if task.frames:
        build_animation(name, answer, task.frames, smooth)
        return
    is_picture = "seen" in answer.arrays
    place = ON_FLOOR if is_picture or task.method != "reconstruct" else AT_SOURCE
    turn = options.turn if is_picture else NO_TURN
    build_scene(name, answer, smooth, MIDDLE_OF_FLOOR if options.floor else place, turn)


def export(target: Path, form: str) -> None:
    """Writes the scene whole or not at all. Raises OnetError where Blender can't."""
    meshes = [item.data for item in bpy.context.scene.objects if item.type == "MESH"]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".onet-") as scratch:
            # On a full disk some of Blender's exporters leave an empty file and say nothing.
            if shutil.disk_usage(scratch).free < sum(map(most_bytes, meshes)):
                raise OSError(errno.ENOSPC, "there is not enough space on the disk")
            written = Path(scratch) / target.name
            EXPORTERS[form](written)
            os.replace(written, target)
    except (RuntimeError, OSError) as error:
        raise OnetError(f"{target} can't be written: {reason_of(error)}.") from error


def most_bytes(mesh: bpy.types.Mesh) -> int:
    """How large a file of this mesh can be, in the most wordy format."""
    keys = len(mesh.shape_keys.key_blocks) if mesh.shape_keys is not None else 0
    each = BYTES_OF_A_VERTEX + BYTES_OF_A_VERTEX_IN_A_KEY * keys
    return BYTES_OF_A_FILE + each * len(mesh.vertices)


def reason_of(error: RuntimeError | OSError) -> str:
    """What went wrong, of an error or of the traceback that one of Blender's exporters ends in."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    lines = [line for line in str(error).splitlines() if line and line[0] not in " \t"]
    told = [line for line in lines if not line.startswith(("Location:", "Error: Python:"))]
    return told[-1].removeprefix("Error: ").rstrip(".") if told else "no reason given"


def reconstruct_tasks(options: argparse.Namespace, params: dict[str, Any]) -> list[Task]:
    """One task for each file; raises OnetError where there are none."""
    inputs = expand(options.input, ENDINGS)
    masks = {}
    if options.masks is not None:
        if not options.masks.is_dir():
            raise OnetError(f"There is no folder {options.masks} with masks.")
        masks = {path.stem: path.resolve() for path in sorted(options.masks.iterdir())}
    tasks = []
    targets = targets_of(inputs, options.output, options.format)
    for path, target in zip(inputs, targets, strict=True):
        asked = {**params, "path": str(path.resolve()), "kind": options.kind}
        asked["up_axis"] = options.up
        asked["crop_outliers"] = options.crop_outliers
        clouds = {
            "symmetry": not options.no_symmetry,
            "denoise": not options.no_denoise,
            "snap": not options.no_snap,
        }
        asked["settings"] = {**params["settings"], **clouds}
        asked["fit"] = reconstruction.SHARE_OF_SIZE
        if path.stem in masks:
            asked["mask"] = str(masks[path.stem])
        asked["colours"] = not options.no_colours
        tasks.append(Task(path.name, target, "reconstruct", asked))
    return tasks


def generate_tasks(options: argparse.Namespace, params: dict[str, Any]) -> list[Task]:
    """One task for each seed."""
    return [
        Task(
            f"seed {seed}",
            options.output / f"seed-{seed:04}.{options.format}",
            "generate",
            {**params, "seed": seed},
        )
        for seed in range(options.seed, options.seed + options.count)
    ]


def morph_tasks(
    options: argparse.Namespace, params: dict[str, Any], client: EngineClient
) -> list[Task]:
    """One task for each position; the worker tells the latents of the seeds."""
    codes = []
    for seed in options.seeds:
        codes.append(client.call("latent", {**params, "seed": seed}).arrays["latent"])
    joined = {"codes": np.stack(codes)}
    name = "-".join(map(str, options.seeds))
    if options.form == "shape-keys":
        scene = bpy.context.scene
        frames = bake_frames(scene.frame_start, scene.frame_end, options.steps)
        positions = [number / (len(frames) - 1) for number in range(len(frames))]
        asked = {**params, "positions": positions, "shared": True}
        target = options.output / f"morph-{name}.{options.format}"
        return [Task(target.stem, target, "morph_sequence", asked, joined, frames=tuple(frames))]
    return [
        Task(
            f"step {number}",
            options.output / f"morph-{name}-{number:04}.{options.format}",
            "morph",
            {**params, "position": number / (options.steps - 1)},
            joined,
        )
        for number in range(options.steps)
    ]


def run(tasks: Sequence[Task], clients: Sequence[EngineClient], options: Any) -> list[Outcome]:
    """Does the tasks, one at a time with each client, and tells how far it is.

    options: format, flat, floor, turn. A task that fails is told and left out. Only Blender's own
    part, reading and writing files, runs in this thread. Raises EngineError where no worker can be
    had.
    """
    outcomes: dict[int, Outcome] = {}
    waiting = list(enumerate(tasks))[::-1]
    busy: dict[EngineClient, tuple[int, Job]] = {}

    def head(number: int) -> str:
        return f"[{len(outcomes) + 1}/{len(tasks)}] {tasks[number].name}"

    def fail(number: int, error: OnetError) -> None:
        print(f"{head(number)}: FAILED: {error}", flush=True)
        outcomes[number] = Outcome(tasks[number].name, "failed")

    def conclude(number: int, job: Job) -> None:
        task = tasks[number]
        try:
            answer = job.result()
            build(task, answer, options)
            export(task.target, options.format)
        except OnetError as error:
            fail(number, error)
            return
        seconds = sum(answer.values["seconds"].values())
        count = len(answer.arrays["faces"])
        told = [f"{count:,} faces in {seconds:.1f} s", *what_came_out(answer)]
        print(f"{head(number)} -> {task.target}: {'. '.join(told)}", flush=True)
        outcomes[number] = Outcome(task.name, task.target.name, count, seconds)

    while waiting or busy:
        for client in clients:
            if client in busy:
                number, job = busy[client]
                job.poll()
                if job.done:
                    del busy[client]
                    conclude(number, job)
            if client not in busy and waiting:
                number, task = waiting.pop()
                try:
                    busy[client] = (number, task.start(client))
                except InputError as error:
                    fail(number, error)
        if busy and not any(job.done for _, job in busy.values()):
            time.sleep(SECONDS_BETWEEN_POLLS)
    return [outcomes[number] for number in range(len(tasks))]


def what_came_out(answer: Answer) -> list[str]:
    """What the panel tells about a result, in its words."""
    values = answer.values
    fit, background = values.get("fit", -1.0), values.get("background") or ""
    return reconstruction.sentences(
        "POINTS", fit, values.get("left_out", 0), background, values.get("mirrored", False)
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """The summary, one line for each task."""
    rows = [("input", "result", "faces", "seconds")]
    for outcome in outcomes:
        made = outcome.faces > 0
        faces = f"{outcome.faces:,}" if made else ""
        seconds = f"{outcome.seconds:.1f}" if made else ""
        rows.append((outcome.name[:LONGEST_NAME], outcome.result[:LONGEST_NAME], faces, seconds))
    first, second, third, fourth = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(
        f"{a:<{first}}  {b:<{second}}  {c:>{third}}  {d:>{fourth}}" for a, b, c, d in rows
    )


def main(arguments: Sequence[str], program: str = "batch.py") -> int:
    """Runs a batch: 0 where all gave a result, 1 where some did not, 2 for bad usage.

    arguments: one of `COMMANDS`, reconstruct where that is left out, and its options.
    """
    command, given = "reconstruct", list(arguments)
    if given and given[0] in COMMANDS:
        command = given.pop(0)
    clients: list[EngineClient] = []
    try:
        options = parse(command, given, f"{program} {command}")
        return _run_batch(command, options, clients)
    except SystemExit as stop:
        return int(stop.code or 0)
    except OnetError as error:
        print(f"Error: {error}", flush=True)
        return 2
    finally:
        for client in clients:
            client.close()


def _run_batch(command: str, options: argparse.Namespace, clients: list[EngineClient]) -> int:
    """The exit status; the clients that are started go to `clients`. Raises OnetError."""
    # Asked once: what follows opens one empty file after the other.
    chosen = runtime()
    options.turn = NO_TURN
    if command == "reconstruct" and options.pose == "camera":
        options.turn = camera_turn(bpy.context.scene)
    chosen = Runtime(
        options.runtime or chosen.python, options.device or chosen.device, chosen.folders
    )
    params = reconstruction.options(
        options.model,
        resolution=options.resolution,
        refinement_steps=options.refine,
        faces=options.faces,
        smoothing=options.smoothing,
        threshold=options.threshold,
        device=chosen.device,
    )
    if chosen.python is None:
        raise EngineError(
            f"The runtime is not set: give --runtime PYTHON, or set {RUNTIME_VARIABLE}."
        )
    clients.append(EngineClient(chosen.python))
    if command == "reconstruct":
        tasks = reconstruct_tasks(options, params)
    elif command == "generate":
        tasks = generate_tasks(options, params)
    else:
        tasks = morph_tasks(options, params, clients[0])
    # After the names are given, so that all machines give the same.
    number, count = options.part
    tasks = tasks[number - 1 :: count]
    left = [task for task in tasks if options.overwrite or not task.target.exists()]
    if len(left) < len(tasks):
        print(f"{len(tasks) - len(left)} of {len(tasks)} are done already.", flush=True)
    if not left:
        return 0
    clients += [EngineClient(chosen.python) for _ in range(min(options.jobs, len(left)) - 1)]
    print(describe(chosen, clients[0].call("hello").values), flush=True)
    outcomes = run(left, clients, options)
    print(table(outcomes), flush=True)
    done = sum(outcome.faces > 0 for outcome in outcomes)
    print(f"{done} of {len(left)} files done.", flush=True)
    return 0 if done == len(left) else 1
