"""Renders generated shapes: `python shapes_sheet.py -- SHAPES SHEET.png`.

Runs in Blender (`blender --background --python ...`) or with the `bpy` module. Each folder in
SHAPES becomes a row of its .glb files, in the order of their names; all rows have the same scale.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contact_sheet import import_mesh, material, place, render, vertices_of

COLOURS = (
    (0.05, 0.35, 0.42), (0.62, 0.24, 0.10), (0.16, 0.30, 0.12), (0.36, 0.16, 0.40),
    (0.50, 0.40, 0.10), (0.10, 0.18, 0.45),
)  # fmt: skip


def build(shapes: Path) -> tuple[int, int]:
    """Fills the empty scene; returns the numbers of columns and rows."""
    folders = [folder for folder in sorted(shapes.iterdir()) if any(folder.glob("*.glb"))]
    columns = 0
    for row, folder in enumerate(folders):
        paint = material(folder.name, COLOURS[row % len(COLOURS)])
        for column, path in enumerate(sorted(folder.glob("*.glb"))):
            made = import_mesh(path)
            made.data.shade_smooth()
            made.data.materials.append(paint)
            place(made, vertices_of(made), column, row)
            columns = max(columns, column + 1)
    return columns, len(folders)


def main() -> None:
    shapes, sheet = (Path(word).resolve() for word in sys.argv[sys.argv.index("--") + 1 :])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    columns, rows = build(shapes)
    if rows == 0:
        raise SystemExit(f"{shapes} holds no folder with .glb files.")
    render(rows, sheet, columns)


if __name__ == "__main__":
    main()
