"""Which scans are taken for ones from within: of simulated rooms, and of validation shapes.

    python -m training.measure.clouds.within --data DATA [--shapes 110] [--rooms 5]

Rooms are boxes with a door and a window, furnished with shapes of the split `val`, as a laser
scanner on a tripod or a depth camera sees them from one to three places: by ray casting, with noise
of 3 mm at least. Shapes are sampled whole, without the 30 % around one point, and as seen from one
to three places around them. 8,000 points each. Prints a table in Markdown.
"""

from __future__ import annotations

import csv
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray

from onet_core.scans.within import standpoints

from ...data.build.shapes import INDEX_FILE
from ..protocol import spread
from .validation import mesh_of

FloatArray = NDArray[np.float64]

_POINTS, _MISSING = 8_000, 0.3
_LENGTHS = {"chair": 0.95, "sofa": 2.0, "table": 1.4, "cabinet": 1.6, "lamp": 1.5, "bookshelf": 1.9}
"""In metres."""

_FURNITURE = ("sofa", "table", "chair", "chair", "cabinet", "lamp", "bookshelf")


class Kind(NamedTuple):
    """A kind of scan of rooms. stands: how many places it is taken from. walls: of four."""

    name: str
    stands: int = 1
    has_ceiling: bool = True
    is_camera: bool = False
    furniture: tuple[str, ...] = _FURNITURE
    walls: int = 4


class Scan(NamedTuple):
    """points: (N, 3). eyes: (N, 3), from where each was seen."""

    points: FloatArray
    eyes: FloatArray


KINDS = (
    Kind("1 place"),
    Kind("2 places", 2),
    Kind("3 places", 3),
    Kind("1 place, no ceiling", has_ceiling=False),
    Kind("2 places, no ceiling", 2, has_ceiling=False),
    Kind("3 places, no ceiling", 3, has_ceiling=False),
    Kind("depth camera", 2, is_camera=True),
    Kind("table and chair, no ceiling", has_ceiling=False, furniture=("table", "chair")),
    Kind("one chair", furniture=("chair",)),
    Kind("empty", furniture=()),
    Kind("corner, no ceiling", has_ceiling=False, walls=2),
)


def shapes_of(data: Path) -> list[tuple[str, str]]:
    """(category, name) of the shapes of the split `val`."""
    with (data / INDEX_FILE).open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"]
    return [(row["category"], row["id"]) for row in rows]


def room(data: Path, kind: Kind, random: np.random.Generator) -> tuple[trimesh.Trimesh, FloatArray]:
    """A furnished room, y up, in metres, and where a scanner stands in it (S, 3)."""
    size = random.uniform([3.5, 2.4, 3.0], [6.0, 3.0, 5.0])
    wide, high, deep = np.diag(size)
    parts = [_rectangle(0 * size, wide, deep), _rectangle(deep, wide, high)]
    parts += _holed(0 * size, deep, high, (0.3, 0.35), (0.7, 0.85))
    if kind.walls == 4:
        parts += _holed(0 * size, wide, high, (0.15, 0), (0.35, 0.8))
        parts.append(_rectangle(wide, deep, high))
    if kind.has_ceiling:
        parts.append(_rectangle(high, wide, deep))
    taken: list[FloatArray] = []
    listed = shapes_of(data)
    for name in kind.furniture:
        of_kind = [found for found in listed if found[0] == name]
        category, shape = of_kind[random.integers(len(of_kind))]
        piece = mesh_of(data / "shapes" / category / f"{shape}.npz")
        piece.apply_scale(_LENGTHS[name] * random.uniform(0.9, 1.1))
        angle = random.integers(4) * np.pi / 2 + random.normal(0, 0.15)
        piece.apply_transform(trimesh.transformations.rotation_matrix(angle, [0, 1, 0]))
        for _ in range(60):
            room_left = size - piece.extents
            place = random.uniform(0.03, 0.97, 3) * room_left * [1, 0, 1]
            box = np.concatenate([place, place + piece.extents])[[0, 2, 3, 5]]
            if (room_left > 0.1).all() and not any(_overlap(box, other) for other in taken):
                piece.apply_translation(place - piece.bounds[0])
                parts.append(piece)
                taken.append(box)
                break
    scene = trimesh.Trimesh(*trimesh.util.append_faces(*_arrays(parts)), process=False)
    return scene, _stands(size, taken, kind.stands, random)


