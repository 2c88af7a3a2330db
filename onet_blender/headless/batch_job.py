"""Work without a window: many files in, many files out; one bad file does not stop the others.

What is done already is skipped, so that a batch that was interrupted goes on where it stopped:
the folder of the results has a record of what was made from what, see `onet_core.results`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from onet_core.engine.client import Answer, EngineClient, Job
from onet_core.engine.protocol import Arrays
from onet_core.errors import EngineError, InputError, OnetError
from onet_core.files import expand, refusal
from onet_core.kinds import ENDINGS, is_doubtful
from onet_core.mesh.mesh import is_far
from onet_core.pipeline.findings import Findings
from onet_core.results import DAMAGED, DONE, EDITED, MISSING, OUTDATED, Origin, ResultFolder
from onet_core.sentences import Sentence
from onet_core.settings import COMMANDS

from ..morph.baking import bake_frames, object_with_keys
from ..runtime.chosen import RUNTIME_VARIABLE, Runtime, describe, runtime
from ..scene import reconstruction, scene_io
from ..scene.meshes import make_mesh
from ..scene.pieces import all_at_once
from ..scene.viewpoint import camera_turn
from .export import EXPORTERS, export, most_bytes, reason_of
from .far import far_writer, lines_on_place, upright
from .options import parse
from .picture_inputs import masks_of, with_mask

__all__ = ["EXPORTERS", "export", "main", "most_bytes", "reason_of", "run"]

FAILED = 2
SECONDS_BETWEEN_POLLS = 0.05
LONGEST_NAME = 40
AT_SOURCE, ON_FLOOR, MIDDLE_OF_FLOOR = "AT_SOURCE", "ON_FLOOR", "MIDDLE_OF_FLOOR"
NO_TURN = Matrix()
LEFT_OUT = "left out"
# Parameters that don't change what is made.
WHERE = ("device", "folders", "cut_out_file")


@dataclass(frozen=True)
class Task:
    """One call of the worker whose mesh becomes one file.

    target: the file.
    origin: what it is made from.
    frames: of the shapes of a `morph_sequence`.
    """

    name: str
    origin: Origin
    method: str
    params: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)
    frames: tuple[int, ...] = ()
    target: Path = Path()

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


def build_scene(
    name: str, answer: Answer, smooth: bool = True, place: str = AT_SOURCE, turn: Matrix = NO_TURN
) -> None:
    """An empty file with the result as its only object, upright. The preferences stay.

    place: AT_SOURCE, ON_FLOOR (lifted or lowered), or MIDDLE_OF_FLOOR; turn: about the world's z.
    """
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    vertices, faces = answer.arrays["vertices"], answer.arrays["faces"]
    # Blender's vertices are single precision: what is far from the origin is centred first.
    middle = np.zeros(3)
    if place == AT_SOURCE and is_far(vertices):
        middle = np.round((vertices.min(0) + vertices.max(0)) / 2)
    mesh = make_mesh(name, vertices - middle, faces, answer.arrays.get("colours"), smooth)
    turned = upright(answer.values["up_axis"])
    mesh.transform(turned)
    middle = np.array(turned)[:3, :3] @ middle
    if place != AT_SOURCE:
        places = scene_io.column(mesh.vertices, "co", 3, np.float32)
        low, high = places.min(0), places.max(0)
        x, y, _ = (low + high) / 2 if place == MIDDLE_OF_FLOOR else (0, 0, 0)
        mesh.transform(turn @ Matrix.Translation((-x, -y, -low[2])))
    made = bpy.data.objects.new(name, mesh)
    made.location = middle
    bpy.context.scene.collection.objects.link(made)


def keeps_place(task: Task, answer: Answer, options: Any) -> bool:
    """Whether a result stays where what it was made from is."""
    return task.method == "reconstruct" and "seen" not in answer.arrays and not options.floor


def build_animation(name: str, answer: Answer, frames: Sequence[int], smooth: bool = True) -> None:
    """`build_scene` of the shapes of a `morph_sequence`, as shape keys that follow each other."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    made = all_at_once(object_with_keys(name, frames, answer, smooth))
    bpy.context.scene.collection.objects.link(made)


def build(task: Task, answer: Answer, options: Any) -> None:
    """Makes the scene of a task's answer. What has no source with a place, a picture's result or an
    generated shape, stands on the floor, as when the panel makes it."""
    name, smooth = task.target.stem, options.shade_smooth
    if task.frames:
        build_animation(name, answer, task.frames, smooth)
        return
    is_picture = "seen" in answer.arrays
    place = ON_FLOOR if is_picture or task.method != "reconstruct" else AT_SOURCE
    turn = options.turn if is_picture else NO_TURN
    build_scene(name, answer, smooth, MIDDLE_OF_FLOOR if options.floor else place, turn)


