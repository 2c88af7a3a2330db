"""How a mesh is made: the settings that panel, operators and results share."""

from __future__ import annotations

import bpy

POSES = (
    ("FLOOR", "On the Floor", "Stand at the 3D cursor, the front towards the front view"),
    ("CAMERA", "Face the Camera", "Stand at the 3D cursor, the front towards the active camera"),
)


class MeshSettings:
    """How a mesh is made: the same in the panel, in an operator and in the object that came out.

    SKIP_SAVE concerns operators only: a call that leaves something out takes it from the panel, not
    from the call before.
    """

    resolution: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Resolution",
        description="How many cells the finest grid has along an axis; twice as many take about "
        "four times as long and give four times as many faces",
        min=8,
        soft_min=32,
        soft_max=512,
        max=1024,
        default=128,
        options={"SKIP_SAVE"},
    )
    threshold: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Threshold",
        description="From which probability on a place is inside: lower gives fatter shapes, "
        "higher thinner ones; 0 for the model's own",
        min=0.0,
        max=0.99,
        options={"SKIP_SAVE"},
    )
    refinement_steps: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Polish",
        description="How many steps move the mesh closer to the network's surface; worth it after "
        "simplifying",
        min=0,
        soft_max=50,
        max=300,
        options={"SKIP_SAVE"},
    )
    smoothing: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Smoothing Steps",
        description="How many steps take bumps off the mesh, and a little off its edges; -1 for as "
        "many as suit the model",
        min=-1,
        soft_max=20,
        max=30,
        default=-1,
        options={"SKIP_SAVE"},
    )
    faces: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Faces",
        description="Simplify to about this many faces; 0 keeps all",
        min=0,
        options={"SKIP_SAVE"},
    )
    smooth: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Smooth Shading",
        description="Shade the mesh smooth rather than showing its faces",
        default=True,
        options={"SKIP_SAVE"},
    )
    colours: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Colours",
        description="Give the mesh the colours of the points or faces, where there are any",
        default=True,
        options={"SKIP_SAVE"},
    )
    crop_outliers: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Leave Out Strays",
        description="Leave out points that lie far from all others, as scanners make them",
        options={"SKIP_SAVE"},
    )
    symmetry: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Use Symmetry",
        description="Where up to 1,000 points are the same to the left and to the right, take the "
        "mirror image of either side for the other too: few points then tell twice as much",
        default=True,
        options={"SKIP_SAVE"},
    )
    denoise: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Even Out Noise",
        description="Where many points scatter about the surface, average that away before they "
        "are read: smoother and nearer to the shape than the points themselves",
        default=True,
        options={"SKIP_SAVE"},
    )
    snap: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Snap to Points",
        description="Draw the surface to the points, up to 200,000 of them: more of a dense scan's "
        "details, but also of its flaws. Has no effect where a threshold is given",
        default=True,
        options={"SKIP_SAVE"},
    )
    pose: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Place",
        description="How the mesh made from a picture is put into the scene",
        items=POSES,
        default="FLOOR",
        options={"SKIP_SAVE"},
    )


SETTINGS = tuple(MeshSettings.__annotations__)


# Those that concern one kind of input only.
SETTINGS_OF_KIND = {
    "IMAGE": ("pose",),
    "POINTS": ("crop_outliers", "symmetry", "denoise", "snap", "colours"),
    "VOXELS": ("colours",),
}


def settings_of(kind: str) -> tuple[str, ...]:
    """The names of the settings that concern this kind of input, in the panel's order."""
    special = {name for names in SETTINGS_OF_KIND.values() for name in names}
    wanted = SETTINGS_OF_KIND.get(kind, ())
    return tuple(name for name in SETTINGS if name not in special or name in wanted)
