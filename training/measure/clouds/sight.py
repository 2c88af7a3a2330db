"""How much of a scan is seen from where it was taken, and from elsewhere.

    python -m training.measure.clouds.sight --data DATA [--shapes 110] [--rooms 5]

Rooms and shapes as of `within`, by laser scanners. "Elsewhere": all points by the first of their
scanners, as where a program joined scans. Prints a table in Markdown.
"""

from __future__ import annotations

import numpy as np

from onet_core.scans.sight import SEEN, share_seen

from ..protocol import spread
from .validation import mesh_of
from .within import KINDS, Scan, arguments, around, room, scan, shapes_of

_VIEWS = 4
_QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)


def seen_in(found: Scan) -> tuple[float, float]:
    """The share of a scan that is seen from where it was taken, and by the first scanner alone."""
    low, high = found.points.min(axis=0), found.points.max(axis=0)
    size = float((high - low).max())
    points = (found.points - (low + high) / 2) / size
    alone = np.tile(found.eyes[0], (len(points), 1))
    right, wrong = ((eyes - found.points) / size for eyes in (found.eyes, alone))
    return share_seen(points, right), share_seen(points, wrong)


def main() -> None:
    given = arguments(__doc__)
    rooms = []
    for kind in (kind for kind in KINDS if not kind.is_camera):
        for seed in range(given.rooms):
            random = np.random.default_rng(seed)
            rooms.append(seen_in(scan(*room(given.data, kind, random), random)))
    listed, shapes = shapes_of(given.data), []
    for number in spread(len(listed), given.shapes):
        category, name = listed[number]
        shape = mesh_of(given.data / "shapes" / category / f"{name}.npz")
        shapes.append(seen_in(around(shape, _VIEWS, np.random.default_rng(number))))
    print(f"| scans | from | least | 5 % | median | 95 % | most | over {SEEN} |")
    print("|---|---|---|---|---|---|---|---|")
    for title, found in ((f"{len(rooms)} rooms", rooms), (f"{len(shapes)} shapes", shapes)):
        for column, place in enumerate(("where it was taken", "elsewhere")):
            values = [row[column] for row in found]
            cells = " | ".join(f"{one:.3f}" for one in np.quantile(values, _QUANTILES))
            believed = np.count_nonzero(np.array(values) > SEEN)
            print(f"| {title} | {place} | {cells} | {believed} |")


if __name__ == "__main__":
    main()
