"""Point clouds as other programs and people write them; each test is one kind of fault."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from sample_files import COLOURS, POINTS, SAMPLES, npy, npz, ply, rows

from onet_core.errors import InputError
from onet_core.inputs.content import Content
from onet_core.inputs.formats import e57
from onet_core.inputs.load import load_observation, read_input


def read(folder: Path, name: str, content: str | bytes, kind: str = "auto") -> Content:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_input(path, kind)


def assert_cloud(found: Content, colours: bool = False, places: np.ndarray = POINTS) -> None:
    assert found.points is not None
    np.testing.assert_allclose(found.points, places, atol=1e-6)
    if colours:
        np.testing.assert_array_equal(found.colours, COLOURS)
    else:
        assert found.colours is None


def half_coloured(ending: str) -> str:
    """The points, every second one without a colour."""
    known = np.arange(len(POINTS)) % 2 == 0
    lines = []
    for place, colour, has in zip(POINTS, COLOURS, known, strict=True):
        numbers = [*place, *(colour / 255 if ending == ".obj" else colour)]
        words = [f"{number:.9g}" for number in numbers]
        if not has:
            words = words[:3] if ending == ".obj" else [*words[:3], *["nan"] * 3]
        lines.append(" ".join(["v", *words] if ending == ".obj" else words))
    if ending == ".ply":
        header = ["ply", "format ascii 1.0", f"element vertex {len(POINTS)}"]
        names = ("x", "y", "z", "red", "green", "blue")
        lines = [*header, *(f"property float {name}" for name in names), "end_header", *lines]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("ending", [".ply", ".xyz", ".obj"])
def test_points_without_a_colour_get_that_of_the_nearest(tmp_path: Path, ending: str) -> None:
    found = read(tmp_path, f"a{ending}", half_coloured(ending), "points")
    np.testing.assert_allclose(found.points, POINTS, atol=1e-6)
    known = np.arange(len(POINTS)) % 2 == 0
    away = np.linalg.norm(POINTS[:, None] - POINTS[known], axis=2)
    expected = np.where(known[:, None], COLOURS, COLOURS[known][away.argmin(1)])
    assert type(found.colours) is np.ndarray
    np.testing.assert_array_equal(found.colours, expected)
    count = int((~known).sum())
    assert any(f"{count:,} points have no colour" in str(note) for note in found.notes)


def test_a_file_without_any_known_colour_has_none(tmp_path: Path) -> None:
    lines = "".join(f"{x} {y} {z} nan nan nan\n" for x, y, z in POINTS)
    assert read(tmp_path, "a.xyz", lines, "points").colours is None


COUNT = np.arange(len(POINTS))
INTENSITY = COUNT * 3 % 200
NAMED = {
    "PointID,X,Y,Z": (COUNT, POINTS),
    "Timestamp,X [m],Y [m],Z [m]": (COUNT + 1.7e9, POINTS),
    "Z;Y;X": (POINTS[:, ::-1],),
    "easting\tnorthing\theight": (POINTS,),
    "//X Y Z semantic instance valid": (POINTS, INTENSITY % 5, INTENSITY, COUNT * 0),
    "# x y z nx ny nz": (POINTS, np.abs(POINTS)),
    '"Points:0","Points:1","Points:2","laser"': (POINTS, COUNT),
}
COLOURED = {
    "Intensity,R,G,B,X,Y,Z": (INTENSITY, COLOURS, POINTS),
    "//X Y Z Intensity R G B": (POINTS, INTENSITY, COLOURS),
    "x,y,z,nx,ny,nz,diffuse_red,diffuse_green,diffuse_blue": (POINTS, np.abs(POINTS), COLOURS),
}


@pytest.mark.parametrize("header", NAMED)
def test_columns_go_by_their_names(tmp_path: Path, header: str) -> None:
    mark = next((mark for mark in (",", ";", "\t") if mark in header), " ")
    lines = rows(*(np.asarray(part, float) for part in NAMED[header]), mark=mark)
    assert_cloud(read(tmp_path, "a.csv", f"{header}\n{lines}"))


@pytest.mark.parametrize("header", COLOURED)
def test_colours_go_by_their_names(tmp_path: Path, header: str) -> None:
    lines = rows(*COLOURED[header], mark="," if "," in header else " ")
    assert_cloud(read(tmp_path, "a.txt", f"A title\n{header}\n{lines}"), colours=True)


def test_doubtful_columns_are_told(tmp_path: Path) -> None:
    found = read(tmp_path, "a.asc", rows(POINTS, INTENSITY, COLOURS))
    assert_cloud(found, colours=True)
    assert [str(note).startswith("Columns 5 to 7 were taken") for note in found.notes] == [True]
    found = read(tmp_path, "b.asc", rows(COUNT, POINTS))
    assert_cloud(found)
    assert "counts the points" in str(found.notes[0])


@pytest.mark.parametrize("mark", [";", "\t", " "])
@pytest.mark.parametrize("header", ["", "X{0}Y{0}Z\n"])
def test_decimal_commas(tmp_path: Path, mark: str, header: str) -> None:
    text = "".join(
        mark.join(f"{value:.4f}".replace(".", ",") for value in point) + "\n" for point in POINTS
    )
    found = read(tmp_path, "a.csv", header.format(mark) + text)
    assert_cloud(found)
    assert "decimal" in str(found.notes[0])


def test_quotes_marks_and_ends_of_lines(tmp_path: Path) -> None:
    quoted = "".join(",".join(f'"{value}"' for value in point) + "\r\n" for point in POINTS)
    assert_cloud(read(tmp_path, "a.csv", b"\xef\xbb\xbf" + f'"x","y","z"\r\n{quoted}'.encode()))


def test_several_scans_in_a_pts(tmp_path: Path) -> None:
    text = f"20\n{rows(POINTS[:20], COUNT[:20])}40\n{rows(POINTS[20:], COUNT[20:])}"
    assert_cloud(read(tmp_path, "a.pts", text))


@pytest.mark.parametrize("with_heading", [True, False])
def test_colmaps_points(tmp_path: Path, with_heading: bool) -> None:
    heading = "#   POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)\n"
    text = heading if with_heading else ""
    for number, (point, colour) in enumerate(zip(POINTS, COLOURS, strict=True)):
        track = " ".join(str(value) for value in range(2 * (number % 3 + 2)))
        places = " ".join(map(str, [*point, *colour]))
        text += f"{9000 - number * 7} {places} 0.5 {track}\n"
    assert_cloud(read(tmp_path, "points3D.txt", text), colours=True)
    with pytest.raises(InputError, match="COLMAP"):
        read(tmp_path, "images.txt", "# Image list with two lines of data per image:\n1 2 3 4\n")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252", "utf-8-sig"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = f"# Größe von Jürgens Stuhl\n{rows(POINTS)}"
    assert_cloud(read(tmp_path, "a.txt", text.encode(encoding)))


def test_what_a_sensor_did_not_see_is_counted(tmp_path: Path) -> None:
    unseen = np.r_[POINTS, [[np.nan] * 3, [np.inf, 0, 0]], np.zeros((30, 3))]
    painted = np.r_[COLOURS, np.zeros((32, 3), np.uint8)]
    for name, content in (
        ("a.xyz", rows(unseen, painted)),
        ("a.npz", npz(points=unseen, colors=painted)),
    ):
        found = read(tmp_path, name, content)
        assert_cloud(found, colours=True)
        assert [str(note) for note in found.notes] == [
            "2 points that are not finite were left out",
            "30 points at the origin (0, 0, 0) were left out",
        ]


def test_broken_lines_are_counted_or_refused(tmp_path: Path) -> None:
    found = read(tmp_path, "a.xyz", rows(POINTS) + "0.5 0.")
    assert_cloud(found)
    assert "1 broken" in str(found.notes[0])
    with pytest.raises(InputError, match=r"a\.xyz is not a list of points"):
        read(tmp_path, "a.xyz", "1 2 3\n" + "once upon a time\n" * 40)


@pytest.mark.parametrize("order", ["little", "big"])
def test_lists_of_unequal_length(tmp_path: Path, order: str) -> None:
    mark = "<" if order == "little" else ">"
    listed = [
        struct.pack(f"{mark}3f3BB{number % 4}I", *point, *colour, number % 4, *range(number % 4))
        for number, (point, colour) in enumerate(zip(POINTS, COLOURS, strict=True))
    ]
    names = ["float x", "float y", "float z", "uchar red", "uchar green", "uchar blue"]
    content = ply(order, [("vertex", [*names, "list uchar uint view_indices"], listed)])
    assert_cloud(read(tmp_path, "a.ply", content), colours=True)


def test_gaussian_splats(tmp_path: Path) -> None:
    floaters = np.r_[POINTS, [[900, 0, 0], [0, 0, 0.5]]]
    shades = np.r_[COLOURS, np.zeros((2, 3))] / 255
    opacity = np.r_[np.full(len(POINTS) + 1, 4.0), -9.0]
    names = [f"float {name}" for name in ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity")]
    values = np.c_[floaters, (shades - 0.5) / 0.28209479177387814, opacity].astype("<f4")
    content = ply("little", [("vertex", names, [row.tobytes() for row in values])])
    found = read(tmp_path, "a.ply", content)
    assert_cloud(found, colours=True)
    assert "1 transparent ones and 1 outliers" in str(found.notes[0])


@pytest.mark.parametrize("shape", ["1n3", "n3", "3n", "13n", "hw3"])
def test_layouts_of_arrays(tmp_path: Path, shape: str) -> None:
    array = {
        "1n3": POINTS[None], "n3": POINTS, "3n": POINTS.T, "13n": POINTS.T[None],
        "hw3": POINTS.reshape(6, 10, 3),
    }[shape]  # fmt: skip
    assert_cloud(read(tmp_path, "a.npy", npy(array.astype(np.float32))))


def test_places_far_away_keep_their_digits(tmp_path: Path) -> None:
    far = POINTS + np.array([412345.678, 5651234.567, 217.25])
    text = "".join(" ".join(f"{value:.4f}" for value in point) + "\n" for point in far)
    assert_cloud(read(tmp_path, "a.xyz", text), places=np.round(far, 4))
    seen = load_observation(tmp_path / "a.xyz")
    near = load_observation_of(tmp_path, POINTS)
    np.testing.assert_allclose(seen.data, near, atol=1e-4)


def load_observation_of(folder: Path, points: np.ndarray) -> np.ndarray:
    (folder / "near.xyz").write_text(rows(points))
    return load_observation(folder / "near.xyz").data


def test_kitti_and_what_only_ends_like_it(tmp_path: Path) -> None:
    sweep = np.c_[POINTS, np.abs(POINTS[:, 0])].astype("<f4")
    assert_cloud(read(tmp_path, "a.bin", sweep.tobytes()))
    with pytest.raises(InputError, match="KITTI"):
        read(tmp_path, "b.bin", np.arange(400, dtype="<u4").tobytes())
    with pytest.raises(InputError, match="KITTI"):
        read(tmp_path, "c.bin", b"12345")


def _ptx(columns: int, width: int, place: list[float], turn: float) -> tuple[bytes, np.ndarray]:
    """A scan of points (N, 3) from a place, turned about the vertical by some degrees."""
    own = np.random.default_rng(width).uniform(1, 2, (columns * width, 3))
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    matrix = np.array([[c, s, 0, 0], [-s, c, 0, 0], [0, 0, 1, 0], [*place, 1]])
    lines = [f"{columns}", f"{width}", "0 0 0", "1 0 0", "0 1 0", "0 0 1"]
    lines += [" ".join(map(str, row)) for row in matrix]
    lines += [" ".join(map(str, [*row, 0.5])) for row in own]
    return "\n".join([*lines, ""]).encode(), own


def test_ptx_scans_say_where_the_scanner_stood(tmp_path: Path) -> None:
    """A quarter turn takes x to y and y to -x."""
    (one, _), (other, own) = _ptx(4, 15, [0, 0, 0], 0), _ptx(3, 10, [10, 20, 3], 90)
    found = read(tmp_path, "a.ptx", one + other)
    np.testing.assert_allclose((found.points + found.sights)[:60], 0, atol=1e-6)
    turned = np.stack([-own[:, 1], own[:, 0], own[:, 2]], axis=1)
    np.testing.assert_allclose(found.points[60:] - turned, np.tile([10, 20, 3], (30, 1)), atol=1e-6)
    np.testing.assert_allclose(found.sights[60:], -turned, atol=1e-6)


@pytest.mark.parametrize(
    ("stand", "is_known"), [("1 2 3", True), ("0 0 0", False), ("nan 2 3", False), ("a b c", False)]
)
def test_pcd_files_say_where_the_scanner_stood(tmp_path: Path, stand: str, is_known: bool) -> None:
    head = f"FIELDS x y z\nSIZE 8 8 8\nTYPE F F F\nVIEWPOINT {stand} 1 0 0 0\nPOINTS 60\n"
    content = head.encode() + b"DATA binary\n" + POINTS.astype("<f8").tobytes()
    found = read(tmp_path, "a.pcd", content)
    assert (found.sights is not None) == is_known
    if found.sights is not None:
        np.testing.assert_allclose(
            found.points + found.sights, np.tile([1, 2, 3], (60, 1)), atol=1e-6
        )


def test_normals_of_a_pcd_file_count_instead_of_its_viewpoint(tmp_path: Path) -> None:
    head = "FIELDS x y z normal_x normal_y normal_z\nSIZE 8 8 8 8 8 8\nTYPE F F F F F F\n"
    rows_of = np.concatenate([POINTS, np.tile([0.0, 0, 1], (60, 1))], axis=1).astype("<f8")
    head += "VIEWPOINT 1 2 3 1 0 0 0\nPOINTS 60\nDATA binary\n"
    found = read(tmp_path, "a.pcd", head.encode() + rows_of.tobytes())
    assert found.sights is None
    np.testing.assert_array_equal(found.normals, rows_of[:, 3:])


def test_a_ptx_file_of_one_column_knows_no_scanner(tmp_path: Path) -> None:
    """That is how programs write a cloud of which they know nothing more."""
    assert read(tmp_path, "a.ptx", _ptx(1, 60, [0, 0, 0], 0)[0]).sights is None


def test_ptx_scans_are_moved_and_unseen_cells_dropped(tmp_path: Path) -> None:
    head = "2\n40\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n1 0 0 0\n0 1 0 0\n0 0 1 0\n10 20 30 1\n"
    padded = np.r_[POINTS, np.zeros((20, 3))]
    shades = np.r_[COLOURS, np.zeros((20, 3), np.uint8)]
    content = head + rows(padded, np.full(80, 0.5), shades)
    assert_cloud(
        read(tmp_path, "a.ptx", content), colours=True, places=POINTS + np.array([10, 20, 30])
    )


def test_las_and_laz(tmp_path: Path) -> None:
    laspy = pytest.importorskip("laspy")
    pytest.importorskip("lazrs")
    las = laspy.create(point_format=2, file_version="1.2")
    las.header.scales, las.header.offsets = [1e-4] * 3, [4e5, 5e6, 0]
    far = POINTS + np.array([4e5, 5e6, 0])
    las.x, las.y, las.z = far.T
    las.red, las.green, las.blue = COLOURS.T.astype(np.uint16) * 257
    las.classification = np.r_[np.zeros(59), 7].astype(np.uint8)
    for name in ("a.las", "a.laz"):
        las.write(tmp_path / name)
        found = read_input(tmp_path / name)
        assert found.points is not None
        np.testing.assert_allclose(found.points, far[:-1], atol=1e-4)
        np.testing.assert_array_equal(found.colours, COLOURS[:-1])
        assert "noise" in str(found.notes[0])
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:300])
        with pytest.raises(InputError, match=name):
            read_input(tmp_path / name)


class TwoScans:
    """As pye57's class, of a file with the points from two places."""

    scan_count, point_count = 2, len(POINTS)

    def __init__(self, path: str) -> None:
        self.translation = np.zeros(3)

    def get_header(self, number: int) -> TwoScans:
        self.translation = np.array([0.0, 5 * number, 1])
        return self

    def make_buffer(self, name: str, capacity: int) -> tuple[np.ndarray, None]:
        return np.zeros(capacity), None

    def read_scan(self, number: int, **options: bool) -> dict[str, np.ndarray]:
        return {f"cartesian{axis}": POINTS[:, column] for column, axis in enumerate("XYZ")}


