"""Which cheap sign tells beforehand how good a picture's shape is, and how it is calibrated.

    python -m training.measure.pictures.confidence picture FOLDER... \\
        [--scores FILE] [--page FILE] [--plot FILE]

FOLDER: datasets of validation shapes, such as one with fitted views and one from eye level. Of each
picture the IoU of the network's shape with the labelled points is compared with signs that need no
labels:

- expected: the IoU that the network's own probabilities promise, on a coarse grid.
- highest: its highest probability anywhere.
- mirrored: IoU of its shapes of the picture and of the mirrored picture.
- jittered: the same for the picture and for one drawn a tenth smaller and a little aside.
- code: minus the mean distance of the picture's code from the five nearest of other shapes.
- silhouette: IoU of the picture's outline and the shape's, from where they are most alike; of
  every fourth picture only.

The page gives their rank correlations and, for `highest`, a line IoU = a + b highest fitted by
least squares on half of the shapes and tried on the other half. Both are of validation shapes only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn import functional

from onet_core.errors import NoSurfaceError, OnetError
from onet_core.field import evaluate
from onet_core.inputs.observation import Observation
from onet_core.models.catalogue import find_model
from onet_core.models.description import ModelDescription
from onet_core.models.layers import resized
from onet_core.models.pictures.painting import likeliest_view, outlines_alike
from onet_core.models.weights import load_weights
from onet_core.pipeline.encoding import encoded
from onet_core.pipeline.level import PROBED, level_of
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

from ...data.labelled import LabelledShape, list_shapes, read_shape
from ...data.observations import NETWORK_FRAME, read_view
from ..baselines.pictures import code_features
from ..choose import command_of
from ..provenance import commit_text, data_version

SIGNS = ("expected", "highest", "mirrored", "jittered", "code", "silhouette")
_LABELS, _NEIGHBOURS, _BINS = 5_000, 5, 8
_SMALLER, _ASIDE = 0.9, (0.03, -0.03)
_CELLS, _WHITE = 48, 0.97
# Of one in so many pictures the silhouette is looked at, too.
_OUTLINED = 4
UNIMPORTANT = ("--scores", "--page", "--plot")


class Signs:
    """What a network's answer to a picture (3, S, S) tells of itself."""

    def __init__(self, network: nn.Module, model: ModelDescription) -> None:
        self._network, self._model = network, model
        self._code = code_features(network)
        self._device = torch.device("cpu")
        self._whole = Reconstructor.of_network(network, model, "cpu")
        half = (1 + model.padding) / 2
        axis = torch.linspace(-half, half, PROBED)
        self._grid = torch.cartesian_prod(axis, axis, axis)

    def of(
        self, picture: NDArray[np.float32], shape: LabelledShape, with_outline: bool
    ) -> dict[str, Any]:
        """The signs, the IoU that they should foretell, and the code (W,).

        with_outline: whether the silhouette is among them, which takes as long as the rest.
        """
        field, _ = self._field(picture)
        logits = evaluate(field, self._grid)
        level = level_of(field, self._model, self._device, with_faint=True, keep_apart=True)
        points = torch.from_numpy(shape.points[:_LABELS])
        inside = (evaluate(level.field, points).sigmoid() > level.threshold).numpy()
        true = shape.occupancies[:_LABELS]
        own = self._inside(picture, level.threshold)
        sign = self._grid.new_tensor([-1.0, 1.0, 1.0])
        turned = self._inside(np.ascontiguousarray(picture[..., ::-1]), level.threshold, sign)
        moved = self._inside(_jittered(picture), level.threshold)
        return {
            "iou": _iou(inside, true),
            "expected": expected_iou(logits, level.threshold),
            "highest": float(logits.max().sigmoid()),
            "mirrored": _iou(own, turned),
            "jittered": _iou(own, moved),
            "silhouette": self._silhouette(picture) if with_outline else None,
            "vector": self._code(self._resized(picture)[0].numpy()).tolist(),
        }

    def _field(self, picture: NDArray[np.float32]) -> tuple[Any, Any]:
        seen = Observation("image", picture, NETWORK_FRAME)
        made = encoded(self._network, self._model, seen, Settings(), self._device)
        return made.field, made.code

    def _inside(
        self, picture: NDArray[np.float32], threshold: float, signs: Tensor | None = None
    ) -> NDArray[np.bool_]:
        """Which nodes of the grid one look at a picture says are inside."""
        field, _ = self._field(picture)
        logits = evaluate(field, self._grid if signs is None else self._grid * signs)
        return (logits.sigmoid() > threshold).numpy()

    def _resized(self, picture: NDArray[np.float32]) -> Tensor:
        size = int(self._model.inputs.get("image_size", 224))
        return resized(torch.from_numpy(np.array(picture))[None], size)

    def _silhouette(self, picture: NDArray[np.float32]) -> float:
        seen = Observation("image", picture, NETWORK_FRAME)
        try:
            made = self._whole.reconstruct(seen, Settings(resolution=_CELLS, normals=False))
        except NoSurfaceError:
            return 0.0
        # The mesh is in the labels' frame, which is the network's.
        vertices = made.mesh.vertices.astype(np.float64)
        shown = np.asarray((picture < _WHITE).any(axis=0))
        return outlines_alike(vertices, shown, likeliest_view(vertices, shown))