def scan(
    scene: trimesh.Trimesh, stands: FloatArray, random: np.random.Generator, is_camera: bool = False
) -> Scan:
    """What a laser scanner or a depth camera sees from some places (S, 3)."""
    found = []
    for stand in stands:
        if is_camera:
            views = [_view(stand + random.normal(0, 0.15, 3), random) for _ in range(12)]
            found += [_cast(scene, eye, ways, (0.4, 5.0), 0.15, random) for eye, ways in views]
        else:
            found.append(_cast(scene, stand, _turn(), (0.3, 30.0), 0.06, random))
    return _some(found, random)


def around(shape: trimesh.Trimesh, views: int, random: np.random.Generator) -> Scan:
    """What is seen of a shape from some places around it, from -6 to 57 degrees."""
    found = []
    for number in range(views):
        turn = 2 * np.pi * (number / views + random.uniform(0, 0.1))
        height = random.uniform(-0.1, 1.0)
        ring = np.cos(height)
        eye = 2 * np.array([np.cos(turn) * ring, np.sin(height), np.sin(turn) * ring])
        aims = np.asarray(trimesh.sample.sample_surface(shape, _POINTS, seed=number)[0]) - eye
        ways = aims / np.linalg.norm(aims, axis=1, keepdims=True)
        found.append(_cast(shape, eye, ways, (0.0, 9.0), 0.0, random, noise=0.0))
    return _some(found, random)


def _some(found: list[Scan], random: np.random.Generator) -> Scan:
    """Some points of scans together."""
    points, eyes = (np.concatenate(some) for some in zip(*found, strict=True))
    chosen = random.permutation(len(points))[:_POINTS]
    return Scan(points[chosen], eyes[chosen])


def is_from_within(points: FloatArray) -> bool:
    """Whether points (N, 3) are taken for a scan from within."""
    low, high = points.min(axis=0), points.max(axis=0)
    return standpoints((points - (low + high) / 2) / (high - low).max()) is not None


def _cast(
    scene: trimesh.Trimesh,
    eye: FloatArray,
    ways: FloatArray,
    ranges: tuple[float, float],
    slant: float,
    random: np.random.Generator,
    noise: float = 0.003,
) -> Scan:
    """What rays in some directions (N, 3) hit, less what is too near, too far or too slanted."""
    hits, rays, faces = scene.ray.intersects_location(
        np.tile(eye, (len(ways), 1)), ways, multiple_hits=False
    )
    far = np.linalg.norm(hits - eye, axis=1)
    along = np.abs(np.einsum("ni,ni->n", scene.face_normals[faces], ways[rays]))
    kept = (far > ranges[0]) & (far < ranges[1]) & (along > slant)
    off = random.normal(0, noise, kept.sum()) * (1 + far[kept] / 10)
    points = np.asarray(hits[kept] + off[:, None] * ways[rays][kept])
    return Scan(points, np.tile(eye, (len(points), 1)))


def _turn(count: int = 170, lowest: float = -65.0) -> FloatArray:
    """The directions of a scanner that turns on a tripod, which it does not see."""
    turns = np.arange(2 * count) / count * np.pi
    angle, height = np.meshgrid(turns, np.radians(np.linspace(lowest, 90, count, endpoint=False)))
    ring = np.cos(height)
    ways = np.stack([np.cos(angle) * ring, np.sin(height), np.sin(angle) * ring], axis=-1)
    return np.asarray(ways.reshape(-1, 3))


