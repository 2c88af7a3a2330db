"""Real pictures (section 4.2, KITTI and Online Products): a folder of pictures to a sheet.

FOLDER/<name>.jpg (or .png, .webp) are the pictures; FOLDER/masks/<name>.png, where it is there,
says what the object is, else it is cut out as `onet reconstruct` does. FOLDER/truth/<name>.<mesh>,
where it is there, is the true shape: y up, its front towards -z, of any size. The paper has no
figures for real pictures, only a sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onet_core.errors import InputError, OnetError
from onet_core.inputs.frame import network_to_up
from onet_core.kinds import MESH_ENDINGS
from onet_core.mesh.drawing import drawn
from onet_core.mesh.mesh import Mesh
from onet_core.mesh.metrics import (
    mesh_contains,
    sample_surface,
    surface_distance,
    volumetric_iou,
)
from onet_core.pipeline.job import Job, run
from onet_core.settings import Settings

from ..data.build.folder import read_triangles
from ..sheet import SheetRow, write_sheet

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
HEADINGS = ("picture", "taken for the object", "mesh")
EDGE, SAMPLES = 256, 20_000


@dataclass(frozen=True)
class Shown:
    """What came of a picture.

    iou, chamfer: against the truth, both scaled to a longest edge of 1; None without one.
    remark: why there is no mesh, or what the report doubts.
    """

    name: str
    iou: float | None = None
    chamfer: float | None = None
    remark: str = ""


def list_pictures(folder: Path) -> list[Path]:
    """The pictures of a folder. Raises InputError where there are none."""
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not found:
        raise InputError(f"There are no pictures in {folder}.")
    return found


def measure(made: Mesh, true: Mesh, seed: int = 0) -> tuple[float, float]:
    """IoU and Chamfer-L1 of two meshes, each centred and scaled to a longest edge of 1."""
    one, other = _unit(made), _unit(true)
    points = np.random.default_rng(seed).uniform(-0.55, 0.55, (SAMPLES, 3))
    iou = volumetric_iou(mesh_contains(one, points), mesh_contains(other, points))
    surfaces = [sample_surface(mesh, SAMPLES, seed)[0] for mesh in (one, other)]
    return float(iou), surface_distance(*surfaces).chamfer_l1


def _unit(mesh: Mesh) -> Mesh:
    vertices = np.asarray(mesh.vertices, np.float64)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return Mesh((vertices - (low + high) / 2) / (high - low).max(), mesh.faces)


def sheet_of(folder: Path, output: Path, model: str = "", resolution: int = 128) -> list[Shown]:
    """Makes a mesh of every picture; writes OUTPUT/real.png and returns what came of each."""
    rows, shown = [], []
    output.mkdir(parents=True, exist_ok=True)
    for path in list_pictures(folder):
        taken = output / "masks" / f"{path.stem}.png"
        taken.parent.mkdir(exist_ok=True)
        taken.unlink(missing_ok=True)
        given = folder / "masks" / f"{path.stem}.png"
        job = Job(
            path=path,
            kind="image",
            model=model,
            mask=given if given.is_file() else None,
            save_mask=taken,
            settings=Settings(resolution=resolution, normals=False),
        )
        try:
            made = run(job)
        except OnetError as error:
            shown.append(Shown(path.stem, remark=str(error)))
            rows.append(_row(path, given if given.is_file() else taken, None, shown[-1]))
            continue
        doubts = "; ".join(str(doubt) for doubt in made.findings.doubts)
        true = _truth(folder, path.stem)
        mesh = made.made.mesh
        iou, chamfer = (None, None) if true is None else measure(_upright(mesh), true)
        shown.append(Shown(path.stem, iou, chamfer, doubts))
        rows.append(_row(path, given if given.is_file() else taken, mesh, shown[-1]))
    write_sheet(output / "real.png", HEADINGS, rows)
    return shown


def _upright(mesh: Mesh) -> Mesh:
    """From z up, as meshes are made for Blender, to the truth's y up."""
    return Mesh(np.asarray(mesh.vertices) @ network_to_up("z"), mesh.faces)


def _truth(folder: Path, name: str) -> Mesh | None:
    for path in sorted((folder / "truth").glob(f"{name}.*")):
        if path.suffix.lower() in MESH_ENDINGS:
            found = read_triangles(path)
            return Mesh(found.vertices, found.faces)
    return None


def _row(path: Path, mask: Path, mesh: Mesh | None, shown: Shown) -> SheetRow:
    blank = np.full((EDGE, EDGE, 3), 255, np.uint8)
    pictures = [_read(path), _read(mask) if mask.is_file() else blank]
    pictures.append(blank if mesh is None else _on_white(drawn(mesh, EDGE)))
    figures = "" if shown.iou is None else f"IoU {shown.iou:.3f}  CD {shown.chamfer:.4f}"
    return SheetRow(pictures, [shown.name, "", figures or shown.remark])


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
            small.thumbnail((EDGE, EDGE))
            return np.asarray(small)
    except OSError:
        return np.full((EDGE, EDGE, 3), 255, np.uint8)


def _on_white(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = Image.fromarray(picture).convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(ground, image).convert("RGB"))


def table_of(shown: Sequence[Shown]) -> str:
    """Markdown: each picture, its measures where there is truth, and remarks."""
    lines = ["| picture | IoU | Chamfer-L1 | remark |", "|---|---|---|---|"]
    for one in shown:
        cells = [one.name, _cell(one.iou), _cell(one.chamfer), one.remark.replace("|", "/")]
        lines.append(f"| {' | '.join(cells)} |")
    known = [one for one in shown if one.iou is not None and one.chamfer is not None]
    if known:
        iou = sum(one.iou for one in known if one.iou is not None) / len(known)
        chamfer = sum(one.chamfer for one in known if one.chamfer is not None) / len(known)
        lines.append(f"| **mean of {len(known)} with truth** | {iou:.4f} | {chamfer:.4f} | |")
    return "\n".join(lines) + "\n"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
