"""Pictures of what generators make: a sheet to look at, and the thumbnail beside their weights.

    python -m training.generated chair sofa --sheet looked_at.jpg
    python -m training.generated chair --thumbnail 3

--sheet draws the seeds 0 to 23 of each model, row after row, as `onet generate` makes them;
--thumbnail writes `NAME.png` beside the weights, which Blender's panel shows, from that seed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from onet_core.errors import NoSurfaceError, OnetError
from onet_core.mesh.drawing import drawn
from onet_core.models.catalogue import find_model
from onet_core.models.weights import load_weights
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

COUNT, COLUMNS = 24, 12
PIXELS_OF_SHEET, PIXELS_OF_THUMBNAIL = 150, 128
# Those of the panel's default quality would not be told apart in a picture this small.
CELLS = 64
# What a thumbnail says of itself, so that it can be drawn again.
SEED = "seed"

Picture = NDArray[np.uint8]


def pictures_of(model: str, seeds: Sequence[int], pixels: int) -> list[Picture]:
    """A picture (P, P, 4) of each seed's shape, empty where it has no surface."""
    reconstructor = Reconstructor.of_network(*load_weights(find_model(model).path))
    settings = Settings(resolution=CELLS, normals=False)
    pictures = []
    for seed in seeds:
        try:
            pictures.append(drawn(reconstructor.generate(seed, settings).mesh, pixels))
        except NoSurfaceError:
            pictures.append(np.zeros((pixels, pixels, 4), dtype=np.uint8))
    return pictures


def sheet_of(pictures: Sequence[Picture], columns: int = COLUMNS) -> Image.Image:
    """Pictures (P, P, 4) side by side on white, each with its place in the list."""
    size = len(pictures[0])
    sheet = Image.new("RGB", (columns * size, -(-len(pictures) // columns) * size), "white")
    words = ImageDraw.Draw(sheet)
    for number, picture in enumerate(pictures):
        left, top = number % columns * size, number // columns * size
        image = Image.fromarray(picture)
        sheet.paste(image, (left, top), image)
        words.text((left + 3, top + 2), str(number), fill=(170, 30, 30))
    return sheet


@click.command()
@click.argument("models", nargs=-1, required=True)
@click.option("--sheet", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--thumbnail", type=click.IntRange(0), help="The seed that the picture is of.")
def main(models: Sequence[str], sheet: Path | None, thumbnail: int | None) -> None:
    """Draws what MODELS, names or weights files, generate."""
    try:
        if sheet is not None:
            rows = [sheet_of(pictures_of(name, range(COUNT), PIXELS_OF_SHEET)) for name in models]
            together = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)))
            for number, row in enumerate(rows):
                together.paste(row, (0, number * row.height))
            together.save(sheet, quality=85)
        if thumbnail is not None:
            for name in models:
                (picture,) = pictures_of(name, [thumbnail], PIXELS_OF_THUMBNAIL)
                path, facts = find_model(name).picture, PngInfo()
                facts.add_text(SEED, str(thumbnail))
                Image.fromarray(picture).save(path, optimize=True, pnginfo=facts)
                click.echo(path)
    except OnetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
