"""Photographs: a network that others keep, fetched with consent, and what is odd about masks."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from onet_core.cli import main
from onet_core.errors import InputError, OnetError
from onet_core.inputs.pictures import prepare_picture, read_mask
from onet_core.matting import place
from onet_core.matting.boxed import mask_in_box
from onet_core.matting.cut_out import object_mask
from onet_core.matting.doubts import doubts_about
from onet_core.matting.network import CONVOLUTIONS, Convolution, ObjectNetwork, expected_shapes
from onet_core.matting.onnx_file import read_convolutions
from onet_core.pipeline.job import Job, look

CONTENT = b"weights of somebody"


def number(value: int) -> bytes:
    """A whole number as Protocol Buffers write it."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def field(which: int, content: bytes | int) -> bytes:
    """A field of a message."""
    if isinstance(content, int):
        return number(which << 3) + number(content)
    return number(which << 3 | 2) + number(len(content)) + content


def tensor(name: str, values: NDArray[np.float32]) -> bytes:
    sizes = b"".join(field(1, size) for size in values.shape)
    return sizes + field(2, 1) + field(8, name.encode()) + field(9, values.tobytes())


def onnx_of(convolutions: list[Convolution]) -> bytes:
    """A file with these convolutions in a chain, their weights in the opposite order."""
    nodes, weights = [], []
    for index, one in enumerate(convolutions):
        inputs = (f"x{index}", f"w{index}", f"b{index}")
        nodes.append(b"".join(field(1, name.encode()) for name in inputs) + field(4, b"Conv"))
        nodes.append(field(1, b"any") + field(4, b"Relu"))
        weights += [tensor(f"w{index}", one.weight.numpy()), tensor(f"b{index}", one.bias.numpy())]
    graph = b"".join(field(1, node) for node in nodes)
    graph += b"".join(field(5, one) for one in reversed(weights))
    return field(1, 6) + field(7, graph)


@pytest.fixture(scope="module")
def convolutions() -> list[Convolution]:
    generator = torch.Generator().manual_seed(0)
    return [
        Convolution(
            torch.randn(shape, generator=generator) / (shape[1] * shape[2] ** 2) ** 0.5,
            torch.zeros(shape[0]),
        )
        for shape in expected_shapes()
    ]


def test_convolutions_come_in_the_order_of_the_graph(convolutions: list[Convolution]) -> None:
    read = read_convolutions(onnx_of(convolutions[:9]))
    for one, other in zip(read, convolutions[:9], strict=True):
        assert torch.equal(one.weight, other.weight)
        assert torch.equal(one.bias, other.bias)


@pytest.mark.parametrize("cut", [1, 30, 5000])
def test_a_file_that_is_cut_off_is_refused(convolutions: list[Convolution], cut: int) -> None:
    with pytest.raises(ValueError, match="a "):
        read_convolutions(onnx_of(convolutions[:2])[:-cut])


def test_the_network_gives_probabilities_of_the_pictures_size(
    convolutions: list[Convolution],
) -> None:
    assert len(convolutions) == CONVOLUTIONS
    network = ObjectNetwork(convolutions)
    pictures = torch.rand(2, 3, 96, 64, generator=torch.Generator().manual_seed(1))
    found = network(pictures)
    assert found.shape == (2, 96, 64)
    assert 0 < found.min() < found.max() < 1
    # Each picture is looked at by itself.
    assert torch.allclose(network(pictures[1:])[0], found[1], atol=1e-5)
    with pytest.raises(ValueError, match="not the weights"):
        ObjectNetwork(convolutions[:-1])