def _jittered(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """The picture (3, S, S) a little smaller and aside, on white."""
    given = 1 - torch.from_numpy(np.array(picture))[None]
    turn = torch.tensor(
        [[[1 / _SMALLER, 0, _ASIDE[0]], [0, 1 / _SMALLER, _ASIDE[1]]]], dtype=torch.float32
    )
    where = functional.affine_grid(turn, list(given.shape), align_corners=False)
    moved = 1 - functional.grid_sample(given, where, align_corners=False)
    found: NDArray[np.float32] = moved[0].numpy()
    return found


def expected_iou(logits: Tensor, threshold: float) -> float:
    """The IoU that a shape drawn at a threshold has if all probabilities are right, 0 to 1.

    logits: (N,), at points that are spread evenly. What is drawn and true over what is drawn or
    true, each as its expectation.
    """
    likely = logits.double().sigmoid()
    drawn = likely > threshold
    either = float(drawn.sum() + likely[~drawn].sum())
    return float(likely[drawn].sum()) / either if drawn.any() else 0.0


def _iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def measured(
    weights: str, roots: Sequence[Path], split: str, scores: Path | None
) -> list[dict[str, Any]]:
    """The signs of every shape's first picture in every dataset; goes on from `scores`."""
    network, model = load_weights(find_model(weights).path)
    signs = Signs(network, model)
    done: dict[str, dict[str, Any]] = {}
    if scores is not None and scores.is_file():
        done = {row["key"]: row for row in map(json.loads, scores.read_text().splitlines())}
    rows: list[dict[str, Any]] = []
    for root in roots:
        for category, name in list_shapes(root, split):
            key = f"{root.name}/{category}/{name}"
            if key not in done:
                picture = read_view(root / category / name, 224)
                shape = read_shape(root, category, name)
                row = signs.of(picture, shape, len(rows) % _OUTLINED == 0)
                done[key] = {"key": key, "category": category, "views": root.name, **row}
                if scores is not None:
                    with scores.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(done[key]) + "\n")
            rows.append(done[key])
    return with_code_distances(rows)