def reconstruct_tasks(
    options: argparse.Namespace, params: dict[str, Any], inputs: Sequence[Path] | None = None
) -> list[Task]:
    """One task for each file, by default those that the options name; raises OnetError."""
    if inputs is None:
        inputs = expand(options.input, ENDINGS)
    results = ResultFolder(options.output)
    masks = masks_of(options)
    tasks = []
    for path in inputs:
        asked = {**params, "kind": options.kind, "up_axis": options.up_axis}
        asked["fit"] = reconstruction.SHARE_OF_SIZE
        used = settings_used(asked, options)
        more, depends = with_mask(path, masks, options, params, results)
        asked, used = {**asked, **more}, {**used, **depends}
        asked["path"] = str(path.resolve())
        origin = Origin(results.key_of(path), path.stem, used, path)
        tasks.append(Task(path.name, origin, "reconstruct", asked))
    return tasks


def settings_used(params: Mapping[str, Any], options: Any) -> dict[str, Any]:
    """What a result depends on beside its source; where it is computed does not count."""
    used = {name: value for name, value in params.items() if name not in WHERE}
    for name in ("format", "shade_smooth", "floor"):
        used[name] = getattr(options, name, None)
    if (turn := getattr(options, "turn", NO_TURN)) != NO_TURN:
        used["turn"] = [round(value, 6) for row in turn for value in row]
    return used


def generate_tasks(options: argparse.Namespace, params: dict[str, Any]) -> list[Task]:
    """One task for each seed."""
    tasks = []
    for seed in range(options.seed, options.seed + options.count):
        asked = {**params, "seed": seed}
        origin = Origin(f"seed {seed}", f"seed-{seed:04}", settings_used(asked, options))
        tasks.append(Task(f"seed {seed}", origin, "generate", asked))
    return tasks


def morph_tasks(
    options: argparse.Namespace, params: dict[str, Any], client: EngineClient
) -> list[Task]:
    """One task for each position; the worker gives the latents of the seeds."""
    codes = []
    for seed in options.seeds:
        codes.append(client.call("latent", {**params, "seed": seed}).arrays["latent"])
    joined = {"codes": np.stack(codes)}
    name = f"morph-{'-'.join(map(str, options.seeds))}"
    if options.form == "shape-keys":
        scene = bpy.context.scene
        frames = tuple(bake_frames(scene.frame_start, scene.frame_end, options.steps))
        positions = [number / (len(frames) - 1) for number in range(len(frames))]
        asked = {**params, "positions": positions, "shared": True}
        origin = Origin(name, name, {**settings_used(asked, options), "frames": frames})
        return [Task(name, origin, "morph_sequence", asked, joined, frames)]
    tasks = []
    for number in range(options.steps):
        asked = {**params, "position": number / (options.steps - 1)}
        stem = f"{name}-{number:04}"
        origin = Origin(stem, stem, settings_used(asked, options))
        tasks.append(Task(f"step {number}", origin, "morph", asked, joined))
    return tasks


def placed(tasks: Sequence[Task], results: ResultFolder, form: str, overwrite: bool) -> list[Task]:
    """The tasks with the files that their results become."""
    origins = [task.origin for task in tasks]
    inputs = [origin.path for origin in origins if origin.path is not None]
    targets = results.targets(origins, form, inputs, overwrite=overwrite)
    return [replace(task, target=target) for task, target in zip(tasks, targets, strict=True)]


def still_to_do(
    tasks: Sequence[Task], results: ResultFolder, overwrite: bool
) -> tuple[list[Task], int]:
    """The tasks without a good result, and how many results were changed so that they can't be
    made. Says why a result that is there is made again, or not."""
    left, blocked = [], 0
    for task in tasks:
        state = MISSING if overwrite else results.state(task.target, task.origin)
        name = task.target.name
        if state == EDITED:
            if results.is_current(task.target, task.origin):
                print(f"{name} was changed since it was made: it stays as it is.", flush=True)
                continue
            print(
                f"Skipped {task.name}: {name}, made from it before, was changed by hand. Give "
                "another folder, or --overwrite to replace it.",
                flush=True,
            )
            blocked += 1
        elif state != DONE:
            if state in (DAMAGED, OUTDATED):
                reason = {
                    DAMAGED: "it is empty or cut off",
                    OUTDATED: "its source or the settings have changed",
                }[state]
                print(f"{name} is made again: {reason}.", flush=True)
            left.append(task)
    return left, blocked


def chosen_inputs(options: argparse.Namespace, results: ResultFolder) -> tuple[list[Path], int]:
    """The files to be read, and how many can't be; those are named here with the reason.

    What earlier runs made is no input for the next. Raises OnetError where nothing is left.
    """
    inputs, skipped = [], 0
    for path in expand(options.input, ENDINGS):
        if results.is_result(path):
            continue
        reason = refusal(path)
        if reason is None:
            inputs.append(path)
            continue
        print(f"Skipped {path}: {reason}.", flush=True)
        skipped += 1
    if not inputs and not skipped:
        raise OnetError("All files that were given are results of this folder's earlier runs.")
    return inputs, skipped