def test_scanners_of_an_e57_file_stood_where_its_poses_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = type("library", (), {"E57": TwoScans})
    monkeypatch.setattr(e57, "optional_package", lambda *names: library)
    found = read(tmp_path, "a.e57", b"ASTM-E57")
    stands = np.repeat([[0.0, 0, 1], [0, 5, 1]], len(POINTS), axis=0)
    np.testing.assert_allclose(found.points + found.sights, stands, atol=1e-6)
    # Programs that know of no scanner write the origin.
    monkeypatch.setattr(TwoScans, "get_header", lambda self, number: self)
    assert read(tmp_path, "a.e57", b"ASTM-E57").sights is None


def test_e57(tmp_path: Path) -> None:
    pye57 = pytest.importorskip("pye57")
    file = pye57.E57(str(tmp_path / "a.e57"), mode="w")
    axes = {f"cartesian{axis}": POINTS[:, i] for i, axis in enumerate("XYZ")}
    file.write_scan_raw(axes, translation=np.array([1.0, 2, 3]))
    file.close()
    found = read_input(tmp_path / "a.e57")
    assert_cloud(found, places=POINTS + np.array([1, 2, 3]))
    np.testing.assert_allclose(
        found.points + found.sights, np.tile([1.0, 2, 3], (60, 1)), atol=1e-6
    )
    with pytest.raises(InputError, match="E57"):
        read(tmp_path, "b.e57", b"no")


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "laspy", None)
    with pytest.raises(InputError, match=r"pip install laspy"):
        read(tmp_path, "a.las", b"LASF")


