"""What a model wants of the pipeline's steps: one record for weights, training and evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .record import Record, limited

MOST_DRAWS = 100
# More would take off what is there, and swell what is wide: by up to 0.09 % a step.
MOST_SMOOTHING = 30

_POINTS = ("points",)
_READING = ("image", "points", "voxels", "index")


@dataclass
class Steps(Record):
    """How a model's shapes come out best. The defaults leave every step out.

    mirror: ask the network about the mirrored picture too and take the mean of both fields; for
        networks that learned from pictures mirrored together with their shapes.
    half_turn: the same with points turned by half about the vertical.
    denoise: average out the noise of dense clouds before they are read, see `inputs.denoise`.
    faint_from: the lowest level at which parts that the network is unsure of are still drawn, see
        `pipeline.faint`; 0 turns it off.
    joined_from: the threshold that may hold between parts that the mesh is torn into, where that
        joins them, see `pipeline.level`; 0 turns it off.
    smoothing: iterations that take bumps off the mesh, see `mesh.smooth`.
    snap_within: the distance from the surface within which points draw it to them, see `mesh.snap`;
        0 turns it off.
    foretold_base, foretold_slope: base + slope x the highest probability that the network gives
        anywhere is the IoU to be expected of a picture's shape; slope 0: not known.
    doubt_below: the IoU foretold so below which the user is told that the shape is guessed.
    outline_margin: how far above the threshold, as a logit, the field is raised where a picture
        shows something and the field has nothing, see `pictures.outline`; 0 turns it off.
    finest_asked: cells per axis of the finest grid on which the network is asked; on finer ones
        values between are interpolated, see `surface.between`; 0: it is asked on every grid.
    draws: the most latents that are drawn for a new shape until one is in one part.

    local_points: the most points that are read at a time by networks with local features; clouds
        denser than any that a network learned from mislead it.
    mirrored_points: the most points of a cloud that is completed by its mirror image.
    mirror_ratio: up to which likeness that is done, see `inputs.symmetry`.
    denoise_reach: how far around a point noise is averaged, in deviations of the noise.
    faint_share: the share of the highest probability nearby at which faint parts are drawn.
    faint_reach: half the edge of the cube that counts as nearby.
    snap_neighbours: how many points a vertex follows.
    snap_radius: how far away the points are that it follows.
    snap_staying: the weight, in points, for staying where the network says.
    snap_noise: standard deviation of the noise that may be left; of noisier points a vertex follows
        more.
    outline_depth: how far below the highest logit on a line of sight something is still raised.
    chosen_by: field -> the script that chose it, on how many shapes, and the spread that it saw.
    """

    mirror: bool = limited(False, kinds=("image",))
    half_turn: bool = limited(False, kinds=_POINTS)
    denoise: bool = limited(False, kinds=_POINTS)
    faint_from: float = limited(0.0, 0, 1, is_below=True)
    joined_from: float = limited(0.0, 0, 1, is_below=True, kinds=_READING)
    smoothing: int = limited(0, 0, MOST_SMOOTHING)
    snap_within: float = limited(0.0, 0, 1, is_below=True, kinds=_POINTS)
    foretold_base: float = limited(0.0, -1, 1, kinds=("image",))
    foretold_slope: float = limited(0.0, 0, 10, kinds=("image",))
    doubt_below: float = limited(0.0, 0, 1, kinds=("image",))
    outline_margin: float = limited(0.0, 0, 10, kinds=("image",))
    finest_asked: int = limited(0, 0, 4096)
    draws: int = limited(1, 1, MOST_DRAWS, kinds=("none",))

    local_points: int = limited(4_500, 1, 10_000_000, kinds=_POINTS)
    mirrored_points: int = limited(1_000, 0, 10_000_000, kinds=_POINTS)
    mirror_ratio: float = limited(1.1, 0, 10, kinds=_POINTS)
    denoise_reach: float = limited(2.2, 0, 10, is_above=True, kinds=_POINTS)
    faint_share: float = limited(0.7, 0, 1, is_above=True)
    faint_reach: float = limited(0.1, 0, 1, is_above=True)
    snap_neighbours: int = limited(24, 1, 1000, kinds=_POINTS)
    snap_radius: float = limited(0.05, 0, 1, is_above=True, kinds=_POINTS)
    snap_staying: float = limited(0.5, 0, 1000, is_above=True, kinds=_POINTS)
    snap_noise: float = limited(0.0018, 0, 1, is_above=True, kinds=_POINTS)
    outline_depth: float = limited(0.5, 0, 10, is_above=True, kinds=("image",))
    chosen_by: dict[str, str] = field(default_factory=dict)


# Where 0.1.0 had the fields of `Steps`: beside the others, or in `inputs`.
_BESIDE = ("faint_from", "joined_from", "smoothing", "snap_within", "draws")
_IN_INPUTS = ("mirror", "half_turn", "denoise")
# What there was once, and no network needs: a lower threshold for unsure ones.
_GONE = "share_of_highest"


def lifted(values: Mapping[str, Any]) -> dict[str, Any]:
    """A description's values, or those of a training run's section `test`, as they are today.

    Weights and configurations of 0.1.0 have the fields of `Steps` beside the others. This is the
    one place that knows.
    """
    lifted = {name: value for name, value in values.items() if name != _GONE}
    if "steps" in lifted:
        lifted["steps"] = _without_gone(lifted["steps"])
        return lifted
    found = {name: lifted.pop(name) for name in (*_BESIDE, *_IN_INPUTS) if name in lifted}
    if isinstance(lifted.get("inputs"), Mapping):
        inputs = dict(lifted["inputs"])
        found |= {name: inputs.pop(name) for name in _IN_INPUTS if name in inputs}
        lifted["inputs"] = inputs
    if found:
        lifted["steps"] = found
    return lifted


def _without_gone(steps: Any) -> Any:
    if not isinstance(steps, Mapping):
        return steps
    kept = {name: value for name, value in steps.items() if name != _GONE}
    reasons = kept.get("chosen_by")
    if isinstance(reasons, Mapping):
        kept["chosen_by"] = {name: text for name, text in reasons.items() if name != _GONE}
    return kept
