"""A model's card: what it learned from, how good it is, and where it fails, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..kinds import kind_of
from .description import ModelDescription

# A measure's name in the metrics, its heading, and its decimals.
MEASURES = (
    ("iou", "IoU", 3),
    ("chamfer_l1", "Chamfer-L1", 5),
    ("normal_consistency", "normals", 3),
    ("f_score_0.01", "F-score at 1 %", 3),
)
# What an evaluation calls the methods beside the network.
METHODS = {
    "mean": "mean shape of the category",
    "oracle": "nearest training shape, by the truth",
    "nearest_code": "nearest training shape, by the network's code",
    "nearest_pixels": "nearest training shape, by pixels",
    "poisson": "screened Poisson",
    "ball_pivoting": "ball pivoting",
    "alpha": "alpha shapes",
    "blender": "Blender: points to volume to mesh",
    "marching_cubes": "marching cubes at its best level",
    "smoothed": "smoothed marching cubes at its best level",
    "marching_cubes_halfway": "marching cubes at the usual level",
    "smoothed_halfway": "smoothed marching cubes at the usual level",
}


def model_card(described: ModelDescription) -> str:
    """The card of a model, all of it from the description that its weights carry.

    What the description lacks is left out.
    """
    learned = dict(described.training)
    configuration = learned.pop("configuration", None)
    teacher = learned.pop("teacher", None)
    lines = [f"# {described.title} (`{described.name}`)", ""]
    lines += [f"- Reads {kind_of(described.input_kind).reads}."]
    lines += [f"- Network: {described.architecture}, {json.dumps(described.network)}."]
    if "data" in learned:
        lines += [f"- Data: {learned.pop('data')}."]
    if described.categories:
        lines += [f"- Categories: {', '.join(described.categories)}."]
    if isinstance(teacher, Mapping):
        lines += [
            "- It learned to answer as a heavier network does, which had learned from shapes."
        ]
        lines += [f"- Training of that network: {_facts(teacher)}."]
    if learned:
        lines += [f"- Training: {_facts(learned)}."]
    lines += [f"- Licence: {described.licence or 'unknown'}."]
    if described.attribution:
        lines += [f"- {described.attribution}"]
    if described.metrics:
        lines += ["", "## How well it does", "", *_numbers(described.metrics)]
        if described.input_kind == "none":
            lines += ["", "The table is of those shapes rebuilt from latents sought for them."]
    if described.limits:
        lines += ["", "## What it fails at", "", described.limits]
    if configuration:
        written = json.dumps(configuration, indent=1)
        lines += ["", "## Configuration", "", "```json", written, "```"]
    return "\n".join(lines) + "\n"


def _facts(learned: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {fact}" for name, fact in learned.items())


def _numbers(metrics: Mapping[str, Any]) -> list[str]:
    """The split that was measured on, the means beside those of the baselines, and by category.

    A file may come from anywhere: what is missing or no number is shown as a dash.
    """
    baselines = _inner(metrics, "baselines")
    named = {METHODS.get(name, name): baselines[name] for name in baselines}
    lines = [
        f"Measured on {metrics.get('shapes', '-')} shapes of the split "
        f"`{metrics.get('split', '-')}` of `{metrics.get('data', '-')}` (it learns from `train`), "
        f"grid of {metrics.get('resolution', '-')}. Means over categories:",
        "",
        *_table("method", {"this model": metrics, **named}),
    ]
    categories = _inner(metrics, "categories")
    if len(categories) > 1:
        lines += ["", *_table("category", categories)]
    sets = _inner(metrics, "generation")
    if sets:
        made, real = _inner(sets, "samples"), _inner(sets, "training shapes")
        lines += [
            "",
            f"Samples cover a share of {_figure(made, 'coverage', 2)} of the test shapes (as many "
            f"real training shapes {_figure(real, 'coverage', 2)}), at a mean distance of "
            f"{_figure(made, 'mmd', 4)} ({_figure(real, 'mmd', 4)}). In several parts: a share of "
            f"{_figure(metrics, 'torn', 2)} of the samples, {_figure(metrics, 'torn_halfway', 2)} "
            "of shapes halfway between two.",
        ]
    return lines


def _table(title: str, rows: Mapping[str, Any]) -> list[str]:
    lines = [
        f"| {title} | {' | '.join(heading for _, heading, _ in MEASURES)} |",
        "|" + "---|" * (1 + len(MEASURES)),
    ]
    for name in rows:
        values = _inner(rows, name)
        cells = (_figure(values, measure, decimals) for measure, _, decimals in MEASURES)
        lines += [f"| {name} | {' | '.join(cells)} |"]
    return lines


def _inner(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _figure(values: Mapping[str, Any], name: str, decimals: int) -> str:
    found = values.get(name)
    return f"{found:.{decimals}f}" if isinstance(found, (int, float)) else "-"