def test_claimed_records_of_las_are_bounded(tmp_path: Path) -> None:
    content = bytearray(SAMPLES["a.las"])
    struct.pack_into("<I", content, 100, 2**32 - 1)
    with pytest.raises(InputError, match="4,294,967,295 records; at most 22"):
        read(tmp_path, "a.las", bytes(content))


def test_lists_of_cameras_are_noted(tmp_path: Path) -> None:
    listed = "".join(f"{x},{y},{z},1,2,3\n" for x, y, z in POINTS)
    found = read(tmp_path, "a.csv", "#x,y,alt,heading,pitch,roll\n" + listed)
    assert any("places of cameras" in str(note) for note in found.notes)
    assert not read(tmp_path, "b.csv", "x,y,z,nx,ny,nz\n" + listed).notes


PLAIN_PLY = ply(
    "little",
    [("vertex", [f"double {axis}" for axis in "xyz"], [p.astype("<f8").tobytes() for p in POINTS])],
)


def test_headers_of_ply_with_blanks_and_capitals(tmp_path: Path) -> None:
    """A blank behind the last word would move all numbers by a byte."""
    head, _, body = PLAIN_PLY.partition(b"end_header\n")
    for mark in (b"end_header \n", b"end_header\t\r\n"):
        assert_cloud(read(tmp_path, "a.ply", b"PLY" + head[3:] + mark + body))


@pytest.mark.parametrize("name", ["a.txt", "a.npy", "a.png", "a.bin"])
def test_files_with_the_ending_of_another_format_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name} holds PLY, whatever its name says: let it end"):
        read(tmp_path, name, PLAIN_PLY)


def test_sweeps_of_six_numbers(tmp_path: Path) -> None:
    """Reflectance, elongation and the ring behind the coordinates are no second point."""
    rows_of_six = np.column_stack([POINTS, np.abs(POINTS)]).astype("<f4")
    found = read(tmp_path, "a.bin", rows_of_six.tobytes())
    assert_cloud(found, places=rows_of_six[:, :3])
    assert "6 numbers each" in str(found.notes[0])
    assert_cloud(read(tmp_path, "b.bin", POINTS.astype("<f4").tobytes()), places=POINTS)
