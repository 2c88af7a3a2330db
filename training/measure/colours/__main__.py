"""Ways to colour a true shape from one picture, compared: `python -m training.measure.colours`.

Shape and camera are the true ones, so that nothing but colours is measured: L1 and SSIM of views
from all around beside the true views (as in Texture Fields, Oechsle et al. 2019).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import mean, stdev

import click
import numpy as np
from PIL import Image
from tqdm import tqdm

from onet_core.errors import OnetError

from ..provenance import command_text, commit_text
from .comparison import MOST_VERTICES, Pictures, Score, coloured_triangles, compare
from .perceptual import perceptual
from .views import ColouredShape
from .ways import OTHER, PLAIN, WAYS, from_field

_SHEET_ROWS = 6


@click.command()
@click.option(
    "--source",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Shapes with an index.csv, as for `training.data.build shapes`.",
)
@click.option("--split", default="test", show_default=True)
@click.option("--limit", type=click.IntRange(1), help="Only this many shapes of several colours.")
@click.option("--lit/--flat", default=True, show_default=True, help="Pictures with light, or not.")
@click.option(
    "--texture",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Weights of another texture field, which is then compared too.",
)
@click.option(
    "--kept",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the scores so far: shapes that are in it are not measured again.",
)
@click.option("--at-most", type=click.IntRange(1), help="Measure so many more shapes, then stop.")
@click.option("--page", type=click.Path(path_type=Path), help="Markdown file to write.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Picture of some shapes to write.")
def main(
    source: Path,
    split: str,
    limit: int | None,
    lit: bool,
    texture: Path | None,
    kept: Path | None,
    at_most: int | None,
    page: Path | None,
    sheet: Path | None,
) -> None:
    """Prints the table."""
    scores = _kept_scores(kept)
    known = {f"{score.category}/{score.name}" for score in scores}
    shown: list[Pictures] = []
    left_out = []
    ways, measure = dict(WAYS), perceptual()
    if texture is not None:
        ways[OTHER] = partial(from_field, weights=texture)
    try:
        chosen = islice(coloured_triangles(source, split), limit)
        left = islice((one for one in chosen if one[1] not in known), at_most)
        for one in tqdm(left, "shapes", total=at_most, disable=not sys.stderr.isatty()):
            shape = ColouredShape(*one)
            if len(shape.vertices) > MOST_VERTICES:
                left_out.append(shape.name)
                continue
            found = compare(shape, ways, is_lit=lit, perceptual=measure)
            if found is None:
                left_out.append(shape.name)
                continue
            scores += found[0]
            if kept is not None:
                kept.write_text(json.dumps([asdict(score) for score in scores]), encoding="utf-8")
            if len(shown) < _SHEET_ROWS:
                shown.append(found[1])
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    command = command_text("training.measure.colours", click.get_current_context())
    text = table(scores, ways)
    click.echo(text)
    if page is not None:
        page.write_text(_page(text, command, split, lit, left_out), encoding="utf-8")
    if sheet is not None:
        Image.fromarray(draw(shown)).save(sheet)


def _kept_scores(kept: Path | None) -> list[Score]:
    if kept is None or not kept.is_file():
        return []
    return [Score(**score) for score in json.loads(kept.read_text(encoding="utf-8"))]


def table(scores: Sequence[Score], ways: Iterable[str]) -> str:
    """Means over shapes as Markdown; the last columns: how much more error than the plain way, with
    the standard error of the paired differences."""
    by_way = {way: [one for one in scores if one.way == way] for way in ways}
    shapes = len(by_way[PLAIN])
    lines = [
        f"| way ({shapes} shapes) | L1 | L1 where the picture shows nothing | SSIM | "
        "perceptual | L1 less that of the plain way | where the picture shows nothing |",
        "|" + "---|" * 7,
    ]
    for way, found in by_way.items():
        behind = [one.hidden_error for one in found if one.hidden_error is not None]
        unlike = [one.unlike for one in found if one.unlike is not None]
        plain = by_way[PLAIN]
        apart = [a.error - b.error for a, b in zip(found, plain, strict=True)]
        apart_behind = [
            a.hidden_error - b.hidden_error
            for a, b in zip(found, plain, strict=True)
            if a.hidden_error is not None and b.hidden_error is not None
        ]
        against = [""] * 2 if way == PLAIN else [_difference(apart), _difference(apart_behind)]
        lines.append(
            f"| {way} | {mean(one.error for one in found):.4f} | {mean(behind):.4f} | "
            f"{mean(one.similarity for one in found):.4f} | "
            f"{f'{mean(unlike):.3f}' if unlike else '-'} | {' | '.join(against)} |"
        )
    return "\n".join(lines) + "\n"


def _difference(apart: Sequence[float]) -> str:
    spread = stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else 0.0
    return f"{mean(apart):+.4f} ± {spread:.4f}"


def _page(text: str, command: str, split: str, is_lit: bool, left_out: Sequence[str]) -> str:
    seen = "lit by one lamp of random place and strength" if is_lit else "in flat colours"
    lines = [
        "# Colours from one picture",
        "",
        f"- Command: `{command}`, commit {commit_text()}.",
        f"- Shapes of the split `{split}` whose faces look outwards and have several colours.",
        "- True shape and true camera, so that only colours are measured. The picture is from a "
        f"random side, {seen}; the true views are in flat colours.",
        "- Mean over eight views from all around; L1 from 0 to 1 and SSIM over the shape's pixels. "
        "± is the standard error over shapes.",
        "- Perceptual: by EfficientNet-Lite0's features (Apache-2.0), like an uncalibrated LPIPS.",
    ]
    if left_out:
        lines.append(f"- Left out, as large or shown by no usable part: {', '.join(left_out)}.")
    return "\n".join([*lines, "", text])


def draw(shown: Sequence[Pictures]) -> np.ndarray:
    """A block for each shape: the photograph, then a row for each way, the truth last."""
    blocks = []
    for one in shown:
        rows = [np.concatenate(views[::2], axis=1) for views in (*one.made.values(), one.true)]
        block = np.concatenate(rows)
        height = len(block)
        picture = Image.fromarray(one.photograph).resize((2 * len(rows[0]),) * 2)
        left = np.ones((height, 2 * len(rows[0]), 3))
        left[: 2 * len(rows[0])] = np.asarray(picture) / 255
        blocks.append(np.concatenate([left, block], axis=1))
    made: np.ndarray = (np.concatenate(blocks) * 255).astype(np.uint8)
    return made


if __name__ == "__main__":
    main()
