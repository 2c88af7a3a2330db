"""Rebuilding shapes from packages: the catalogue, the archives, the formats, the command line."""

from __future__ import annotations

import csv
import io
import os
import signal
import struct
import subprocess
import tarfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner

from onet_core.errors import InputError, OnetError
from training.data.build.layout import SPLITS
from training.data.build.occupancy import METHODS
from training.data.build.shapes import list_indexed_shapes
from training.data.sources import __main__ as command
from training.data.sources.archives import extract_package
from training.data.sources.catalogue import Shape, attribution, read_catalogue, turn_matrix
from training.data.sources.download import Package, download, find_package, look_up
from training.data.sources.parts import read_parts, read_shape
from training.data.sources.rebuild import rebuild

# A block 1 x 2 x 4, so that every turn shows, with a fin on +x.
CORNERS = trimesh.creation.box([1, 2, 4]).vertices
FACES = trimesh.creation.box([1, 2, 4]).faces


def obj_text() -> str:
    lines = ["mtllib block.mtl", "usemtl red"]
    lines += [f"v {x} {y} {z}" for x, y, z in CORNERS]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in FACES]
    return "\n".join(lines) + "\n"


def md2_bytes() -> bytes:
    """The block as a Quake II model without drawing commands, clockwise as the format wants it."""
    scale, move = np.array([1, 2, 4]) / 255, np.array([-0.5, -1, -2])
    packed = np.rint((CORNERS - move) / scale).astype(np.uint8)
    triangles = b"".join(struct.pack("<6H", *face[::-1], 0, 0, 0) for face in FACES)
    frame = struct.pack("<6f16s", *scale, *move, b"stand")
    frame += b"".join(struct.pack("<4B", *vertex, 0) for vertex in packed)
    start = 68 + len(triangles)
    counts = (len(frame), 0, len(CORNERS), 1, len(FACES), 0, 1)
    offsets = (68, 68, 68, start, 0, start + len(frame))
    header = struct.pack("<4s16i", b"IDP2", 8, 64, 64, *counts, *offsets)
    return header + triangles + frame


def pmd_bytes(textures: int = 2) -> bytes:
    """The block as a model of 0 A.D.: places, normals, texture coordinates, bones and weights."""
    vertices = b"".join(
        struct.pack(
            f"<6f{2 * textures}f4B4f", *place, 0, 1, 0, *[0.5] * 2 * textures, *[255] * 4, *[0] * 4
        )
        for place in CORNERS
    )
    triangles = b"".join(struct.pack("<3H", *face[::-1]) for face in FACES)
    content = struct.pack("<2I", len(CORNERS), textures) + vertices
    content += struct.pack("<I", len(FACES)) + triangles + struct.pack("<2I", 0, 0)
    return struct.pack("<4s2I", b"PSMD", 4, len(content)) + content


def ac_text() -> str:
    """The block as AC3D with a line and a second object, as of FlightGear's models."""

    def thing(name: str, vertices: np.ndarray, surfaces: list[str]) -> list[str]:
        rows = [f"{x} {y} {z}" for x, y, z in vertices]
        head = ["OBJECT poly", f'name "{name}"', f"numvert {len(rows)}", *rows]
        return [*head, f"numsurf {len(surfaces)}", *surfaces, "kids 0"]

    def surface(flags: str, corners: list[int]) -> str:
        return "\n".join(
            [f"SURF {flags}", "mat 0", f"refs {len(corners)}", *(f"{c} 0 0" for c in corners)]
        )

    block = [surface("0x10", list(face)) for face in FACES]
    lines = ["AC3Db", 'MATERIAL "paint" rgb 1 0 0 amb 1 1 1 emis 0 0 0 spec 0 0 0 shi 0 trans 0']
    lines += ["OBJECT world", "kids 3", *thing("hull", CORNERS, [*block, surface("0x2", [0, 1])])]
    disc = np.array([[-9, 0, 0], [9, 0, 0], [0, 9, 0]])
    # What only has lines is no part.
    lines += thing("aerial", disc, [surface("0x2", [0, 1])])
    lines += thing("propeller", disc, [surface("0x30", [0, 1, 2])])
    return "\n".join(lines) + "\n"


