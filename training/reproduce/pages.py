"""A table of the paper as Markdown and CSV: our figures, the paper's and the other methods'."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from .figures import CATEGORIES, IMAGE_CHAMFER, IMAGE_IOU, IMAGE_NORMALS, TABLES, Published
from .runs import Measured
from .tables import ALWAYS, Table

# The paper gives Chamfer-L1 in tenths of the longest edge, our measures in the edge.
TENTHS = 10.0
OURS = "ours"
HEADINGS = ("row", "IoU", "Chamfer-L1", "normal consistency", "source")
_MEASURES = (("iou", 1.0), ("chamfer_l1", TENTHS), ("normal_consistency", 1.0))
_BY_CATEGORY = {
    "IoU": ("iou", 1.0, IMAGE_IOU),
    "Chamfer-L1": ("chamfer_l1", TENTHS, IMAGE_CHAMFER),
    "Normal consistency": ("normal_consistency", 1.0, IMAGE_NORMALS),
}
Line = tuple[str, ...]


def spread_text(values: Sequence[float]) -> str:
    """The mean, and the deviation between seeds where there are several; a dash for nothing."""
    if not values:
        return "-"
    text = f"{mean(values):.3f}"
    return f"{text} ± {stdev(values):.3f}" if len(values) > 1 else text


def our_lines(found: Sequence[Measured]) -> list[Line]:
    """A line for each row of the table, over its seeds."""
    lines = []
    for title in dict.fromkeys(one.row.title for one in found):
        runs = [one for one in found if one.row.title == title]
        cells = []
        for name, scale in _MEASURES:
            figures = (run.figure(name) for run in runs)
            cells.append(spread_text([scale * value for value in figures if value is not None]))
        seeds = ", ".join(str(run.seed) for run in runs)
        source = f"our run{'s' if len(runs) > 1 else ''}, seed {seeds}, {_shapes_text(runs)}"
        lines.append((f"{title}, {OURS}", *cells, source))
    return lines


def _shapes_text(runs: Sequence[Measured]) -> str:
    """The steps after which each run was best, and what it was measured on."""
    metrics, training = runs[0].metrics, runs[0].training
    steps = ", ".join(str(run.training.get("steps", "-")) for run in runs)
    return (
        f"{steps} steps, {metrics.get('shapes', '-')} shapes of {metrics.get('data', '-')}, "
        f"commit {training.get('commit', '-')}"
    )


def published_lines(rows: Sequence[Published]) -> list[Line]:
    """The lines of the paper."""
    return [
        (row.method, _cell(row.iou), _cell(row.chamfer), _cell(row.normals), row.source)
        for row in rows
    ]


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def order_text(name: str, found: Sequence[Measured]) -> str:
    """Whether the order that the paper found is ours too, by IoU; nothing for tables of one row.

    Two rows whose means differ by less than their deviations together are not told apart.
    """
    theirs = {row.method: row.iou for row in TABLES[name] if row.iou is not None}
    ours: dict[str, list[float]] = {}
    for one in found:
        value = one.figure("iou")
        if one.row.title in theirs and value is not None:
            ours.setdefault(one.row.title, []).append(value)
    if len(ours) < 2:
        return ""
    best, *others = sorted(ours, key=lambda title: -theirs[title])
    words = []
    for other in others:
        apart = mean(ours[best]) - mean(ours[other])
        noise = sum(stdev(runs) for runs in (ours[best], ours[other]) if len(runs) > 1)
        if abs(apart) <= noise:
            words.append(f"{best} and {other} are not told apart at this scale ({apart:+.3f})")
        elif apart > 0:
            words.append(f"{best} is ahead of {other} as in the paper ({apart:+.3f})")
        else:
            words.append(f"{best} is behind {other}, unlike in the paper ({apart:+.3f})")
    return f"Order by IoU: {'; '.join(words)}."


def generation_lines(found: Sequence[Measured]) -> list[str]:
    """Coverage and distance of generated shapes beside real ones."""
    lines = ["", "| class | seed | coverage, ours | of real shapes | MMD, ours | of real shapes |"]
    lines.append("|" + "---|" * 6)
    for one in found:
        sets = one.metrics.get("generation", {})
        made, real = sets.get("samples", {}), sets.get("training shapes", {})
        cells = [_cell(part.get(name)) for name in ("coverage", "mmd") for part in (made, real)]
        lines.append(f"| {one.row.title} | {one.seed} | {' | '.join(cells)} |")
    return lines if len(lines) > 3 else []


def category_lines(found: Sequence[Measured]) -> list[str]:
    """Table 1 by category, ours first."""
    lines = []
    for heading, (name, scale, published) in _BY_CATEGORY.items():
        lines += ["", f"## {heading} by category", ""]
        lines.append(f"| category | {OURS} | {' | '.join(published)} |")
        lines.append("|" + "---|" * (2 + len(published)))
        for place, category in enumerate(CATEGORIES):
            runs = [one.metrics.get("categories", {}).get(category, {}) for one in found]
            ours = spread_text([scale * run[name] for run in runs if name in run])
            cells = (f"{row[place]:.3f}" for row in published.values())
            lines.append(f"| {category} | {ours} | {' | '.join(cells)} |")
    return [*lines, "", "Source of all columns but ours: paper, table 1."]


def page(
    name: str, table: Table, profile: str, found: Sequence[Measured], command: str
) -> tuple[str, list[Line]]:
    """The Markdown of a table, and its lines for the CSV."""
    lines = [*our_lines(found), *published_lines(TABLES[name])]
    text = [f"# {table.title}, profile `{profile}`", "", f"- Command: `{command}`"]
    text += [f"- Differs: {sentence}" for sentence in differences(table, profile)]
    order = order_text(name, found)
    text += [f"- {order}"] if order else []
    text += [
        "- Chamfer-L1 in tenths of the longest edge, as in the paper. ± is between seeds. Steps: "
        "those after which each run was best on the validation shapes.",
        "",
    ]
    text += [_row(HEADINGS), "|" + "---|" * len(HEADINGS), *map(_row, lines)]
    if name == "generation":
        text += generation_lines(found)
    if name == "image":
        text += category_lines(found)
    return "\n".join(text) + "\n", lines


def differences(table: Table, profile: str) -> list[str]:
    """What differs from the paper."""
    return [*ALWAYS[profile], *table.differs.get(profile, ())]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def write_csv(path: Path, lines: Sequence[Line], headings: Sequence[str] = HEADINGS) -> None:
    """The lines with their headings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(headings)
        writer.writerows(lines)
