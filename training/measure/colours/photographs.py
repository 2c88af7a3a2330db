"""Photographs and the coloured meshes made of them, on one sheet to look at.

    python -m training.measure.colours.photographs SHEET.jpg [--resolution 128]

The photographs come with scikit-image and are free (coffee and Chelsea the cat CC0; a rocket by
SpaceX and an astronaut's portrait by NASA, of which a model of the Space Shuttle is taken, public
domain). Where they show the object was marked by hand. Each row: the photograph with the mark's
outline, then the mesh as `onet reconstruct PHOTOGRAPH --mask MARK --picture-colours` makes it, from
the side that its outline is most like, and turned by 90 degrees each, all from a little above.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from onet_core.inputs.background import framed_mask
from onet_core.inputs.frame import network_to_up
from onet_core.mesh.mesh import Mesh
from onet_core.models.pictures.painting import likeliest_view
from onet_core.pipeline.job import Job, look, run
from onet_core.settings import Settings

from ...data.render.cameras import SIZE, fitted_camera

_EDGE = 220
_ELEVATION, _DISTANCE = np.radians(15.0), 2.0
_TURNS = (0, 90, 180, 270)


@dataclass(frozen=True)
class Photograph:
    """One of scikit-image's, and what of it is the object.

    ellipses: left, top, right, bottom. outlines: corners in turn. All in pixels.
    crop: what the sheet shows of it, left, top, right, bottom; empty for all.
    """

    title: str
    source: str
    ellipses: tuple[tuple[float, float, float, float], ...] = ()
    outlines: tuple[tuple[tuple[float, float], ...], ...] = ()
    crop: tuple[int, int, int, int] | tuple[()] = ()

    def picture(self) -> NDArray[np.uint8]:
        """(H, W, 3)."""
        from skimage import data

        return np.asarray(getattr(data, self.source)()[..., :3])

    def mask(self) -> NDArray[np.uint8]:
        """(H, W), 255 where it shows the object."""
        height, width = self.picture().shape[:2]
        mask = Image.new("L", (width, height))
        pen = ImageDraw.Draw(mask)
        for box in self.ellipses:
            pen.ellipse(box, fill=255)
        for corners in self.outlines:
            pen.polygon(corners, fill=255)
        return np.asarray(mask)


_RIM = (172, 18, 408, 208)
_CUP = (
    (172, 112), (182, 170), (205, 225), (224, 232), (245, 270), (265, 281), (300, 284), (330, 268),
    (368, 222), (396, 166), (408, 112),
)  # fmt: skip
_HANDLE = (
    (222, 228), (205, 250), (197, 272), (197, 295), (207, 307), (222, 306), (240, 290), (262, 262),
    (258, 236),
)  # fmt: skip
_SPOON = (
    (398, 70), (415, 66), (425, 76), (404, 160), (390, 205), (382, 232), (402, 262), (404, 290),
    (385, 318), (360, 326), (336, 316), (326, 290), (335, 258), (366, 240),
)  # fmt: skip
_ROCKET = (
    (322, 126), (330, 137), (334, 152), (334, 180), (331, 184), (331, 406), (312, 406), (312, 184),
    (310, 180), (310, 152), (314, 137),
)  # fmt: skip
_SHUTTLE = (
    (407, 2), (421, 0), (432, 14), (438, 40), (446, 41), (454, 58), (455, 200), (458, 264),
    (437, 266), (428, 246), (410, 250), (396, 246), (384, 266), (370, 270), (372, 244), (357, 226),
    (357, 212), (377, 186), (381, 110), (379, 60), (387, 42), (395, 46), (398, 20),
)  # fmt: skip
_CAT = (
    (36, 0), (44, 40), (28, 120), (18, 200), (34, 260), (80, 299), (300, 299), (322, 250),
    (352, 180), (368, 120), (360, 60), (398, 0),
)  # fmt: skip
PHOTOGRAPHS = (
    Photograph(
        "a cup on its saucer", "coffee", ((77, 72, 480, 388), _RIM), (_CUP, _HANDLE, _SPOON)
    ),
    Photograph("the cup alone", "coffee", (_RIM,), (_CUP, _HANDLE)),
    Photograph("a rocket", "rocket", (), (_ROCKET,)),
    Photograph("a model of the Shuttle", "astronaut", (), (_SHUTTLE,), (300, 0, 512, 290)),
    Photograph("a cat's head", "chelsea", (), (_CAT,)),
)


def seen_from(mesh: Mesh, azimuth: float) -> Image.Image:
    """A coloured mesh, z up, without light on white; azimuth: degrees, 0 from behind it (+y)."""
    vertices = np.asarray(mesh.vertices) @ network_to_up("z")
    camera = fitted_camera(vertices, np.radians(azimuth), _ELEVATION, _DISTANCE)
    scene = EmbreeScene()
    # The scene does not keep the mesh alive by itself.
    kept = TriangleMesh(scene, vertices[mesh.faces].astype(np.float32))
    steps = (np.arange(2 * SIZE) + 0.5) / 2
    rays = camera.rays(np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2))
    eyes = np.broadcast_to(camera.eye.astype(np.float32), rays.shape).copy()
    found = scene.run(eyes, rays.astype(np.float32), output=1)
    hit = found["primID"] >= 0
    u, v = found["u"][hit], found["v"][hit]
    colours = np.full(mesh.vertices.shape, 160.0) if mesh.colours is None else mesh.colours[:, :3]
    corners = colours[mesh.faces[found["primID"][hit]]]
    pixels = np.full((len(hit), 3), 255.0)
    pixels[hit] = np.einsum("hk,hkc->hc", np.stack([1 - u - v, u, v], axis=1), corners)
    del kept
    picture = pixels.reshape(2 * SIZE, 2 * SIZE, 3).round().astype(np.uint8)
    return Image.fromarray(picture).resize((_EDGE, _EDGE))


def row_of(one: Photograph, resolution: int) -> list[Image.Image]:
    """The photograph with the mark's outline, and its mesh from the sides."""
    picture, mask = one.picture(), one.mask()
    job = Job(pixels=picture, mask=mask, settings=Settings(resolution, picture_colours=True))
    mesh = run(job).made.mesh
    shown = framed_mask(mask, len(look(job)[1]))
    upright = np.asarray(mesh.vertices) @ network_to_up("z")
    azimuth = likeliest_view(upright, shown).azimuth
    marked = np.array(picture)
    inside = mask > 0
    around = np.zeros_like(inside)
    for axis in (0, 1):
        for step in (-1, 1):
            around |= np.roll(inside, step, axis) != inside
    marked[around] = (0, 255, 0)
    small = Image.fromarray(marked)
    if one.crop:
        small = small.crop(one.crop)
    small.thumbnail((_EDGE, _EDGE))
    return [small, *(seen_from(mesh, azimuth + turn) for turn in _TURNS)]


def sheet_of(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Rows of pictures."""
    sheet = Image.new("RGB", (_EDGE * (1 + len(_TURNS)), _EDGE * len(rows)), "white")
    for top, row in enumerate(rows):
        for left, picture in enumerate(row):
            sheet.paste(picture, (_EDGE * left, _EDGE * top))
    return sheet


@click.command(help="Photographs and the coloured meshes made of them.")
@click.argument("sheet", type=click.Path(path_type=Path))
@click.option("--resolution", default=128, show_default=True)
def main(sheet: Path, resolution: int) -> None:
    """See the module."""
    rows = []
    for one in PHOTOGRAPHS:
        click.echo(one.title)
        rows.append(row_of(one, resolution))
    sheet_of(rows).save(sheet)


if __name__ == "__main__":
    sys.exit(main())
