"""Text clouds with odd numbers and headings; each test is one kind of fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sample_files import COLOURS, POINTS, rows

from onet_core.errors import InputError
from onet_core.inputs.content import Content
from onet_core.inputs.load import read_input

COUNT = np.arange(len(POINTS))
# As in a national grid, in metres.
FAR = np.round(POINTS + np.array([500_000, 5_400_000, 400]), 4)


def read(folder: Path, text: str, name: str = "a.csv") -> Content:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_input(path)


def written(number: Callable[[float], str], mark: str, places: np.ndarray = FAR) -> str:
    return "".join(mark.join(map(number, point)) + "\n" for point in places)


def grouped(between: str, point: str, quote: str = "") -> Callable[[float], str]:
    """Numbers with thousands separators."""

    def number(value: float) -> str:
        whole = f"{value:,.4f}".replace(",", "_").replace(".", point).replace("_", between)
        return f"{quote}{whole}{quote}"

    return number


@pytest.mark.parametrize(
    ("number", "mark"),
    [
        (grouped(",", ".", '"'), ","),  # English
        (grouped(".", ","), ";"),  # German
        (grouped("\u202f", ","), ";"),  # French
        (grouped("'", "."), ";"),  # Swiss
        (grouped("\u2019", "."), "\t"),
        (grouped(" ", "."), ";"),
    ],
)
def test_thousands_separators(tmp_path: Path, number: Callable[[float], str], mark: str) -> None:
    found = read(tmp_path, mark.join("XYZ") + "\n" + written(number, mark))
    assert found.points is not None
    np.testing.assert_allclose(found.points, FAR, atol=1e-6)
    assert len(found.notes) == 1


def test_decimal_commas_in_quotes_or_as_separators_too(tmp_path: Path) -> None:
    def comma(value: float) -> str:
        return f"{value:.4f}".replace(".", ",")

    quoted = '"X","Y","Z"\n' + written(lambda value: f'"{comma(value)}"', ",", POINTS)
    for text in (quoted, written(comma, ",", POINTS)):
        found = read(tmp_path, text)
        assert found.points is not None
        np.testing.assert_allclose(found.points, POINTS, atol=1e-6)
        assert "decimal point" in str(found.notes[-1])


@pytest.mark.parametrize(
    "line",
    ["({}, {}, {})", "[{}, {}, {}],", "{}|{}|{}", "{}:{}:{}", "{},{},{},", "{}\t {} \t{}",
     "{} {} {} # seen", "PT7,{},{},{}", "{}\u00a0{}\u00a0{}"],
)  # fmt: skip
def test_marks_around_numbers(tmp_path: Path, line: str) -> None:
    found = read(tmp_path, "".join(line.format(*point) + "\n" for point in POINTS), "a.txt")
    np.testing.assert_allclose(found.points, POINTS)


def test_other_signs_and_exponents(tmp_path: Path) -> None:
    fortran = "".join(" ".join(f"{v:.6e}".replace("e", "D") for v in p) + "\n" for p in POINTS)
    for text in (fortran, rows(POINTS, mark=",").replace("-", "\u2212"), f"[{POINTS.tolist()}"[1:]):
        np.testing.assert_allclose(read(tmp_path, text, "a.txt").points, POINTS)


def test_numbers_as_headings(tmp_path: Path) -> None:
    for heading, lines in (
        ("0,1,2", rows(POINTS, mark=",")),
        (",0,1,2", rows(COUNT, POINTS, mark=",")),
        ("sep=,\nx,y,z", rows(POINTS, mark=",")),
        ("x,y,z\nm,m,m", rows(POINTS, mark=",")),
    ):
        np.testing.assert_allclose(read(tmp_path, f"{heading}\n{lines}").points, POINTS)


@pytest.mark.parametrize(
    "names",
    ["t,tx,ty,tz", "u,world_x,world_y,world_z", "i,pos.x,pos.y,pos.z", "d,x_m,y_m,z_m",
     "pixel_x,X_world,Y_world,Z_world"],
)  # fmt: skip
def test_names_that_differ_in_the_axis_only(tmp_path: Path, names: str) -> None:
    found = read(tmp_path, f"{names}\n" + rows(COUNT % 7, POINTS, mark=","))
    np.testing.assert_allclose(found.points, POINTS)


def test_names_of_normals_are_no_coordinates(tmp_path: Path) -> None:
    text = "nx,ny,nz,x,y,z\n" + rows(np.abs(POINTS), POINTS, mark=",")
    np.testing.assert_allclose(read(tmp_path, text).points, POINTS)


def test_degrees_become_metres(tmp_path: Path) -> None:
    """Ten minutes of a degree along a meridian are 18.5 km, along the parallel of 60 half of it."""
    grid = np.stack(np.meshgrid([10.0, 10.1], [59.95, 60.05], [0.0, 50.0]), axis=-1).reshape(-1, 3)
    text = "lat,lon,alt\n" + rows(grid[:, 1], grid[:, 0], grid[:, 2], mark=",")
    found = read(tmp_path, text)
    assert found.points is not None
    # The lengths of a degree of latitude and longitude at 60 degrees, from tables: 111,412 m and
    # 55,800 m.
    np.testing.assert_allclose(np.ptp(found.points, axis=0), (5580.0, 11141.2, 50.0), rtol=1e-4)
    assert "latitude 60.000000" in str(found.notes[-1])


def test_colours_in_one_number(tmp_path: Path) -> None:
    red, green, blue = COLOURS.astype(int).T
    packed = (red << 16) + (green << 8) + blue
    lines = [f"{x},{y},{z},{c}\n" for (x, y, z), c in zip(POINTS, packed, strict=True)]
    found = read(tmp_path, "x,y,z,rgb\n" + "".join(lines))
    np.testing.assert_array_equal(found.colours, COLOURS)


def test_columns_that_count(tmp_path: Path) -> None:
    whole = np.round(POINTS * 1000)
    for lines, wanted in (
        (rows(COUNT // 8, COUNT % 8, POINTS, mark=","), POINTS),
        (rows(len(POINTS) - COUNT, POINTS, mark=","), POINTS),
        (rows((COUNT * 7) % 60, POINTS, mark=","), POINTS),
        (rows(COUNT, whole, mark=","), whole),
    ):
        found = read(tmp_path, lines)
        np.testing.assert_allclose(found.points, wanted)
        assert "count" in str(found.notes[-1])
    # Heights over a grid of whole metres are no such thing.
    heights = np.column_stack([500_000 + COUNT // 8, 5_400_000 + COUNT % 8, POINTS[:, 2]])
    text = "".join(f"{x:.0f} {y:.0f} {z} 0.5 0.5\n" for x, y, z in heights)
    np.testing.assert_allclose(read(tmp_path, text, "a.xyz").points, heights)


def test_marks_for_no_data_are_left_out(tmp_path: Path) -> None:
    text = rows(POINTS) + "0.1 0.2 -9999\n" * 3 + "0.1 3.4e38 0\n"
    found = read(tmp_path, text, "a.xyz")
    np.testing.assert_allclose(found.points, POINTS)
    assert str(found.notes[0]).startswith("4 points with ")
    # Where coordinates are that large they are places.
    assert len(read(tmp_path, rows(POINTS * 5000) + "1 2 -9999\n", "b.xyz").points) == 61


def test_other_texts_are_called_what_they_are(tmp_path: Path) -> None:
    for text, word in (
        ('{"x": 1, "y": 2, "z": 3}\n', "JSON"),
        ("<!DOCTYPE html><html>1 2 3</html>", "web page"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n", "Git LFS"),
        ("PK\x03\x04 and so on", "archive"),
    ):
        with pytest.raises(InputError, match=word):
            read(tmp_path, text, "a.txt")


def test_names_beside_their_columns(tmp_path: Path) -> None:
    """R names no column of row names; comments begin with a word that is no name."""
    numbered = rows(COUNT + 1, POINTS, COLOURS, mark=" ")
    found = read(tmp_path, "x y z r g b\n" + numbered)
    np.testing.assert_allclose(found.points, POINTS)
    np.testing.assert_array_equal(found.colours, COLOURS)
    found = read(tmp_path, "# FIELDS x y z intensity\n" + rows(POINTS, COUNT), "a.txt")
    np.testing.assert_allclose(found.points, POINTS)


def test_names_that_say_nothing_of_coordinates(tmp_path: Path) -> None:
    found = read(tmp_path, "time,a,b,c\n" + rows(POINTS, COUNT / 7, mark=","))
    assert "The columns time, a, b were taken" in str(found.notes[-1])
    found = read(tmp_path, "x,y,depth\n" + rows(POINTS, mark=","))
    assert "The columns x, y, depth were taken" in str(found.notes[-1])
    for names in ("id,x,y", "id,lat,lon"):
        with pytest.raises(InputError, match="none for z"):
            read(tmp_path, f"{names}\n" + rows(COUNT, POINTS[:, :2], mark=","))


def test_tables_of_numbers_that_are_no_points(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="40 numbers a line"):
        read(tmp_path, rows(rng.random((30, 40))), "a.txt")
    with pytest.raises(InputError, match="turns of a camera"):
        read(tmp_path, rows(np.eye(4)), "a.txt")


def test_heights_of_a_grid(tmp_path: Path) -> None:
    """Esri's: rows from north to south, -9999 where nothing is known."""
    heights = np.round(np.random.default_rng(0).random((5, 8)), 3)
    heights[2, 3] = -9999
    head = "ncols 8\nnrows 5\nxllcorner 500000\nyllcorner 5400000\ncellsize 2\nNODATA_value -9999\n"
    found = read(tmp_path, head + rows(heights), "a.asc")
    assert found.points is not None
    assert len(found.points) == 39
    np.testing.assert_allclose(found.points[0], (500001, 5400009, heights[0, 0]))
    np.testing.assert_allclose(found.points[-1], (500015, 5400001, heights[4, 7]))
    with pytest.raises(InputError, match="announces 40 points and holds 32"):
        read(tmp_path, head + rows(heights[:4]), "a.asc")


