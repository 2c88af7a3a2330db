"""Tables of an evaluation: means per category and method, as CSV and as Markdown."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MEASURES = {
    "iou": ("IoU", "higher is better"),
    "chamfer_l1": (
        "Chamfer-L1",
        "lower is better; in units of the longest edge, the paper's tables give 10 times this",
    ),
    "normal_consistency": ("Normal consistency", "higher is better"),
    "f_score_0.01": ("F-score at 1 % of the longest edge", "higher is better"),
}


@dataclass(frozen=True)
class Result:
    """What one method scored on one shape.

    scores: as `onet_core.mesh.metrics.evaluate_mesh` names them.
    seconds: to make the shape, by stage.
    note: what went wrong or, for a copy, which shape was copied.
    closed: whether the mesh is, None for copies.
    """

    category: str
    shape: str
    method: str
    scores: dict[str, float]
    seconds: dict[str, float]
    note: str = ""
    closed: bool | None = None


def methods_of(results: Iterable[Result]) -> list[str]:
    """The methods, in the order in which they appear."""
    return list(dict.fromkeys(result.method for result in results))


def category_means(results: Sequence[Result], method: str, measure: str) -> dict[str, float]:
    """Category -> mean of a measure over its shapes."""
    values: dict[str, list[float]] = {}
    for result in results:
        if result.method == method:
            values.setdefault(result.category, []).append(result.scores[measure])
    return {category: mean(found) for category, found in sorted(values.items())}


def summary(results: Sequence[Result], method: str) -> dict[str, float]:
    """Every measure's mean over the categories, each counting once, as the paper's tables do."""
    names = [name for result in results if result.method == method for name in result.scores]
    return {
        name: mean(category_means(results, method, name).values()) for name in dict.fromkeys(names)
    }


def shape_summary(results: Sequence[Result], method: str) -> dict[str, float]:
    """Every measure's mean over the shapes, each counting once."""
    chosen = [result.scores for result in results if result.method == method]
    names = dict.fromkeys(name for scores in chosen for name in scores)
    return {name: mean(scores[name] for scores in chosen) for name in names}


def mean_seconds(results: Sequence[Result], method: str) -> dict[str, float]:
    """Stage -> mean seconds per shape."""
    chosen = [result.seconds for result in results if result.method == method]
    stages = dict.fromkeys(stage for seconds in chosen for stage in seconds)
    return {stage: mean(seconds.get(stage, 0.0) for seconds in chosen) for stage in stages}


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean without what is not a number, as the original's; NaN of nothing.

    The IoU of a shape without an occupied point, in truth and found, is no number.
    """
    found = [value for value in values if not math.isnan(value)]
    return math.fsum(found) / len(found) if found else math.nan


def write_csv(path: Path, results: Sequence[Result]) -> None:
    """One line per shape and method, all measures."""
    names = dict.fromkeys(name for result in results for name in result.scores)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["category", "shape", "method", *names, "closed", "seconds", "note"])
        for result in results:
            scores = (f"{result.scores[name]:.6g}" for name in names)
            seconds = f"{sum(result.seconds.values()):.3f}"
            closed = "" if result.closed is None else int(result.closed)
            tail = [closed, seconds, result.note]
            writer.writerow([result.category, result.shape, result.method, *scores, *tail])


def markdown_tables(results: Sequence[Result]) -> str:
    """The means of all measures, then a table per measure with one row per category."""
    methods = methods_of(results)
    parts = ["## Means", ""]
    parts += _row(["method", "mean of", *(title for title, _ in MEASURES.values())])
    parts += _rule(2 + len(MEASURES))
    for kind, summarise in (("categories", summary), ("shapes", shape_summary)):
        for method in methods:
            means = summarise(results, method)
            parts += _row([method, kind, *(_number(means[name]) for name in MEASURES)])
    for name, (title, meaning) in MEASURES.items():
        table = {method: category_means(results, method, name) for method in methods}
        counts = {
            category: sum(r.category == category for r in results) // len(methods)
            for category in table[methods[0]]
        }
        parts += ["", f"## {title}", "", f"{meaning[0].upper()}{meaning[1:]}.", ""]
        parts += _row(["category", "shapes", *methods])
        parts += _rule(2 + len(methods))
        for category, count in counts.items():
            cells = (_number(table[method][category]) for method in methods)
            parts += _row([category, str(count), *cells])
        overall = [_number(mean(table[method].values())) for method in methods]
        parts += _row(["**mean of categories**", "", *overall])
        each = [_number(shape_summary(results, method)[name]) for method in methods]
        parts += _row(["mean of shapes", str(sum(counts.values())), *each])
    return "\n".join(parts) + "\n"


def times_table(results: Sequence[Result]) -> str:
    """Mean seconds per shape of every method, by stage and in all."""
    lines = ["", "## Time", "", "Mean seconds per shape to make it, measuring left out.", ""]
    lines += _row(["method", "all", "stages"]) + _rule(3)
    for method in methods_of(results):
        stages = mean_seconds(results, method)
        parts = ", ".join(f"{stage} {seconds:.3f}" for stage, seconds in stages.items())
        lines += _row([method, f"{math.fsum(stages.values()):.3f}", parts or "-"])
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:.4f}"


def _row(cells: Sequence[str]) -> list[str]:
    return ["| " + " | ".join(cells) + " |"]


def _rule(columns: int) -> list[str]:
    return ["|" + "---|" * columns]
