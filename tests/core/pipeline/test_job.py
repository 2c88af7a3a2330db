"""The job that all front ends share: what comes out is the same whoever asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from PIL import Image

from onet_core.cli import main
from onet_core.engine.methods import METHODS
from onet_core.errors import InputError, ModelError
from onet_core.inputs.voxels import VoxelGrid
from onet_core.mesh.mesh import Mesh
from onet_core.pipeline.findings import Findings
from onet_core.pipeline.job import Job, look, read, run
from onet_core.settings import Settings
from tests.known_models import write

FAST = Settings(resolution=32, normals=False)
SYMMETRIC = "The scan is symmetric, so its mirror image was used as well"
RED, GREEN = (200, 10, 30), (10, 180, 40)


def cloud() -> tuple[np.ndarray, np.ndarray]:
    """Points on a box of 4 x 2 x 2 around (5, 0, 0), red where x < 5, and two stray green ones."""
    random = np.random.default_rng(0)
    points = random.uniform(-1, 1, (3000, 3))
    axis = random.integers(0, 3, len(points))
    points[np.arange(len(points)), axis] = random.choice([-1, 1], len(points))
    points = points * [2, 1, 1] + [5, 0, 0]
    colours = np.where(points[:, :1] < 5, RED, GREEN)
    points = np.concatenate([points, [[50, 0, 0], [5, 40, 3]]])
    return points, np.concatenate([colours, [GREEN, GREEN]]).astype(np.uint8)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    points, colours = cloud()
    trimesh.PointCloud(points, colours).export(tmp_path / "scan.ply")
    return tmp_path / "scan.ply"


def test_a_file_is_the_same_job_in_the_shell_in_the_worker_and_in_python(
    scan: Path, tmp_path: Path
) -> None:
    model = write(tmp_path, "cube_points")
    job = Job(
        path=scan, model=str(model), device="cpu",
        settings=replace(FAST, remove_outliers=True), fit_within=0.01,
    )  # fmt: skip
    here = run(job)
    params = {
        "path": str(scan), "model": str(model), "device": "cpu", "fit": 0.01,
        "settings": {"resolution": 32, "normals": False, "remove_outliers": True},
    }  # fmt: skip
    info, worker = METHODS["reconstruct"](params, {}, lambda stage, fraction: None)
    asked = [
        "reconstruct", str(scan), "-o", str(tmp_path / "made.ply"), "--model", str(model),
        "--device", "cpu", "--resolution", "32", "--remove-outliers",
    ]  # fmt: skip
    shell = CliRunner().invoke(main, asked, catch_exceptions=False)
    assert shell.exit_code == 0, shell.output
    mesh = here.made.mesh
    np.testing.assert_array_equal(mesh.vertices, worker["vertices"])
    np.testing.assert_array_equal(mesh.colours, worker["colours"])
    made = trimesh.load(tmp_path / "made.ply", process=False)
    np.testing.assert_allclose(made.vertices, mesh.vertices, atol=1e-5)
    np.testing.assert_array_equal(made.visual.vertex_colors[:, :3], mesh.colours)
    # What is independent of all three: the model's cube has 0.6 of the box's longest edge.
    np.testing.assert_allclose(mesh.vertices.max(0), [5 + 1.2, 1.2, 1.2], atol=0.03)
    np.testing.assert_array_equal(
        mesh.colours[mesh.vertices[:, 0] < 4.9], [RED] * sum(mesh.vertices[:, 0] < 4.9)
    )
    assert here.findings.outliers == info["left_out"] == 2
    assert here.findings.fit == info["fit"]
    assert "2 outliers were removed." in shell.output
    assert "% of the points lie within 1 % of the size." in shell.output


def test_what_a_job_does_not_ask_for_is_left_alone(scan: Path, tmp_path: Path) -> None:
    model = str(write(tmp_path, "cube_points"))
    made = run(Job(path=scan, model=model, device="cpu", settings=replace(FAST, colours=False)))
    assert made.made.mesh.colours is None
    assert made.findings == Findings(within=0.0)
    assert made.findings.sentences() == []
    assert made.made.mesh.vertices.max() > 10, "the outliers are part of the object"


def test_a_named_model_decides_what_a_file_is(tmp_path: Path) -> None:
    trimesh.creation.icosphere(3).export(tmp_path / "ball.stl")
    job = Job(path=tmp_path / "ball.stl")
    assert read(job).mesh is not None
    assert read(job, "points").points is not None
    for name in ("cube_points", "cube_voxels"):
        model = str(write(tmp_path, name))
        made = run(replace(job, model=model, device="cpu", settings=FAST)).made
        assert made.model == name
    with pytest.raises(ModelError, match="cube_voxels"):
        run(replace(job, model=model, device="cpu", settings=FAST, kind="points"))


def test_meshes_give_their_colours_and_grids_their_place(tmp_path: Path) -> None:
    model = str(write(tmp_path, "cube_voxels"))
    box = trimesh.creation.box((4, 4, 4))
    faces = np.asarray(box.faces)
    mesh = Mesh(np.asarray(box.vertices) + 7, faces)
    colours = np.full((*faces.shape, 3), 90, dtype=np.uint8)
    job = Job(mesh=mesh, colours=colours, model=model, device="cpu", settings=FAST)
    made = run(job).made.mesh
    assert made.colours is not None
    assert (made.colours == 90).all()
    np.testing.assert_allclose((made.vertices.min(0) + made.vertices.max(0)) / 2, 7, atol=0.01)
    grid = VoxelGrid(np.ones((8, 8, 8), dtype=bool), np.full(3, 5.0), 0.5)
    placed = run(replace(job, mesh=None, colours=None, voxels=grid)).made.mesh
    np.testing.assert_allclose(placed.vertices, made.vertices, atol=1e-9)


def test_what_can_not_be_a_job_is_said(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "scan.xyz", cloud()[0])
    for job, words in (
        (Job(), "neither a file nor arrays"),
        (Job(path=tmp_path / "missing.ply"), "no file"),
        (Job(path=tmp_path / "scan.xyz", kind="cloud"), "Unknown kind"),
        (Job(path=tmp_path / "scan.xyz", mask=tmp_path / "mask.png"), "not a picture"),
        (Job(path=tmp_path / "scan.xyz", up_axis="w"), "w"),
    ):
        with pytest.raises(InputError, match=words):
            run(job)
    with pytest.raises(InputError, match="not a picture"):
        look(Job(path=tmp_path / "scan.xyz"))


@pytest.mark.parametrize(
    ("findings", "sentences"),
    [
        (Findings(), []),
        (Findings(fit=0.999), ["99 % of the points lie within 1 % of the size"]),
        (Findings(fit=1.0, within=0.005), ["100 % of the points lie within 0.5 % of the size"]),
        (Findings(outliers=0), []),
        (Findings(outliers=1), ["1 outlier was removed"]),
        (Findings(outliers=12345), ["12,345 outliers were removed"]),
        (Findings(is_mirrored=True), [SYMMETRIC]),
        (Findings(background="plain"), ["The plain background was removed"]),
    ],
)  # fmt: skip
def test_findings_are_sentences(findings: Findings, sentences: list[str]) -> None:
    assert [str(sentence) for sentence in findings.sentences()] == sentences


def test_a_mesh_that_is_not_of_its_points_is_told_so() -> None:
    """A ball that is full of points has no surface that most of them lie on."""
    random = np.random.default_rng(0)
    points = random.standard_normal((6_000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    full = points * random.uniform(0, 1, (6_000, 1)) ** (1 / 3)
    settings = replace(FAST, resolution=32)
    for cloud, is_told in ((full, True), (points, False)):
        found = run(Job(points=cloud, fit_within=0.01, settings=settings)).findings
        told = [str(doubt) for doubt in found.doubts]
        assert any("it may not be what was scanned" in words for words in told) == is_told


def test_a_picture_is_seen_alike_whether_its_model_is_named_or_the_default() -> None:
    """The shipped network reads 64 pixels; it reduces what is observed at 224."""
    picture = np.full((300, 400, 3), 255, np.uint8)
    picture[80:200, 60:330] = np.linspace(0, 200, 270, dtype=np.uint8)[:, None]
    seen = [look(Job(pixels=picture, model=model))[1] for model in ("", "picture")]
    assert seen[0].shape == (224, 224, 3)
    np.testing.assert_array_equal(seen[0], seen[1])


def test_a_pictures_mesh_has_its_colours_where_they_are_asked_for(tmp_path: Path) -> None:
    """The same as the button in Blender gives, and in the shell's file."""
    picture = np.full((120, 120, 3), 255, np.uint8)
    picture[30:60, 30:90], picture[60:90, 30:90] = RED, GREEN
    Image.fromarray(picture).save(tmp_path / "cube.png")
    model = str(write(tmp_path, "cube_picture"))
    job = Job(path=tmp_path / "cube.png", model=model, device="cpu", settings=FAST)
    plain, made = (
        run(replace(job, settings=replace(FAST, picture_colours=chosen))).made.mesh
        for chosen in (False, True)
    )
    assert plain.colours is None
    assert made.colours is not None
    high = made.vertices[:, 2] > 0.05
    low = made.vertices[:, 2] < -0.05
    front = np.abs(made.vertices[:, 1]) > 0.29
    for chosen, colour in ((high & front, RED), (low & front, GREEN)):
        assert np.abs(made.colours[chosen].astype(int) - colour).mean() < 30
    given = {"pixels": picture, "mesh_vertices": made.vertices, "mesh_faces": made.faces}
    _, button = METHODS["paint"]({"name": "cube"}, given, lambda stage, fraction: None)
    np.testing.assert_array_equal(button["colours"], made.colours)
    asked = [
        "reconstruct", str(tmp_path / "cube.png"), "-o", str(tmp_path / "made.ply"), "--model",
        model, "--device", "cpu", "--resolution", "32", "--picture-colours",
    ]  # fmt: skip
    shell = CliRunner().invoke(main, asked, catch_exceptions=False)
    assert shell.exit_code == 0, shell.output
    written = trimesh.load(tmp_path / "made.ply", process=False)
    np.testing.assert_array_equal(written.visual.vertex_colors[:, :3], made.colours)


def test_a_picture_without_colours_to_take_still_gives_a_mesh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*given: object, **more: object) -> None:
        raise InputError("There is nothing in the picture to take colours from.")

    monkeypatch.setattr("onet_core.models.pictures.texture.painted.painted", nothing)
    picture = np.full((80, 80, 3), 255, np.uint8)
    picture[20:60, 20:60] = RED
    model = str(write(tmp_path, "cube_picture"))
    settings = replace(FAST, picture_colours=True)
    found = run(Job(pixels=picture, model=model, device="cpu", settings=settings))
    assert found.made.mesh.colours is None
    assert any("take colours from" in str(note) for note in found.findings.sentences())
