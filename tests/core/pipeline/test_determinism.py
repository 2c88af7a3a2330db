"""The same input gives the same bytes on one and on two threads, for every kind of input."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from onet_core.mesh.mesh import Mesh
from onet_core.models.catalogue import find_model
from onet_core.models.prepared import prepare
from onet_core.models.weights import load_weights
from onet_core.pipeline.job import Job, run
from onet_core.pipeline.making import Reconstruction
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def made(path: Path, count: int, settings: Settings) -> tuple[str, int]:
    """The digest of a mesh computed with that number of threads, and its number of faces."""
    torch.set_num_threads(count)
    return digest(run(Job(path=path, settings=settings)).made.mesh)


def digest(mesh: Mesh) -> tuple[str, int]:
    content = mesh.vertices.tobytes() + mesh.faces.tobytes()
    return hashlib.sha256(content).hexdigest(), len(mesh.faces)


# With faces the surface is found first, as without, so the scan, which takes longest, goes once.
@pytest.mark.parametrize(
    ("name", "faces"),
    [
        ("sofa_voxels.ply", None),
        ("sofa_voxels.ply", 800),
        ("chair_scan.ply", 800),
        ("car.png", None),
        ("car.png", 800),
    ],
)
def test_one_and_two_threads_make_the_same_bytes(name: str, faces: int | None) -> None:
    settings = Settings(resolution=32, faces=faces, refinement_steps=faces and 5)
    one, two = (made(EXAMPLES / name, count, settings) for count in (1, 2))
    assert one == two
    assert one[1] > 100


@pytest.mark.parametrize("model", ["airplane", "chair"])
def test_one_and_two_threads_generate_the_same_bytes(model: str) -> None:
    """From a seed, from a point between two shapes, and several at once."""
    settings = Settings(resolution=32, faces=800, refinement_steps=5)
    made = []
    for count in (1, 2):
        torch.set_num_threads(count)
        maker = Reconstructor(model, device="cpu")
        between = (maker.latent(3) + maker.latent(4)) / 2
        shapes = [maker.generate(3, settings), *maker.generate_all([between, 5], settings)]
        assert all(isinstance(shape, Reconstruction) for shape in shapes)
        made.append([digest(shape.mesh) for shape in shapes if isinstance(shape, Reconstruction)])
    assert made[0] == made[1]
    assert min(faces for _, faces in made[0]) > 100


def test_few_points_have_the_same_gradients_on_one_and_on_two_threads() -> None:
    """Products of 5 to 10 rows are summed in another order by two threads."""
    network, _ = load_weights(find_model("points").path)
    cloud = torch.randn(300, 3, generator=torch.Generator().manual_seed(0)) * 0.15
    with torch.no_grad():
        field = prepare(network.eval(), torch.zeros(1, 0), network.encode_inputs(cloud[None]))
    for count in (1, 3, 5, 6, 7, 9, 11):
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append([field(cloud[:count]), *field.with_gradient(cloud[:count])])
        assert [len(one) for one in found[0]] == [count] * 3
        assert all(map(torch.equal, *found))
