"""The one table of settings: their names, bounds, labels and help, for every front end.

A setting is one entry here and nowhere else. How a mesh is made are the fields of `Settings`; the
rest, which the pipeline never sees, stands in `OTHERS`. The shell's options, those of the batch,
Blender's properties, the worker's checks, Flamenco's job types and docs/settings.md are made from
it. None is the one word for "automatic"; `blank` stands for it where a value can't be None.
Imports the standard library only: Blender, the shell and the worker read the same table.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import InputError
from .kinds import INPUT_NAMES, KIND_CHOICES, UP_AXIS_CHOICES
from .setting_type import (
    BLENDER,
    FLAMENCO,
    IMAGE,
    NONE,
    POINTS,
    PYTHON,
    SHELL,
    VOXELS,
    WITHOUT_A_WINDOW,
    Choice,
    Former,
    Setting,
)  # fmt: skip


@dataclass(frozen=True)
class Command:
    """What the batch can be asked for; the group of settings of that name belongs to it alone.

    about: in words.
    kinds: of input that it is about.
    """

    about: str
    kinds: tuple[str, ...]


COMMANDS = {
    "reconstruct": Command(
        "Makes meshes from pictures, point clouds and voxel models.", INPUT_NAMES
    ),
    "generate": Command("Generates new shapes.", (NONE,)),
    "morph": Command("Generates the shapes between two or more others.", (NONE,)),
}

# Settings of 0.1.0 that are gone. A step of root finding along each edge brought the mesh
# nearer to the network's surface, but on 39 validation shapes no nearer to the truth.
REMOVED = ("root_steps",)

# So that a hundred shapes in a row have seeds too.
LAST_SEED = 2**31 - 101

# Refinement wins back what simplification takes away; a mesh that keeps all faces it hardly
# improves. As many steps as in the original's demo.
STEPS_AFTER_SIMPLIFYING = 30

# Farther than so many of the distances between points, nothing was scanned.
SCANNED_WITHIN = 4

_TYPES = {"bool": bool, "int": int, "float": float, "str": str, "Path": Path}


def _setting(default: Any, label: str, help: str, group: str, **more: Any) -> Any:
    """A field of `Settings`; name and type are the field's."""
    record = {"label": label, "help": help, "group": group, **more}
    return field(default=default, metadata={"record": record})