@pytest.mark.skipif(not place.is_there(place.network_file()), reason="was not fetched here")
def test_it_is_what_onnx_runtime_makes_of_the_file() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    picture = torch.rand(1, 3, 320, 320, generator=torch.Generator().manual_seed(0))
    content = place.content_of(place.network_file())
    session = onnxruntime.InferenceSession(content)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    given = (picture.numpy() - mean.reshape(3, 1, 1)) / deviation.reshape(3, 1, 1)
    (wanted, *_) = session.run(None, {session.get_inputs()[0].name: given.astype(np.float32)})
    found = ObjectNetwork(read_convolutions(content))(picture)
    assert np.abs(found.numpy() - wanted[:, 0]).max() < 1e-3


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A place for a file of the test's own, which counts as the right one."""
    monkeypatch.setattr(place, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(place, "SIZE", len(CONTENT))
    monkeypatch.setenv(place.VARIABLE, str(tmp_path / "kept" / "net.onnx"))
    return tmp_path / "kept" / "net.onnx"


@pytest.fixture
def address() -> Iterator[str]:
    """A server on this machine that has the file, and another one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = {"/right": CONTENT, "/wrong": CONTENT[::-1], "/long": 9 * CONTENT}
            found = content.get(self.path)
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_it_is_fetched_once_and_whole(known: Path, address: str) -> None:
    shares: list[float] = []
    assert not place.is_there(known)
    place.fetch(known, f"{address}/right", lambda stage, share: shares.append(share))
    assert known.read_bytes() == CONTENT
    assert os.listdir(known.parent) == [known.name]
    assert shares[-1] == 1
    assert place.is_there(place.network_file())


@pytest.mark.parametrize("name", ["wrong", "long", "none"])
def test_nothing_else_is_kept(known: Path, address: str, name: str) -> None:
    with pytest.raises(OnetError, match=name):
        place.fetch(known, f"{address}/{name}")
    assert not known.exists()


def test_the_shell_takes_it_from_a_file(known: Path, tmp_path: Path) -> None:
    (tmp_path / "from a stick.onnx").write_bytes(CONTENT)
    given = ["fetch-cut-out", "--from", str(tmp_path / "from a stick.onnx")]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 0, done.output
    assert known.read_bytes() == CONTENT
    done = CliRunner().invoke(main, ["fetch-cut-out", "--from", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "can't be reached" in done.output


def test_a_file_that_is_missing_or_another_is_named(known: Path) -> None:
    colours = np.zeros((20, 30, 3), dtype=np.uint8)
    with pytest.raises(InputError, match="onet fetch-cut-out"):
        object_mask(colours, known)
    known.parent.mkdir()
    known.write_bytes(CONTENT[::-1])
    with pytest.raises(InputError, match="fetch it again"):
        object_mask(colours, known)
    known.write_bytes(CONTENT)  # known by its hash, but no network
    with pytest.raises(InputError, match="fetch it again"):
        object_mask(colours, known)


def noise(height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def square(height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[10:50, 20:60] = 255
    return mask


def test_a_busy_background_is_cut_away_where_that_can_be_done() -> None:
    whole = prepare_picture(noise())
    assert whole.background == "none"
    assert whole.mask is None
    cut = prepare_picture(noise(), cutter=lambda colours: square(*colours.shape[:2]))
    assert cut.background == "cut_out"
    assert np.array_equal(cut.mask > 127, square() > 127)
    masked = prepare_picture(noise(), square())
    assert np.array_equal(cut.data, masked.data)


def test_the_cutter_is_not_asked_where_the_background_is_known() -> None:
    plain = np.full((60, 80, 3), 200, dtype=np.uint8)
    plain[10:50, 20:60] = (30, 90, 20)

    def never(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
        raise AssertionError("asked")

    assert prepare_picture(plain, cutter=never).background == "plain"
    assert prepare_picture(noise(), square(), cutter=never).background == "mask"


def block(behind: NDArray[np.floating]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A dark block in front of a background (H, W, 3) with a little grain, and where it is."""
    grain = np.random.default_rng(0).normal(0, 2, behind.shape)
    picture = np.clip(behind + grain, 0, 255).astype(np.uint8)
    where = np.zeros(picture.shape[:2], dtype=np.uint8)
    where[60:240, 120:280] = 255
    picture[where > 0] = (30, 90, 20)
    return picture, where


def test_an_uneven_background_is_left_to_the_cutter_or_told() -> None:
    rows, columns = np.indices((300, 400))
    tiles = 155 + 24.0 * ((rows // 30 + columns // 30) % 2)
    room, where = block(np.repeat(tiles[..., None], 3, axis=2))
    alone = prepare_picture(room)
    assert alone.background == "plain"
    assert any("uneven" in str(doubt) for doubt in alone.doubts)
    cut = prepare_picture(room, cutter=lambda colours: where)
    assert cut.background == "cut_out"
    assert np.array_equal(cut.mask > 127, where > 127)
    assert not cut.doubts
    with pytest.raises(InputError, match="No object was found"):
        prepare_picture(room, cutter=lambda colours: 0 * where)


def test_soft_light_is_even() -> None:
    down, across = np.linspace(0, 40, 300)[:, None, None], np.linspace(0, 60, 400)[None, :, None]
    studio, where = block(120 + down + across + np.zeros(3))

    def never(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
        raise AssertionError("asked")

    found = prepare_picture(studio, cutter=never)
    assert found.background == "plain"
    assert np.count_nonzero((found.mask > 127) != (where > 127)) < 0.01 * np.count_nonzero(where)
    assert not found.doubts


def test_a_wall_that_is_plain_in_most_places_is_cut_away_too() -> None:
    room = np.full((60, 80, 3), 200, dtype=np.uint8)
    room[52:] = (120, 60, 60)  # the floor, which goes to the border
    room[10:50, 20:60] = (30, 90, 20)
    assert prepare_picture(room).background == "plain"
    cut = prepare_picture(room, cutter=lambda colours: square())
    assert cut.background == "cut_out"
    assert np.array_equal(cut.mask > 127, square() > 127)
    assert cut.doubts == ()
    # One that finds nothing, or something as odd, changes nothing.
    assert prepare_picture(room, cutter=lambda colours: 0 * square()).background == "plain"


def test_that_nothing_was_found_is_said() -> None:
    with pytest.raises(InputError, match="No object was found in noise"):
        prepare_picture(noise(), name="noise.png", cutter=lambda colours: 0 * colours[..., 0])


def test_a_switch_and_a_missing_file_leave_the_picture_whole(known: Path) -> None:
    observation, _ = look(Job(pixels=noise(), kind="image"))
    assert observation.background == "none"


def test_what_was_taken_for_the_object_is_written(tmp_path: Path) -> None:
    from onet_core.pipeline import job

    pixels = np.full((60, 80, 3), 255, dtype=np.uint8)
    pixels[10:50, 20:60] = (30, 90, 20)
    Image.fromarray(pixels).save(tmp_path / "block.png")
    target = tmp_path / "mask.png"

    class Stopped(Exception):
        pass

    def stop(stage: str, fraction: float) -> None:
        raise Stopped

    # It is there before the network is asked.
    with pytest.raises(Stopped):
        job.run(Job(path=tmp_path / "block.png", save_mask=target), stop)
    assert np.array_equal(read_mask(target), square())
    # One that is there, perhaps corrected by hand, stays.
    target.write_bytes(b"mine")
    with pytest.raises(Stopped):
        job.run(Job(path=tmp_path / "block.png", save_mask=target), stop)
    assert target.read_bytes() == b"mine"


def test_masks_never_lie_among_the_pictures(tmp_path: Path) -> None:
    Image.fromarray(noise()).save(tmp_path / "a.jpg")
    given = ["reconstruct", str(tmp_path / "a.jpg"), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [*given, "--save-masks", str(tmp_path)])
    assert done.exit_code == 2
    assert "choose another" in done.output
    assert not (tmp_path / "a.png").exists()


def test_a_box_leaves_out_what_is_around_it() -> None:
    picture = noise(100, 100)
    picture[20:80, 30:70] = 255
    picture[40:60, 40:60] = (200, 20, 20)
    found = mask_in_box(picture, (0.7, 0.2, 0.3, 0.8))  # drawn from right to left
    wanted = np.zeros((100, 100), dtype=bool)
    wanted[40:60, 40:60] = True
    assert np.array_equal(found > 127, wanted)
    all_of_it = mask_in_box(noise(100, 100), (0.1, 0.2, 0.5, 0.9))
    assert all_of_it[20:90, 10:50].min() == 255
    assert np.count_nonzero(all_of_it) == 70 * 40
    with pytest.raises(InputError, match="The box in x is too small"):
        mask_in_box(picture, (0.5, 0.5, 0.52, 0.9), "x")


def said(mask: NDArray[np.uint8]) -> str:
    return " ".join(str(one) for one in doubts_about(mask))


def test_one_whole_object_is_no_reason_for_doubt() -> None:
    assert said(square()) == ""


def test_what_is_odd_about_a_mask_is_said() -> None:
    several = square()
    several[15:45, 65:79] = 255
    assert "2 separate things" in said(several)
    crumb = square()
    crumb[20:23, 65:68] = 255
    assert said(crumb) == ""
    half = np.zeros((60, 80), dtype=np.uint8)
    half[10:50, 40:] = 255
    assert "cut off at the border" in said(half)
    assert "invert it" in said(255 - square())
    assert "covers the whole picture" in said(np.full((60, 80), 255, dtype=np.uint8))
    small = np.zeros((60, 80), dtype=np.uint8)
    small[20:40, 30:42] = 255
    assert "only 12 x 20 pixels" in said(small)