def write_deb(path: Path, files: dict[str, bytes], compression: str = "xz") -> Path:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=f"w:{compression}") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    archive = b"!<arch>\n"
    members = {"debian-binary": b"2.0\n", f"data.tar.{compression}": data.getvalue()}
    for name, content in members.items():
        archive += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode("ascii")
        archive += content + b"\n" * (len(content) % 2)
    path.write_bytes(archive)
    return path


def zip_bytes(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


FURNITURE = "usr/share/furniture.sh3f"
BLOCK = Shape(
    id="block-1",
    category="cabinet",
    split="val",
    inside_method="winding",
    name="Block",
    package="furniture",
    file=FURNITURE,
    member="block/block.obj",
    turn="+z +x +y",
    without=(),
    licence="CC0-1.0",
    credit="Somebody",
)


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    members = {
        "block/block.obj": obj_text().encode(),
        "block/block.mtl": b"newmtl red\nKd 1 0 0\n",
        "../../outside.png": b"never written",
    }
    files = {FURNITURE: zip_bytes(members), "usr/share/block.md2": md2_bytes()}
    files["usr/share/block.pmd"] = pmd_bytes()
    write_deb(folder / "furniture_1.0_all.deb", files)
    return folder


def test_the_catalogue_names_each_shape_once_with_all_that_a_build_needs() -> None:
    shapes = read_catalogue()
    assert len({shape.id for shape in shapes}) == len(shapes) > 200
    for shape in shapes:
        assert shape.split in SPLITS
        assert shape.inside_method in METHODS
        assert shape.licence
        assert shape.credit
        assert not Path(shape.file).is_absolute()
        assert np.isclose(np.linalg.det(turn_matrix(shape.turn)), 1)
    chairs = read_catalogue(["chair"])
    assert {shape.category for shape in chairs} == {"chair"}
    with pytest.raises(InputError, match="no category throne"):
        read_catalogue(["throne"])


@pytest.mark.parametrize("turn", ["", "+x +y", "+x +y +x", "+x +y -z", "x y z"])
def test_a_turn_that_is_no_rotation_is_refused(turn: str) -> None:
    with pytest.raises(InputError, match="not a rotation"):
        turn_matrix(turn)


def test_shapes_are_rebuilt_turned_and_coloured_with_split_and_licence(
    packages: Path, tmp_path: Path
) -> None:
    output = tmp_path / "meshes"
    quake = replace(BLOCK, id="block-2", file="usr/share/block.md2", member="", split="test")
    ship = replace(BLOCK, id="block-3", file="usr/share/block.pmd", member="", split="train")
    assert rebuild([BLOCK, quake, ship], packages, output) == []

    entries = list_indexed_shapes(output)
    assert [(entry.name, entry.split, entry.licence) for entry in entries] == [
        ("block-1", "val", "CC0-1.0"),
        ("block-2", "test", "CC0-1.0"),
        ("block-3", "train", "CC0-1.0"),
    ]
    for entry in entries:
        shape = entry.load().triangles
        # x of the new frame is the old z: the long edge of the block.
        extents = np.ptp(shape.vertices, axis=0)
        np.testing.assert_allclose(extents, [1, 0.25, 0.5], atol=2e-5)
        solid = trimesh.Trimesh(shape.vertices, shape.faces)
        assert solid.volume == pytest.approx(0.125, rel=1e-3)  # outwards, and closed
    assert (entries[0].load().triangles.colours == [255, 0, 0]).all()
    assert "Somebody (3)" in (output / "ATTRIBUTION.md").read_text(encoding="utf-8")
    # Nothing but shapes, index and credits, and nothing outside.
    assert {path.name for path in output.iterdir()} == {"shapes", "index.csv", "ATTRIBUTION.md"}
    assert not list(tmp_path.rglob("outside.png"))


def test_what_cannot_be_rebuilt_is_reported_and_the_rest_goes_on(
    packages: Path, tmp_path: Path
) -> None:
    shapes = [
        BLOCK,
        replace(BLOCK, id="gone", member="block/gone.obj"),
        replace(BLOCK, id="lost", file="usr/share/lost.obj", member=""),
        replace(BLOCK, id="elsewhere", package="other"),
    ]
    missing = rebuild(shapes, packages, tmp_path / "meshes")
    assert {found.shape.id: found.reason for found in missing} == {
        "gone": "There is no block/gone.obj in the package's archive",
        "lost": "furniture_1.0_all.deb has no usr/share/lost.obj",
        "elsewhere": "other is not there",
    }
    assert [entry.name for entry in list_indexed_shapes(tmp_path / "meshes")] == ["block-1"]


def test_what_is_rebuilt_already_stays(packages: Path, tmp_path: Path) -> None:
    output = tmp_path / "meshes"
    rebuild([BLOCK], packages, output)
    path = output / "shapes" / "cabinet" / "block-1.npz"
    before = path.stat().st_mtime_ns
    rebuild([BLOCK], packages, output)
    assert path.stat().st_mtime_ns == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a program may handle")
def test_a_run_that_is_ended_leaves_nothing_unpacked(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "meshes"

    def ended(*args: object) -> None:
        assert list(output.glob(".unpacked-*"))
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        patch.setattr("training.data.sources.rebuild.read_shape", ended)
        with pytest.raises(SystemExit) as stopped:
            rebuild([BLOCK], packages, output)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before
    assert list(output.iterdir()) == []
    # What a run left behind that had no time to tidy up goes with the next one.
    (output / ".unpacked-killed" / "deep").mkdir(parents=True)
    (output / "shapes" / "cabinet").mkdir(parents=True)
    (output / "shapes" / "cabinet" / ".block-1.npz.12ab.part").write_bytes(b"half")
    assert rebuild([BLOCK], packages, output) == []
    assert {path.name for path in output.iterdir()} == {"shapes", "index.csv", "ATTRIBUTION.md"}
    assert [path.name for path in (output / "shapes" / "cabinet").iterdir()] == ["block-1.npz"]


def test_a_folder_without_packages_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of the packages.*furniture.*download"):
        rebuild([BLOCK], tmp_path, tmp_path / "meshes")


@pytest.mark.parametrize("compression", ["xz", "gz"])
def test_members_of_a_package_are_read_as_tar_reads_them(tmp_path: Path, compression: str) -> None:
    package = write_deb(tmp_path / "a_1_all.deb", {"usr/a": b"one", "usr/b": b"two"}, compression)
    found = extract_package(package, {"usr/b": tmp_path / "b", "usr/c": tmp_path / "c"})
    assert found == {"usr/b"}
    assert (tmp_path / "b").read_bytes() == b"two"
    assert not (tmp_path / "c").exists()


def test_a_package_that_dpkg_made_with_zstd_is_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        "Package: a\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: a\n"
    )
    (root / "a").write_text("one")
    package = tmp_path / "a_1_all.deb"
    try:
        subprocess.run(
            ["dpkg-deb", "-Zzstd", "--build", str(root), str(package)],
            check=True,
            capture_output=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("There is no dpkg-deb here that packs with zstd.")
    assert extract_package(package, {"a": tmp_path / "out"}) == {"a"}
    assert (tmp_path / "out").read_text() == "one"


@pytest.mark.parametrize("damage", ["cut", "foreign", "empty"])
def test_a_damaged_package_is_named(tmp_path: Path, damage: str) -> None:
    package = write_deb(tmp_path / "a_1_all.deb", {"usr/a": np.random.default_rng(0).bytes(9999)})
    content = {"cut": package.read_bytes()[:5000], "foreign": b"PK\x03\x04", "empty": b""}[damage]
    package.write_bytes(content)
    with pytest.raises(InputError, match=r"a_1_all\.deb"):
        extract_package(package, {"usr/a": tmp_path / "a"})


def test_ac3d_is_read_without_lines_and_without_the_parts_named(tmp_path: Path) -> None:
    pytest.importorskip("assimp_py", reason="assimp-py (extra `sources`) is not installed")
    path = tmp_path / "plane.ac"
    path.write_text(ac_text())
    assert [len(part.faces) for part in read_parts(path)] == [12, 1]
    shape = read_shape(path, without=[1])
    assert trimesh.Trimesh(shape.vertices, shape.faces).volume == pytest.approx(8)
    assert (shape.colours == [255, 0, 0]).all()
    with pytest.raises(InputError, match="no faces"):
        read_shape(path, without=[0, 1])


@pytest.mark.parametrize("lines", [2, 8, 15, 25])
def test_an_ac3d_file_that_was_cut_off_is_named(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "cut.ac"
    path.write_text("\n".join(ac_text().splitlines()[:lines]))
    pytest.importorskip("assimp_py", reason="assimp-py (extra `sources`) is not installed")
    with pytest.raises(InputError, match=r"cut\.ac"):
        read_shape(path)


@pytest.mark.parametrize("name", ["a.ac", "a.md2", "a.pmd", "a.3ds", "a.obj"])
def test_damaged_meshes_are_named(tmp_path: Path, name: str) -> None:
    if name in ("a.ac", "a.3ds"):
        pytest.importorskip("assimp_py", reason="assimp-py (extra `sources`) is not installed")
    (tmp_path / name).write_bytes(b"AC3Db\nnumsurf 3\nSURF")
    with pytest.raises(InputError, match=name):
        read_shape(tmp_path / name)


@pytest.mark.parametrize(
    ("at", "value", "problem"),
    [
        (4, b"\3", "version"),
        (14, b"\1", "buffer"),
        (12, b"\xff" * 8, "large"),
        (20 + 8 * 60 + 4, b"\11", "lacks"),
    ],
)
def test_models_of_0_ad_are_read_in_full_or_named(
    tmp_path: Path, at: int, value: bytes, problem: str
) -> None:
    content = bytearray(pmd_bytes(textures=2))
    path = tmp_path / "a.pmd"
    path.write_bytes(content)
    (part,) = read_parts(path)
    np.testing.assert_allclose(part.vertices, CORNERS)
    np.testing.assert_array_equal(part.faces, FACES)
    content[at : at + len(value)] = value
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"a.pmd .*{problem}"):
        read_parts(path)


def test_credits_are_listed_by_package_and_licence() -> None:
    other = replace(BLOCK, licence="CC-BY-3.0", credit="Nobody")
    text = attribution([BLOCK, other, replace(BLOCK, package="cars")])
    assert text.index("## cars (1 shapes)") < text.index("## furniture (2 shapes)")
    assert "* CC-BY-3.0: Nobody (1)" in text


APT = {
    "apt-cache": 'if [ "$3" = furniture ]; then\n'
    'printf "Package: furniture\\nVersion: 1.8-1\\nSize: 2000000\\n"; else exit 100; fi\n',
    "apt-get": 'if [ -e "$PWD/full" ]; then echo "E: No space" >&2; exit 100; fi\n'
    'printf deb > "$2_1.8-1_all.deb"\n',
}


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in APT.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(command, "read_catalogue", lambda categories=None: [BLOCK])


@pytest.mark.usefixtures("apt")
def test_packages_are_looked_up_and_fetched(tmp_path: Path) -> None:
    package = look_up("furniture")
    assert package == Package("furniture", "1.8-1", 2_000_000)
    assert look_up("unknown") is None
    assert download(package, tmp_path / "new").name == "furniture_1.8-1_all.deb"
    assert find_package(tmp_path / "new", "furniture") is not None
    full = tmp_path / "disk"
    full.mkdir()
    (full / "full").touch()
    with pytest.raises(OnetError, match=r"Could not download furniture: E: No space\."):
        download(package, full)


@pytest.mark.usefixtures("apt")
def test_nothing_is_downloaded_before_it_is_agreed_to(tmp_path: Path) -> None:
    target = tmp_path / "packages"
    arguments = ["download", "--output", str(target)]
    refused = CliRunner().invoke(command.main, arguments, input="n\n")
    assert refused.exit_code == 1
    assert "furniture 1.8-1: 2 MB, 1 shapes" in refused.output
    assert not target.exists()
    agreed = CliRunner().invoke(command.main, arguments, input="y\n")
    assert agreed.exit_code == 0
    assert find_package(target, "furniture") is not None
    assert "is there already" in CliRunner().invoke(command.main, arguments).output


def test_a_system_without_apt_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(command.main, ["download", "--output", str(tmp_path / "x")])
    assert done.exit_code == 2
    assert "download the .deb files" in done.output


def test_the_command_makes_meshes_and_says_what_is_missing(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = replace(BLOCK, id="lost", member="lost.obj")
    shapes = [BLOCK, lost, replace(BLOCK, id="other", package="other")]
    monkeypatch.setattr(command, "read_catalogue", lambda categories=None: shapes)
    output = tmp_path / "meshes"
    done = CliRunner().invoke(command.main, ["meshes", str(packages), "--output", str(output)])
    assert done.exit_code == 0
    assert "other is not there: 1 shapes are left out." in done.output
    assert "cabinet/lost: There is no lost.obj" in done.output
    assert "1 of 3 shapes" in done.output
    with (output / "index.csv").open(newline="", encoding="utf-8") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["block-1"]
