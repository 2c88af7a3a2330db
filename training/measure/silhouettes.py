"""Whether results look like their pictures: `python -m training.measure.silhouettes WEIGHTS`.

The result is drawn from the camera that the network estimates and compared with what the picture
shows of the object.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from onet_core.errors import InputError, NoSurfaceError
from onet_core.inputs.background import shown_in
from onet_core.inputs.observation import Observation
from onet_core.mesh.mesh import Mesh
from onet_core.models.pictures.camera import PictureCamera
from onet_core.models.pictures.view import PictureView
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

from ..data.labelled import list_shapes
from ..data.observations import NETWORK_FRAME, read_view
from ..data.views.cameras import project_flat
from ..data.views.raster import rasterise


def silhouette(mesh: Mesh, view: PictureView, size: int) -> NDArray[np.bool_]:
    """Where a mesh in the network's frame is seen, (size, size)."""
    camera = PictureCamera.of_view(view)
    corners = torch.from_numpy(np.asarray(mesh.vertices, np.float32)[mesh.faces].reshape(-1, 3))
    seen = project_flat(camera, corners, torch.zeros(len(corners), dtype=torch.long))
    placed = torch.cat([seen[:, :2], seen[:, 2:] + view.distance], dim=1).view(-1, 3, 3)
    found = rasterise(placed, torch.zeros(len(placed), dtype=torch.long), 1, size)
    return (found.face[0] >= 0).numpy()


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """The IoU of two masks; 1 where both are empty."""
    either = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / either if either else 1.0


@click.command(help="Compares results with what their pictures show.")
@click.argument("weights")
@click.option("--data", "root", type=click.Path(path_type=Path), required=True)
@click.option("--split", default="val", show_default=True)
@click.option("--resolution", default=128, show_default=True)
def main(weights: str, root: Path, split: str, resolution: int) -> None:
    """Prints the mean of each category and that of all of them."""
    reconstructor = Reconstructor(weights, "cpu")
    size = int(reconstructor.description.inputs.get("image_size", 224))
    settings = Settings(resolution=resolution, normals=False)
    found: dict[str, list[float]] = {}
    for category, name in list_shapes(root, split):
        picture = read_view(root / category / name, size)
        mask = shown_in(picture)
        if mask is None:
            continue
        try:
            made = reconstructor.reconstruct(
                Observation("image", picture, NETWORK_FRAME, name), settings
            )
        except NoSurfaceError:
            found.setdefault(category, []).append(0.0)
            continue
        if made.view is None:
            raise InputError("This model does not say where pictures were taken from.")
        mesh = Mesh(NETWORK_FRAME.to_network(made.mesh.vertices), made.mesh.faces)
        found.setdefault(category, []).append(overlap(silhouette(mesh, made.view, size), mask))
    for category, values in found.items():
        click.echo(f"{category:12} {len(values):4} {np.mean(values):.3f}")
    means = [float(np.mean(values)) for values in found.values()]
    click.echo(f"mean of categories {np.mean(means):.3f}")


if __name__ == "__main__":
    main()
