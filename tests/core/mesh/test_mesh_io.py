"""Mesh files against trimesh's readers and hand-made files."""

from __future__ import annotations

import io
import stat
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from onet_core.errors import InputError, OnetError
from onet_core.mesh import files
from onet_core.mesh.files import MESH_FORMATS, read_mesh, write_mesh
from onet_core.mesh.mesh import Mesh


def torus(scale: float = 1.0, place: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
    shape = trimesh.creation.torus(1.0, 0.3)
    colours = np.random.default_rng(0).integers(0, 256, (len(shape.vertices), 3), dtype=np.uint8)
    return Mesh(
        shape.vertices * scale + np.array(place),
        np.array(shape.faces),
        np.array(shape.vertex_normals),
        colours,
    )


def load(path) -> trimesh.Trimesh:
    return trimesh.load_scene(path, process=False).to_mesh()


def corners(vertices, faces) -> np.ndarray:
    return np.asarray(vertices)[np.asarray(faces)]


@pytest.mark.parametrize("suffix", MESH_FORMATS)
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e7])
def test_other_readers_get_the_same_triangles(tmp_path, suffix, scale):
    mesh = torus(scale)
    path = tmp_path / f"torus.{suffix}"
    write_mesh(mesh, path, up_axis="y")
    read = load(path)
    np.testing.assert_allclose(
        corners(read.vertices, read.faces),
        corners(mesh.vertices, mesh.faces),
        atol=2e-7 * scale,
    )
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    own = read_mesh(path)
    np.testing.assert_allclose(
        corners(own.vertices, own.faces), corners(mesh.vertices, mesh.faces), atol=2e-7 * scale
    )


@pytest.mark.parametrize("suffix", ["ply", "obj", "off", "glb"])
def test_small_things_far_away_keep_their_detail(tmp_path, suffix):
    mesh = torus(0.01, (4e6, 5e6, 300.0))
    path = tmp_path / f"far.{suffix}"
    write_mesh(mesh, path, up_axis="y")
    read = read_mesh(path)
    np.testing.assert_allclose(
        corners(read.vertices, read.faces), corners(mesh.vertices, mesh.faces), atol=1e-8, rtol=0
    )


@pytest.mark.parametrize("suffix", ["ply", "obj", "glb"])
def test_normals_and_colours_survive(tmp_path, suffix):
    mesh = torus()
    path = tmp_path / f"torus.{suffix}"
    write_mesh(mesh, path, up_axis="y")
    read = load(path)
    order = np.array(
        [np.abs(read.vertices - vertex).sum(1).argmin() for vertex in mesh.vertices[::50]]
    )
    np.testing.assert_allclose(read.vertex_normals[order], mesh.normals[::50], atol=1e-5)
    colours = read.visual.vertex_colors[order, :3].astype(int)
    expected = mesh.colours[::50].astype(float)
    if suffix == "glb":
        expected = 255 * np.where(
            expected / 255 <= 0.04045,
            expected / 255 / 12.92,
            ((expected / 255 + 0.055) / 1.055) ** 2.4,
        )
    assert np.abs(colours - expected).max() <= 1


@pytest.mark.parametrize("suffix", MESH_FORMATS)
def test_a_mesh_without_normals_and_colours(tmp_path, suffix):
    mesh = replace(torus(), normals=None, colours=None)
    path = tmp_path / f"plain.{suffix}"
    write_mesh(mesh, path)
    assert len(load(path).faces) == len(mesh.faces)
    assert read_mesh(path).colours is None or suffix == "glb"


def test_glb_is_turned_y_up_and_the_others_are_not(tmp_path):
    shape = trimesh.creation.box((1, 2, 3))
    shape.apply_translation((10, 20, 30))
    mesh = Mesh(np.array(shape.vertices), np.array(shape.faces))
    for suffix in MESH_FORMATS:
        write_mesh(mesh, tmp_path / f"box.{suffix}", up_axis="z")
        centre = load(tmp_path / f"box.{suffix}").bounds.mean(0)
        expected = (10, 30, -20) if suffix == "glb" else (10, 20, 30)
        np.testing.assert_allclose(centre, expected, atol=1e-5)
        assert load(tmp_path / f"box.{suffix}").volume == pytest.approx(6, rel=1e-5)


def test_an_old_file_is_replaced_and_kept_where_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "torus.ply"
    path.write_bytes(b"old")
    path.chmod(0o644)

    def broken(*_args, **_kwargs):
        raise KeyboardInterrupt

    mesh = torus()
    with monkeypatch.context() as patch:
        patch.setattr("onet_core.mesh.files.os.replace", broken)
        with pytest.raises(KeyboardInterrupt):
            write_mesh(mesh, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    write_mesh(mesh, path)
    assert len(load(path).faces) == len(mesh.faces)
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR


def test_what_cannot_be_written_is_said(tmp_path):
    mesh = torus()
    with pytest.raises(OnetError, match="formats ply, obj"):
        write_mesh(mesh, tmp_path / "torus.fbx")
    with pytest.raises(OnetError, match="Could not write"):
        write_mesh(mesh, tmp_path / "missing" / "torus.ply")
    with pytest.raises(OnetError, match="no faces"):
        write_mesh(Mesh(np.zeros((3, 3)), np.zeros((0, 3), int)), tmp_path / "empty.ply")
    with pytest.raises(OnetError, match="finite"):
        write_mesh(replace(mesh, vertices=mesh.vertices * np.nan), tmp_path / "nan.ply")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(InputError, match="no file"):
        read_mesh(tmp_path / "missing.ply")
    path = tmp_path / "torus.ply"
    write_mesh(torus(), path)
    whole = path.read_bytes()
    for broken in (b"", b"ply\n", whole[:300], whole[: len(whole) // 2], whole[:-20]):
        path.write_bytes(broken)
        with pytest.raises(InputError):
            read_mesh(path)
    for name, text in {
        "points.obj": "v 0 0 0\nv 1 0 0\nv 0 1 0\n",
        "empty.off": "OFF\n0 0 0\n",
        "nan.obj": "v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
        "text.stl": "hello\n",
        "broken.glb": "glTF",
        "kind.xyz": "0 0 0\n1 1 1\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=name):
            read_mesh(tmp_path / name)


def test_many_lines_of_text_are_those_of_numpy(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_LINES", 100)
    mesh = torus(0.1234567890123)
    assert len(mesh.vertices) % 100
    write_mesh(mesh, tmp_path / "torus.obj")
    write_mesh(mesh, tmp_path / "torus.off")
    number, obj, off = mesh.faces + 1, io.BytesIO(), io.BytesIO()
    np.savetxt(
        obj,
        np.concatenate([mesh.vertices, mesh.colours / 255], axis=1),
        "v %.9g %.9g %.9g %.4g %.4g %.4g",
    )
    np.savetxt(obj, mesh.normals, "vn %.6g %.6g %.6g")
    np.savetxt(obj, np.repeat(number, 2, axis=1), "f %d//%d %d//%d %d//%d")
    off.write(b"OFF\n%d %d 0\n" % (len(mesh.vertices), len(mesh.faces)))
    np.savetxt(off, mesh.vertices, "%.9g %.9g %.9g")
    np.savetxt(off, mesh.faces, "3 %d %d %d")
    assert (tmp_path / "torus.obj").read_bytes() == obj.getvalue()
    assert (tmp_path / "torus.off").read_bytes() == off.getvalue()