def test_coordinates_that_were_rounded_before_are_said(tmp_path: Path) -> None:
    """Single precision has steps of half a metre where a national grid counts from."""
    rounded = FAR.astype(np.float32).astype(np.float64)
    found = read(tmp_path, written(str, ",", rounded))
    assert "steps of 0.5" in str(found.notes[-1])
    assert not read(tmp_path, written(str, ",")).notes


def test_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    """The lines behind it are read; before, each was read by itself, which took minutes."""
    quoted = written('"{:.6f}"'.format, ",", POINTS)
    plain = written("{:.6f}".format, ",", POINTS)
    found = read(tmp_path, "x,y,z\n" + quoted + '"' + plain + 100 * plain)
    assert found.points is not None
    np.testing.assert_allclose(found.points, np.tile(POINTS, (102, 1)), atol=1e-6)


def test_broken_lines_among_many(tmp_path: Path) -> None:
    """Wherever they are, all others are read and they are counted."""
    lines = written("{:.6f}".format, ",", np.tile(POINTS, (80, 1))).splitlines()
    for place in (4000, 2500, 30):
        lines.insert(place, "lost, lost, 3")
    lines[100] = "1,NaN,-"
    found = read(tmp_path, "x,y,z\n" + "\n".join(lines))
    assert found.points is not None
    assert len(found.points) == 80 * len(POINTS) - 1
    assert [str(note) for note in found.notes] == [
        "3 broken lines were left out, such as 'lost, lost, 3'",
        "1 point that is not finite was left out",
    ]