@dataclass(frozen=True)
class Settings:
    """How a mesh is made. What each field means is its help, see docs/settings.md.

    Raises InputError for a value of another type or out of bounds.
    """

    resolution: int = _setting(
        128, "Resolution",
        "Cells of the finest grid along each axis; doubling it gives four times as many faces and "
        "takes two to four times as long",
        "mesh", low=8, high=2048, soft_low=32, soft_high=512,
    )  # fmt: skip
    threshold: float | None = _setting(
        None, "Threshold",
        "Probability above which a point counts as inside the object: lower gives fatter shapes, "
        "higher thinner ones",
        "mesh", low=0, high=1, is_open=True, automatic="the model's own", suggested=0.5,
    )  # fmt: skip
    remove_outliers: bool = _setting(
        False, "Remove Outliers",
        "Ignore points far away from the rest, a common scanner artefact",
        "points", kinds=(POINTS,), formerly=(Former("crop_outliers", is_in_files=True),),
    )  # fmt: skip
    symmetry: bool = _setting(
        True, "Mirror Symmetry",
        "Of scans that look left-right symmetric, fill holes from the other side; sparse ones get "
        "all mirrored points",
        "points", kinds=(POINTS,),
    )  # fmt: skip
    denoise: bool = _setting(
        True, "Denoise",
        "Average out measurement noise in dense scans before the network reads them, if the model "
        "is made for that",
        "points", kinds=(POINTS,),
    )  # fmt: skip
    snap: bool = _setting(
        True, "Snap to Points",
        "Pull the surface to the points: keeps more of a dense scan's details, but also of its "
        "flaws. Has no effect where a threshold is given",
        "points", kinds=(POINTS,),
    )  # fmt: skip
    open_gaps: float | None = _setting(
        None, "Gaps",
        "Leave out the surface that is farther from all points than this many times the distance "
        "between points: for scans of rooms, walls and ground, which are open. A large number "
        "closes all gaps",
        "points", kinds=(POINTS,), low=1, soft_high=50,
        automatic=f"{SCANNED_WITHIN} for a scan that is no solid, else close all",
        suggested=SCANNED_WITHIN,
    )  # fmt: skip
    remove_islands: float | None = _setting(
        None, "Small Islands",
        "Remove separate parts that have less than this share of the whole area; 1 keeps only the "
        "largest part",
        "finishing", low=0.001, high=1, automatic="keep all", suggested=0.05,
    )  # fmt: skip
    smoothing: int | None = _setting(
        None, "Smooth",
        "Iterations that smooth bumps away; edges become a little rounder",
        "finishing", low=0, high=30, soft_high=20, automatic="the model's own",
        suggested=5,
    )  # fmt: skip
    faces: int | None = _setting(
        None, "Faces", "Simplify to about this many triangles",
        "finishing", low=4, soft_high=100_000, automatic="keep all", suggested=5_000,
    )  # fmt: skip
    refinement_steps: int | None = _setting(
        None, "Refine",
        "Iterations that move the mesh closer to the network's surface; worth it after simplifying",
        "finishing", low=0, high=300, soft_high=50,
        automatic=f"{STEPS_AFTER_SIMPLIFYING} where faces are simplified, else none",
        suggested=STEPS_AFTER_SIMPLIFYING, formerly=(Former("refine"),),
    )  # fmt: skip
    colours: bool = _setting(
        True, "Colours", "Give the mesh the colours of the points or faces, where there are any",
        "colours", kinds=(POINTS, VOXELS),
    )  # fmt: skip
    picture_colours: bool = _setting(
        False, "Colours from the Picture",
        "Give a picture's mesh the picture's colours: what it shows those of its pixels, what it "
        "hides likely ones",
        "colours", kinds=(IMAGE,), offered=(PYTHON, SHELL, *WITHOUT_A_WINDOW),
    )  # fmt: skip
    normals: bool = _setting(
        True, "Normals",
        "Store a normal for each vertex; Blender makes its own",
        "finishing", offered=(PYTHON, SHELL),
    )  # fmt: skip
    cut_out: bool = _setting(
        True, "Cut Out",
        "Where neither a mask nor a plain background shows the object, have a network find it, if "
        "that was fetched; else the whole picture is taken",
        "input", kinds=(IMAGE,),
    )  # fmt: skip
    random_seed: int = _setting(
        0, "Random Seed",
        "Seed of the random choices: which points of a large cloud the model reads, and where the "
        "refinement measures the surface",
        "mesh", offered=(PYTHON, SHELL), low=0,
    )  # fmt: skip

    def __post_init__(self) -> None:
        for item in MESH_SETTINGS:
            object.__setattr__(self, item.name, item.checked(getattr(self, item.name)))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from plain values by name, such as a message or a file holds.

        Raises InputError that names a setting that there is not.
        """
        names = [item.name for item in MESH_SETTINGS]
        return cls(**dict(renamed(values, names)))

    @property
    def refinement(self) -> int:
        """How many refinement steps there are, also where they are automatic."""
        if self.refinement_steps is None:
            return 0 if self.faces is None else STEPS_AFTER_SIMPLIFYING
        return self.refinement_steps


def _mesh_settings() -> Iterator[Setting]:
    for item in dataclasses.fields(Settings):
        type_of = _TYPES[str(item.type).removesuffix(" | None")]
        yield Setting(item.name, type_of, item.default, **item.metadata["record"])


MESH_SETTINGS = tuple(_mesh_settings())

QUALITIES: dict[str, dict[str, int | None]] = {
    "draft": {"resolution": 64, "refinement_steps": None},
    "standard": {"resolution": 128, "refinement_steps": None},
    # Measured on a chair's scan: 10 steps at 128 take three times as long as all the rest and bring
    # the mesh 2 % closer to the surface at 384; they are for whoever asks for the last bit.
    "high": {"resolution": 256, "refinement_steps": 10},
}

OTHERS = (
    Setting(
        "kind", str, "auto", "Kind", "What the inputs are; auto looks at each: a mesh with faces "
        "is voxels, without faces points", "input", INPUT_NAMES, (SHELL, *WITHOUT_A_WINDOW),
        choices=tuple(Choice(name, name) for name in KIND_CHOICES),
    ),
    Setting(
        "up_axis", str, "auto", "Up Axis", "Vertical axis of the inputs; auto is y for glb, obj, "
        "off, binvox and voxel arrays, else z", "input", INPUT_NAMES, (SHELL, *WITHOUT_A_WINDOW),
        choices=tuple(Choice(name, name) for name in UP_AXIS_CHOICES),
        formerly=(Former("up"),),
    ),
    Setting(
        "masks", Path, None, "Masks", "Folder with a mask for each picture, by the same name; "
        "white where the object is", "input", (IMAGE,), WITHOUT_A_WINDOW, automatic="none",
        subtype="DIR_PATH",
    ),
    Setting(
        "save_masks", Path, None, "Save Masks", "Folder to which is written, for each picture, "
        "where it was taken to show the object: to look at, to correct, and to give as masks. "
        "Files that are there stay",
        "input", (IMAGE,), (SHELL, *WITHOUT_A_WINDOW), automatic="none", subtype="DIR_PATH",
    ),
    Setting(
        "model", str, None, "Model", "Name of a model or a weights file", "run",
        offered=(SHELL, *WITHOUT_A_WINDOW), automatic="the one that suits",
    ),
    Setting(
        "pose", str, "floor", "Place", "How the mesh made from a picture is put into the scene",
        "placing", (IMAGE,), (BLENDER, *WITHOUT_A_WINDOW),
        choices=(
            Choice("floor", "On the Floor",
                   "Stand at the 3D cursor, the front towards the front view"),
            Choice("camera", "Face the Camera",
                   "Stand at the 3D cursor, the front towards the active camera"),
        ),
    ),
    Setting(
        "sample_surface", bool, True, "Sample Surface",
        "Spread points evenly over the faces of a mesh instead of using its vertices",
        "points", (POINTS,), (BLENDER,),
    ),
    Setting(
        "hide_source", bool, True, "Hide Source",
        "Hide the source, which lies in the same place as the result",
        "placing", (POINTS, VOXELS), (BLENDER,),
    ),
    Setting(
        "shade_smooth", bool, True, "Shade Smooth", "Shade the mesh smooth rather than showing its "
        "faces", "placing", offered=(BLENDER, *WITHOUT_A_WINDOW),
        formerly=(Former("smooth", is_in_files=True), Former("flat", is_opposite=True)),
    ),
    Setting(
        "floor", bool, False, "Middle of the Floor", "Stand the results in the middle of the floor "
        "instead of where their sources are", "placing", offered=WITHOUT_A_WINDOW,
    ),
    Setting(
        "quality", str, "standard", "Quality", "How fine the meshes are, and how long they take",
        "mesh", offered=WITHOUT_A_WINDOW,
        choices=(
            Choice("draft", "Draft", "Coarse and fast, to see whether it works"),
            Choice("standard", "Standard", "A good mesh for most uses"),
            Choice("high", "High", "Fine and slow; needs more memory"),
        ),
    ),
    Setting(
        "input", str, None, "Input", "Files, folders, or patterns such as 'scans/*.ply'",
        "reconstruct", INPUT_NAMES, WITHOUT_A_WINDOW, is_many=True, is_required=True,
        subtype="DIR_PATH",
    ),
    Setting(
        "seed", int, 0, "Seed", "Each number gives another shape; several shapes have consecutive "
        "numbers", "generate", (NONE,), (SHELL, BLENDER, *WITHOUT_A_WINDOW), low=0, high=LAST_SEED,
    ),
    Setting(
        "count", int, 1, "How Many", "Number of shapes, with consecutive seeds",
        "generate", (NONE,), (SHELL, BLENDER, *WITHOUT_A_WINDOW), low=1, high=100_000,
        soft_high=100,
    ),
    Setting(
        "spacing", float, 1.2, "Spacing", "Distance between the shapes of the grid",
        "generate", (NONE,), (BLENDER,), low=0, soft_high=3, subtype="LENGTH",
    ),
    Setting(
        "seeds", int, None, "Seeds", "The seeds of two or more shapes", "morph", (NONE,),
        WITHOUT_A_WINDOW, low=0, high=LAST_SEED, is_many=True, is_required=True,
    ),
    Setting(
        "steps", int, 10, "Steps", "Number of shapes in the morph, both ends included", "morph",
        (NONE,), WITHOUT_A_WINDOW, low=2, high=100_000,
    ),
    Setting(
        "form", str, "meshes", "Form", "A file for each shape, or one file with a mesh that moves",
        "morph", (NONE,), WITHOUT_A_WINDOW,
        choices=(Choice("meshes", "Meshes"), Choice("shape-keys", "Shape Keys")),
    ),
    Setting(
        "output", Path, None, "Output", "Folder for the results", "run",
        offered=WITHOUT_A_WINDOW, is_required=True, subtype="DIR_PATH",
    ),
    Setting(
        "format", str, "glb", "Format", "File format of the results", "run",
        offered=WITHOUT_A_WINDOW,
        choices=tuple(Choice(name, name) for name in ("blend", "glb", "obj", "ply", "stl")),
    ),
    Setting(
        "overwrite", bool, False, "Overwrite", "Make results again that already exist", "run",
        offered=WITHOUT_A_WINDOW,
    ),
    Setting(
        "tasks", int, 10, "Tasks", "Number of tasks that the work is divided into; best more than "
        "there are workers", "run", offered=(FLAMENCO,), low=1, high=1000,
    ),
    Setting(
        "jobs", int, 1, "Jobs",
        "Number of inputs computed at the same time, each by a process with about 0.5 GB of memory",
        "run", offered=WITHOUT_A_WINDOW, low=1, high=64,
    ),
    Setting(
        "device", str, None, "Device", "Where the networks run: auto, cpu, cuda, cuda:1 or mps",
        "run", offered=(SHELL, *WITHOUT_A_WINDOW),
        automatic="auto; from within Blender what the preferences say",
    ),
    Setting(
        "runtime", Path, None, "Runtime", "The Python that has PyTorch", "run",
        offered=WITHOUT_A_WINDOW,
        automatic="the one made by Set Up",
    ),
)  # fmt: skip

TABLE = {item.name: item for item in (*MESH_SETTINGS, *OTHERS)}


def offered(front: str, *kinds: str, group: str | None = None) -> tuple[Setting, ...]:
    """The settings that a front end has for any of these kinds of input, in the table's order.

    group: only those; without it, those of a single command are left out.
    """
    return tuple(
        item
        for item in TABLE.values()
        if front in item.offered
        and (not kinds or set(kinds) & set(item.kinds))
        and (item.group not in COMMANDS if group is None else item.group == group)
    )


def batch_settings(front: str, command: str) -> tuple[Setting, ...]:
    """The settings of one of `COMMANDS` in a front end, the command's own ones first."""
    kinds = COMMANDS[command].kinds
    return (*offered(front, *kinds, group=command), *offered(front, *kinds))


