"""What became of the shapes of a build, to be read: Markdown beside the table of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

_SPLITS = ("train", "val", "test")


def summarise(rows: Sequence[Mapping[str, object]], tables: Sequence[str]) -> str:
    """Markdown for a build's rows: how many of each category, and what was dropped and why.

    tables: names of the files that hold the rows. Reasons that differ only by the shape they name
    are counted together above the list.
    """
    built = [row for row in rows if row["status"] == "built"]
    dropped = [row for row in rows if row["status"] != "built"]
    lines = [
        "# What became of the shapes",
        "",
        f"{len(built)} of {len(rows)} shapes were built, {len(dropped)} were dropped. All of them "
        f"are in {' and '.join(tables)}.",
        "",
        "| category | train | val | test | winding number | flood fill | dropped |",
        "|---|---|---|---|---|---|---|",
    ]
    for category in sorted({str(row["category"]) for row in rows}):
        own = [row for row in built if row["category"] == category]
        splits = Counter(row["split"] for row in own)
        methods = Counter(row["method"] for row in own)
        lost = sum(row["category"] == category for row in dropped)
        cells = [
            _cell(category),
            *(splits[split] for split in _SPLITS),
            methods["winding"],
            methods["floodfill"],
            lost,
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += ["", "## Dropped", ""]
    if not dropped:
        lines.append("None.")
        return "\n".join(lines) + "\n"
    reasons = Counter(_reason(row) for row in dropped)
    lines += [f"* {count}: {_cell(reason)}" for reason, count in reasons.most_common()]
    lines += ["", "| shape | reason |", "|---|---|"]
    lines += [
        f"| {_cell(row['category'])}/{_cell(row['name'])} | {_cell(row['reason'])} |"
        for row in dropped
    ]
    return "\n".join(lines) + "\n"


def _reason(row: Mapping[str, object]) -> str:
    """Why a shape was dropped, without the names of its file."""
    words = str(row["reason"]).split()
    name = str(row["name"])
    named = [word for word in words if "/" in word or word.replace(".", "_").startswith(name)]
    return " ".join("…" if word in named else word for word in words)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