@pytest.mark.parametrize("mark", [" ", ","])
def test_components_of_arrays_name_columns(tmp_path: Path, mark: str) -> None:
    """As Houdini writes them: such a heading was taken for a broken line of numbers."""
    heading = mark.join(["id", *(f"P[{i}]" for i in range(3)), *(f"Cd[{i}]" for i in range(3))])
    rows_of_points = [
        mark.join(["7", *(f"{x:.6f}" for x in point), *(f"{c / 255:.6f}" for c in colour)])
        for point, colour in zip(POINTS, COLOURS, strict=True)
    ]
    found = read(tmp_path, "\n".join([heading, *rows_of_points]))
    assert found.points is not None
    np.testing.assert_allclose(found.points, POINTS, atol=1e-6)
    np.testing.assert_array_equal(found.colours, COLOURS)
    assert not found.notes


HEADINGS = {
    "Nome;Est;Nord;Quota": "p",
    "Id;Este;Norte;Cota": "",
    "nr;rd_x;rd_y;nap_z": "",
    "Matricule;X_L93;Y_L93;Z_NGF": "m",
    "\u2116;\u0425;\u0423;\u041d": "",
    "号;东坐标;北坐标;高程": "",
    "Frame;p_RS_x [m];p_RS_y [m];p_RS_z [m]": "",
}


@pytest.mark.parametrize("heading", HEADINGS)
def test_names_of_axes_in_other_languages_and_registers(tmp_path: Path, heading: str) -> None:
    numbers = (COUNT * 37) % len(POINTS) * 3 + 5
    lines = [
        f"{HEADINGS[heading]}{number};{x:.4f};{y:.4f};{z:.4f}"
        for number, (x, y, z) in zip(numbers, FAR, strict=True)
    ]
    found = read(tmp_path, "\n".join([heading, *lines]))
    assert found.points is not None
    np.testing.assert_allclose(found.points, FAR, atol=1e-4)