def _view(eye: FloatArray, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """A camera's place and the directions of its pixels: 70 by 55 degrees, any way, about level."""
    turn, tilt = random.uniform(0, 2 * np.pi), random.uniform(-0.6, 0.5)
    ahead = np.array([np.cos(turn) * np.cos(tilt), np.sin(tilt), np.sin(turn) * np.cos(tilt)])
    right = np.cross(ahead, [0, 1, 0]) / np.cos(tilt)
    across, up = np.meshgrid(np.linspace(-0.7, 0.7, 128), np.linspace(-0.52, 0.52, 96))
    ways = ahead + across[..., None] * right + up[..., None] * np.cross(right, ahead)
    return eye, (ways / np.linalg.norm(ways, axis=2, keepdims=True)).reshape(-1, 3)


def _stands(
    size: FloatArray, taken: list[FloatArray], count: int, random: np.random.Generator
) -> FloatArray:
    """Places (S, 3) at eye level that are not in the furniture, if there are some."""
    found: list[FloatArray] = []
    while len(found) < count:
        places = random.uniform([0.4, 1.3, 0.4], [size[0] - 0.4, 1.7, size[2] - 0.4], (400, 3))
        free = np.full(len(places), 0.6)
        for box in taken:
            across = np.maximum(box[0] - places[:, 0], places[:, 0] - box[2])
            free = np.minimum(free, np.maximum(across, np.maximum(
                box[1] - places[:, 2], places[:, 2] - box[3]
            )))  # fmt: skip
        found.append(places[(np.minimum(free, random.uniform(0.2, 0.6, len(places)))).argmax()])
    return np.array(found)


def _arrays(parts: list[trimesh.Trimesh]) -> tuple[list[FloatArray], list[FloatArray]]:
    return [part.vertices for part in parts], [part.faces for part in parts]


def _turned(angle: float) -> FloatArray:
    """The rotation (3, 3) around the vertical."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def _overlap(one: FloatArray, other: FloatArray) -> bool:
    return bool((one[:2] < other[2:]).all() and (other[:2] < one[2:]).all())


def _rectangle(corner: FloatArray, one: FloatArray, other: FloatArray) -> trimesh.Trimesh:
    corners = [corner, corner + one, corner + one + other, corner + other]
    return trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], process=False)


def _holed(
    corner: FloatArray,
    one: FloatArray,
    other: FloatArray,
    low: tuple[float, float],
    high: tuple[float, float],
) -> Iterator[trimesh.Trimesh]:
    """A rectangle without the part from low to high, shares of its edges."""
    for left, bottom, right, top in (
        (0.0, 0.0, low[0], 1.0), (high[0], 0.0, 1.0, 1.0),
        (low[0], 0.0, high[0], low[1]), (low[0], high[1], high[0], 1.0),
    ):  # fmt: skip
        if right > left and top > bottom:
            yield _rectangle(
                corner + left * one + bottom * other, (right - left) * one, (top - bottom) * other
            )


def arguments(description: str | None) -> Namespace:
    """What the command line says: data, shapes, rooms."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="the indexed source of shapes")
    parser.add_argument("--shapes", type=int, default=110)
    parser.add_argument("--rooms", type=int, default=5, help="of each kind")
    return parser.parse_args()


def main() -> None:
    given = arguments(__doc__)
    print("| scan | taken for one from within |\n|---|---|")
    for kind in KINDS:
        found = 0
        for seed in range(given.rooms):
            random = np.random.default_rng(seed)
            scene, stands = room(given.data, kind, random)
            points = scan(scene, stands, random, kind.is_camera).points
            found += is_from_within(points @ _turned(random.uniform(0, np.pi)))
        print(f"| room: {kind.name} | {found} of {given.rooms} |", flush=True)
    listed = shapes_of(given.data)
    wrong: dict[str, list[str]] = {"whole": [], "30 % missing": [], "seen from 1 to 3 places": []}
    chosen = spread(len(listed), given.shapes)
    for number in chosen:
        category, name = listed[number]
        random = np.random.default_rng(number)
        shape = mesh_of(given.data / "shapes" / category / f"{name}.npz")
        points = np.asarray(trimesh.sample.sample_surface(shape, _POINTS, seed=0)[0])
        away = np.linalg.norm(points - points[random.integers(len(points))], axis=1)
        clouds = (
            points,
            points[away > np.quantile(away, _MISSING)],
            around(shape, int(random.integers(1, 4)), random).points,
        )
        for key, cloud in zip(wrong, clouds, strict=True):
            if is_from_within(cloud):
                wrong[key].append(f"{category}/{name}")
    for key, names in wrong.items():
        print(f"| shape: {key} | {len(names)} of {len(chosen)} {', '.join(names)} |")


if __name__ == "__main__":
    main()