def renamed(values: Mapping[str, Any], names: list[str]) -> Iterator[tuple[str, Any]]:
    """The values under today's names.

    names: those that can be used; a hyphen is as good as an underscore, and no_<name> is the
    opposite of a bool. Raises InputError that names a setting that there is not, that was removed,
    or that is of no use here.
    """
    formers = {
        former.name: (item.name, former)
        for item in TABLE.values()
        for former in item.formerly
        if item.name in names
    }
    for given, value in values.items():
        name, value = _without_no(given.replace("-", "_"), value)
        if name in names:
            yield name, value
        elif name in formers:
            name, former = formers[name]
            yield name, not value if former.is_opposite else value
        elif name in REMOVED:
            raise InputError(
                "The setting {name} was removed in version 0.2.0: leave it out.", name=given
            )
        elif name in TABLE:
            raise InputError("The setting {name} is of no use here: leave it out.", name=given)
        elif near := difflib.get_close_matches(name, names, n=1):
            raise InputError(
                "There is no setting {name}. Did you mean {near}?", name=given, near=near[0]
            )
        else:
            raise InputError("There is no setting {name}.", name=given)


def _without_no(name: str, value: Any) -> tuple[str, Any]:
    bare = name.removeprefix("no_")
    if bare in TABLE and TABLE[bare].type is bool and isinstance(value, bool) and bare != name:
        return bare, not value
    return name, value


def todays_options(arguments: Sequence[str]) -> list[str]:
    """A command's arguments with the options that had other names in 0.1.0 under today's."""
    formers = {
        f"--{former.option}": f"--{'no-' if former.is_opposite else ''}{item.option}"
        for item in TABLE.values()
        for former in item.formerly
    }
    found = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        found.append(formers.get(name, name) + equals + value)
    return found