def test_several_points_a_row_are_said(tmp_path: Path) -> None:
    heading = ",".join(f"{mark}:{axis}" for mark in ("Hip", "Knee") for axis in "XYZ")
    lines = written("{:.6f}".format, ",", np.hstack([POINTS, POINTS[::-1]]))
    found = read(tmp_path, heading + "\n" + lines)
    assert found.points is not None
    np.testing.assert_allclose(found.points, POINTS, atol=1e-6)
    assert "several points each, of which Hip:X, Hip:Y, Hip:Z" in str(found.notes[0])


@pytest.mark.parametrize("heading", ["angle,distance,quality", "Azimuth [deg],elevation,Range [m]"])
def test_polar_coordinates_are_no_places(tmp_path: Path, heading: str) -> None:
    with pytest.raises(InputError, match="holds angles and distances"):
        read(tmp_path, heading + "\n" + written("{:.6f}".format, ",", POINTS))


def test_trajectories_are_no_clouds(tmp_path: Path) -> None:
    """As SLAM programs write them: a time, a place and a quaternion."""
    turns = np.random.default_rng(0).normal(size=(len(POINTS), 4))
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    lines = np.hstack([1.6e9 + COUNT[:, None] * 0.1, POINTS, turns])
    with pytest.raises(InputError, match="positions and turns of a camera"):
        read(tmp_path, written("{:.7f}".format, " ", lines), "a.txt")


def test_columns_in_another_order(tmp_path: Path) -> None:
    """Colours first, or northings before eastings, as surveyors write them; both are said."""
    painted = [
        " ".join([*map(str, colour), *(f"{x:.6f}" for x in point)])
        for colour, point in zip(COLOURS, POINTS, strict=True)
    ]
    found = read(tmp_path, "\n".join(painted), "a.txt")
    assert found.points is not None
    np.testing.assert_allclose(found.points, POINTS, atol=1e-6)
    np.testing.assert_array_equal(found.colours, COLOURS)
    assert "taken for colours, the next three" in str(found.notes[0])
    found = read(tmp_path, written("{:.4f}".format, ",", FAR[:, [1, 0, 2]]), "b.txt")
    np.testing.assert_allclose(found.points, FAR, atol=1e-4)
    assert "northings" in str(found.notes[0])


def test_labels_behind_colours_and_returns_behind_intensities(tmp_path: Path) -> None:
    def table(*columns: np.ndarray) -> str:
        cells = [POINTS, *(column[:, None] if column.ndim == 1 else column for column in columns)]
        return written("{:g}".format, " ", np.hstack(cells))

    found = read(tmp_path, table(COLOURS, COUNT % 20), "a.txt")
    np.testing.assert_array_equal(found.colours, COLOURS)
    assert (
        read(tmp_path, table(COUNT * 4 % 256, COUNT % 3 + 1, COUNT % 4 + 1), "b.txt").colours
        is None
    )
    red = np.tile([255, 0, 0], (len(POINTS), 1))
    np.testing.assert_array_equal(read(tmp_path, table(red), "c.txt").colours, red)


@pytest.mark.parametrize(
    ("form", "first", "last"),
    [("tensor({}", "[[", "]])"), ("{}", "{{", "}}"), ("pts = [\n{}", "", "\n];\n")],
)
def test_points_as_programs_print_them(tmp_path: Path, form: str, first: str, last: str) -> None:
    mark = "; \n" if not first else f"{first[0].translate({91: 93, 123: 125})},\n {first[0]}"
    cells = " " if not first else ", "
    lines = mark.join(cells.join(f"{x:.6f}" for x in point) for point in POINTS)
    found = read(tmp_path, form.format(first + lines) + last + "\0" * 64, "a.txt")
    assert found.points is not None
    np.testing.assert_allclose(found.points[: len(POINTS)], POINTS, atol=1e-6)


def test_times_and_unordered_numbers_in_front(tmp_path: Path) -> None:
    times, numbers = 1.7e9 + COUNT * 0.01, (COUNT * 7919) % 100_003 + 1000
    for column, note in ((times, "only grows, as times do"), (numbers, "counts the points")):
        table = np.column_stack([column, POINTS])
        found = read(tmp_path, written("{:.12g}".format, " ", table), "a.txt")
        assert found.points is not None
        np.testing.assert_allclose(found.points, POINTS, atol=1e-6)
        assert note in str(found.notes[0])


def test_scans_that_are_shorter_than_they_say(tmp_path: Path) -> None:
    lines = written("{:.6f}".format, " ", np.column_stack([POINTS, COUNT, COLOURS]))
    found = read(tmp_path, f"{len(POINTS) + 5}\n{lines}", "a.pts")
    assert "announces 65 points and holds 60" in str(found.notes[0])
    assert not read(tmp_path, f"{len(POINTS)}\n{lines}", "b.pts").notes