def with_code_distances(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with `code` added: how near the code is to those of other shapes."""
    vectors = np.array([row["vector"] for row in rows])
    vectors = (vectors - vectors.mean(0)) / (vectors.std(0) + 1e-9)
    shapes = [row["key"].partition("/")[2] for row in rows]
    for number, row in enumerate(rows):
        others = np.array([one != shapes[number] for one in shapes])
        apart = np.sort(np.linalg.norm(vectors[others] - vectors[number], axis=1))
        row["code"] = -float(apart[:_NEIGHBOURS].mean())
    return rows


def line_of(rows: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """a and b of IoU = a + b highest, by least squares."""
    b, a = np.polyfit([row["highest"] for row in rows], [row["iou"] for row in rows], 1)
    return float(a), float(b)


def text_of(rows: list[dict[str, Any]], facts: dict[str, str], limit: float) -> str:
    """The page."""
    views = list(dict.fromkeys(row["views"] for row in rows))
    lines = ["# How sure the picture network can be", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += ["", "## Rank correlation with the IoU (Spearman)", ""]
    lines += ["| sign | all | " + " | ".join(views) + " |", "|" + "---|" * (2 + len(views))]
    for sign in SIGNS:
        cells = [_rank(rows, sign)]
        cells += [_rank([row for row in rows if row["views"] == one], sign) for one in views]
        lines.append(f"| {sign} | {' | '.join(cells)} |")
    even = _halves(rows)
    first, second = line_of(even[0]), line_of(even[1])
    errors = [
        np.abs([line[0] + line[1] * row["highest"] - row["iou"] for row in part]).mean()
        for line, part in ((first, even[1]), (second, even[0]))
    ]
    a, b = line_of(rows)
    true = np.array([row["iou"] for row in rows])
    constant = float(np.abs(true - true.mean()).mean())
    lines += [
        "",
        "## Calibration",
        "",
        f"IoU = {a:.3f} + {b:.3f} highest on all; {first[0]:.3f} + {first[1]:.3f} and "
        f"{second[0]:.3f} + {second[1]:.3f} on either half of the shapes. Mean error on the other "
        f"half: {errors[0]:.3f} and {errors[1]:.3f}; that of saying the mean always: "
        f"{constant:.3f}.",
        "",
        "| foretold IoU | pictures | mean IoU | IoU below 0.25 |",
        "|---|---|---|---|",
    ]
    foretold = np.array([a + b * row["highest"] for row in rows])
    edges = np.quantile(foretold, np.linspace(0, 1, _BINS + 1))
    for low, high in itertools.pairwise(edges):
        inside = (foretold >= low) & ((foretold < high) | (high == edges[-1]))
        lines.append(
            f"| {low:.2f} to {high:.2f} | {inside.sum()} | {true[inside].mean():.3f} | "
            f"{(true[inside] < 0.25).mean():.0%} |"
        )
    warned = foretold < limit
    lines += [
        "",
        f"Below {limit:.2f} foretold a warning is given: of {warned.sum()} of {len(rows)} pictures "
        f"({warned.mean():.0%}), mean IoU {true[warned].mean():.3f}, the others' "
        f"{true[~warned].mean():.3f}. Of those with an IoU below 0.25, "
        f"{(warned & (true < 0.25)).sum() / max(1, (true < 0.25).sum()):.0%} are warned of; of "
        f"those above 0.5, {(warned & (true > 0.5)).sum() / max(1, (true > 0.5).sum()):.0%}.",
        "",
    ]
    return "\n".join(lines)


def _rank(rows: Sequence[dict[str, Any]], sign: str) -> str:
    known = [row for row in rows if row[sign] is not None]
    found = spearmanr([row[sign] for row in known], [row["iou"] for row in known])
    return f"{found.statistic:.3f}"


def _halves(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of every other shape, and the rest."""
    shapes = sorted({row["key"].partition("/")[2] for row in rows})
    chosen = set(shapes[::2])
    first = [row for row in rows if row["key"].partition("/")[2] in chosen]
    return first, [row for row in rows if row["key"].partition("/")[2] not in chosen]


def draw_plot(rows: Sequence[dict[str, Any]], limit: float, path: Path) -> None:
    """Foretold against true IoU, one dot a picture, and the means of eight equal groups."""
    from PIL import Image, ImageDraw

    edge, room = 480, 60
    image = Image.new("RGB", (edge + 2 * room, edge + 2 * room), "white")
    pen = ImageDraw.Draw(image)

    def at(x: float, y: float) -> tuple[float, float]:
        return room + edge * x, room + edge * (1 - y)

    a, b = line_of(rows)
    foretold = np.array([a + b * row["highest"] for row in rows])
    true = np.array([row["iou"] for row in rows])
    pen.rectangle((*at(0, 1), *at(1, 0)), outline="black")
    pen.line((*at(0, 0), *at(1, 1)), fill="grey")
    pen.line((*at(limit, 0), *at(limit, 1)), fill="red")
    views = list(dict.fromkeys(row["views"] for row in rows))
    for x, y, row in zip(foretold, true, rows, strict=True):
        u, v = at(x, y)
        colour = ("steelblue", "darkorange")[views.index(row["views"]) % 2]
        pen.ellipse((u - 2, v - 2, u + 2, v + 2), fill=colour)
    order = np.argsort(foretold)
    for group in np.array_split(order, _BINS):
        u, v = at(float(foretold[group].mean()), float(true[group].mean()))
        pen.rectangle((u - 5, v - 5, u + 5, v + 5), outline="black", width=2)
    for number in range(6):
        share = number / 5
        pen.text((at(share, 0)[0] - 8, at(share, 0)[1] + 6), f"{share:.1f}", fill="black")
        pen.text((at(0, share)[0] - 26, at(0, share)[1] - 6), f"{share:.1f}", fill="black")
    pen.text((room, 8), "foretold IoU (across) and true IoU; squares: means of groups;", "black")
    pen.text((room, 24), "red: below it a warning; " + "blue, orange: " + ", ".join(views), "black")
    image.save(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the page. Returns 2 where something can't be used."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="python -m training.measure.pictures.confidence", description=__doc__
    )
    parser.add_argument("model")
    parser.add_argument("roots", nargs="+", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=float, default=0.3, help="foretold IoU to warn below")
    parser.add_argument("--scores", type=Path, help="JSON lines of what was measured, to go on")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        rows = measured(chosen.model, chosen.roots, chosen.split, chosen.scores)
    except OnetError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    versions = ", ".join(
        f"{root.name} {data_version(root, list_shapes(root, chosen.split))}"
        for root in chosen.roots
    )
    facts = {
        "Command": command_of("training.measure.pictures.confidence", arguments, UNIMPORTANT),
        "Commit": commit_text(),
        "Data": f"versions {versions}",
        "Pictures": f"{len(rows)} of the split `{chosen.split}`, grid {PROBED}",
    }
    text = text_of(rows, facts, chosen.limit)
    print(text)
    if chosen.page is not None:
        chosen.page.write_text(text, encoding="utf-8")
    if chosen.plot is not None:
        draw_plot(rows, chosen.limit, chosen.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
