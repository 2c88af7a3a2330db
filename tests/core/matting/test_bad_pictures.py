"""Pictures that are no picture of one whole object: a sentence that says so, never silence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from onet_core.errors import InputError
from onet_core.matting import place
from onet_core.models.catalogue import find_model
from onet_core.models.pictures.confidence import doubts_of, foretold_iou
from onet_core.models.steps import Steps
from onet_core.pipeline.job import Job, run
from onet_core.settings import Settings

Pixels = NDArray[np.uint8]
EDGE = 160


def drawn(draw: Callable[[ImageDraw.ImageDraw], None], background: str = "white") -> Pixels:
    image = Image.new("RGB", (EDGE, EDGE), background)
    draw(ImageDraw.Draw(image))
    return np.array(image)


def block(x: int, y: int, width: int, height: int) -> Callable[[ImageDraw.ImageDraw], None]:
    return lambda pen: pen.rectangle((x, y, x + width, y + height), fill="maroon")


def noise() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (EDGE, EDGE, 3), dtype=np.uint8)


def text(pen: ImageDraw.ImageDraw) -> None:
    for line in range(8):
        pen.text((20, 12 + 17 * line), "Anyone can make a mesh", fill="black")


def screenshot(pen: ImageDraw.ImageDraw) -> None:
    pen.rectangle((0, 0, EDGE, 18), fill="steelblue")
    pen.rectangle((0, 18, 40, EDGE), fill="silver")
    pen.rectangle((60, 40, 140, 90), outline="black", fill="lightyellow")
    text(pen)


def drawing(pen: ImageDraw.ImageDraw) -> None:
    """A chair in a few strokes."""
    for stroke in (
        [(50, 140), (50, 30), (60, 28), (62, 90), (120, 95), (118, 145)],
        [(62, 90), (66, 140)],
        [(50, 88), (104, 104), (104, 150)],
    ):
        pen.line(stroke, fill="black", width=2)


def face(pen: ImageDraw.ImageDraw) -> None:
    """Skin over all of the picture, with what a face has on it."""
    for y in range(EDGE):
        pen.line((0, y, EDGE, y), fill=(200 + y // 8, 160 - y // 4, 120 + y % 16))
    for x in range(0, EDGE, 3):
        pen.line((x, 0, x + 9, 30 + x % 7), fill=(60, 30 + x % 40, 20))
        pen.line((x, EDGE - 1, x - 20, EDGE - 40), fill=(90 + x, 40, x % 90))
    for x in (50, 105):
        pen.ellipse((x - 14, 60, x + 14, 76), fill="white", outline="black")
        pen.ellipse((x - 5, 62, x + 5, 74), fill="navy")
    pen.arc((50, 90, 110, 135), 20, 160, fill="darkred", width=6)


@pytest.fixture(autouse=True)
def without_cut_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(place.VARIABLE, "/nowhere/at/all.onnx")


def said_of(pixels: Pixels, mask: Pixels | None = None) -> str:
    """All that is told, with or without a mesh."""
    job = Job(pixels=pixels, mask=mask, kind="image", settings=Settings(resolution=16))
    try:
        return " ".join(str(one) for one in run(job).findings.sentences())
    except InputError as error:
        return str(error)


@pytest.mark.parametrize(
    ("pixels", "told"),
    [
        (drawn(lambda pen: None), "no object stands out"),
        (drawn(lambda pen: (block(10, 40, 50, 70)(pen), block(90, 40, 50, 60)(pen))), "2 separate"),
        (drawn(block(90, 40, 80, 70)), "cut off at the border"),
        (drawn(drawing), "mostly guessed"),
        (drawn(face), "separate things"),
        (drawn(text), "separate things"),
        (drawn(screenshot), "No background was found"),
        (noise(), "No background was found"),
        (drawn(block(70, 70, 19, 19)), "only 20 x 20 pixels"),
        (noise()[:6], "at least 8 are needed"),
    ],
    ids=[
        "nothing", "several", "half", "drawing", "face", "text", "screenshot", "noise", "20 pixels",
        "6 pixels",
    ],
)  # fmt: skip
def test_no_bad_picture_passes_without_a_word(pixels: Pixels, told: str) -> None:
    assert told in said_of(pixels)


def test_masks_that_do_not_fit_are_told() -> None:
    pixels = drawn(block(40, 40, 80, 80))
    mask = np.zeros((EDGE, EDGE), dtype=np.uint8)
    mask[40:120, 40:120] = 255
    assert "mask shows the object" in said_of(pixels, mask)
    assert "mask shows the object" in said_of(pixels, mask[::2, ::2])  # the same view, smaller
    assert "they must show the same" in said_of(pixels, mask[:100])
    assert "invert it" in said_of(pixels, 255 - mask)
    assert "masked out" in said_of(pixels, 0 * mask)


def test_a_plain_object_is_no_reason_for_doubt() -> None:
    """A cabinet, of which the network has seen many."""
    pixels = drawn(block(45, 25, 70, 110))
    pen = Image.fromarray(pixels)
    drawing = ImageDraw.Draw(pen)
    drawing.polygon([(115, 25), (135, 15), (135, 120), (115, 135)], fill=(90, 20, 20))
    drawing.polygon([(45, 25), (65, 15), (135, 15), (115, 25)], fill=(170, 40, 40))
    assert said_of(np.array(pen)) == "The plain background was removed"


def test_confidence_is_the_records() -> None:
    steps = Steps(foretold_base=-0.2, foretold_slope=0.8, doubt_below=0.3)
    assert foretold_iou(0.5, steps) == pytest.approx(0.2)
    assert foretold_iou(0.1, steps) == 0.0
    (doubt,) = doubts_of(0.5, steps)
    assert "about 20 %" in str(doubt)
    assert doubts_of(0.7, steps) == ()
    assert doubts_of(None, steps) == ()
    assert doubts_of(0.1, Steps()) == ()


def test_the_shipped_model_says_what_its_confidence_rests_on() -> None:
    described = find_model("picture").description
    assert described is not None
    steps = described.steps
    assert 0 < steps.doubt_below < 1
    for name in ("foretold_base", "foretold_slope", "doubt_below"):
        assert "training.measure.pictures.confidence" in steps.chosen_by[name]