def run(
    tasks: Sequence[Task],
    clients: Sequence[EngineClient],
    options: Any,
    results: ResultFolder | None = None,
) -> list[Outcome]:
    """Does the tasks, one at a time with each client, and reports how far it is.

    options: format, shade_smooth, floor, turn; results: where they are recorded. A task that fails,
    whatever the reason, is reported and left out. Only Blender's own part, reading and writing
    files, runs in this thread.
    """
    outcomes: dict[int, Outcome] = {}
    waiting = list(enumerate(tasks))[::-1]
    busy: dict[EngineClient, tuple[int, Job]] = {}

    def head(number: int) -> str:
        return f"[{len(outcomes) + 1}/{len(tasks)}] {tasks[number].name}"

    def fail(number: int, error: Exception) -> None:
        if not isinstance(error, OnetError):
            # One line a file; an error that nobody foresaw is no reason to leave out the others.
            error = OnetError(
                "An unexpected error stopped this file ({kind}: {error}).",
                kind=type(error).__name__,
                error=(str(error).strip().splitlines() or [""])[0].rstrip("."),
            )
        path = tasks[number].params.get("path", "")
        # What a folder has beside its scans, such as license.txt, is no failure.
        given = [str(Path(name).resolve()) for name in getattr(options, "input", ())]
        is_other = isinstance(error, InputError) and is_doubtful(path) and path not in given
        result = LEFT_OUT if path and is_other else "failed"
        print(f"{head(number)}: {result.upper()}: {error}", flush=True)
        outcomes[number] = Outcome(tasks[number].name, result)

    def conclude(number: int, job: Job, client: EngineClient) -> None:
        task = tasks[number]
        try:
            answer = job.result()
            build(task, answer, options)
            write = (
                far_writer(answer, options, client) if keeps_place(task, answer, options) else None
            )
            export(task.target, options.format, results, task.origin, write)
        except Exception as error:
            fail(number, error)
            return
        seconds = sum(answer.values["seconds"].values())
        count = len(answer.arrays["faces"])
        lines = [f"{count:,} faces in {seconds:.1f} s", *what_came_out(answer)]
        if keeps_place(task, answer, options):
            lines += lines_on_place(answer, options.format)
        print(f"{head(number)} -> {task.target}: {'. '.join(lines)}", flush=True)
        outcomes[number] = Outcome(task.name, task.target.name, count, seconds)

    while waiting or busy:
        for client in clients:
            if client in busy:
                number, job = busy[client]
                job.poll()
                if job.done:
                    del busy[client]
                    conclude(number, job, client)
            if client not in busy and waiting:
                number, task = waiting.pop()
                try:
                    busy[client] = (number, task.start(client))
                except Exception as error:
                    fail(number, error)
        if busy and not any(job.done for _, job in busy.values()):
            time.sleep(SECONDS_BETWEEN_POLLS)
    return [outcomes[number] for number in range(len(tasks))]


def what_came_out(answer: Answer) -> list[str]:
    """The panel's report on a result, in its words."""
    values = answer.values
    found = Findings(
        fit=values.get("fit"),
        within=reconstruction.SHARE_OF_SIZE,
        outliers=values.get("left_out"),
        is_mirrored=values.get("mirrored", False),
        background=values.get("background"),
        doubts=tuple(Sentence.from_json(one) for one in values.get("doubts", ())),
    )
    notes = [Sentence.from_json(note) for note in values.get("notes", ())]
    return [str(sentence) for sentence in (*notes, *found.sentences())]


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
    """Runs a batch: 0 where all gave a result, 2 where some did not or the usage is bad.

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
    params = reconstruction.options(options.model or "", vars(options), chosen.device)
    if chosen.python is None:
        raise EngineError(
            "The runtime is not set: give --runtime PYTHON, or set {RUNTIME_VARIABLE}.",
            RUNTIME_VARIABLE=RUNTIME_VARIABLE,
        )
    clients.append(EngineClient(chosen.python))
    number, count = options.part
    results = ResultFolder(options.output, f"-{number}-of-{count}" if count > 1 else "")
    results.clear_remains()
    failed = 0
    if command == "reconstruct":
        inputs, failed = chosen_inputs(options, results)
        tasks = reconstruct_tasks(options, params, inputs)
    elif command == "generate":
        tasks = generate_tasks(options, params)
    else:
        tasks = morph_tasks(options, params, clients[0])
    # Names are given before the parts, so that all machines give the same.
    tasks = placed(tasks, results, options.format, options.overwrite)[number - 1 :: count]
    left, blocked = still_to_do(tasks, results, options.overwrite)
    failed += blocked
    if len(left) + blocked < len(tasks):
        there = len(tasks) - len(left) - blocked
        print(f"{there} of {len(tasks)} are done already.", flush=True)
    if left:
        clients += [EngineClient(chosen.python) for _ in range(min(options.jobs, len(left)) - 1)]
        print(describe(chosen, clients[0].call("hello").values), flush=True)
        outcomes = run(left, clients, options, results)
        print(table(outcomes), flush=True)
        done = sum(outcome.faces > 0 for outcome in outcomes)
        print(f"{done} of {len(left)} files done.", flush=True)
        others = sum(outcome.result == LEFT_OUT for outcome in outcomes)
        failed += len(left) - done - (others if done else 0)
    return FAILED if failed else 0
