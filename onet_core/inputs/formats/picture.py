"""Pictures of any kind, see `inputs.pictures`; EXR and HDR by OpenImageIO."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from ...colours import to_srgb
from ...errors import InputError
from ..content import Content
from ..limits import MOST_PIXELS, assert_file, bounded, optional_package
from ..pictures import opened, read_picture

LINEAR = (".exr", ".hdr")
_MOST_CHANNELS = 1024
# Larger pictures are reduced.
_EDGE_READ = 2048
# Those of more numbers than this have to have a byte for so many: else they are of one colour,
# which takes seconds to find out. An object that fills a hundredth of a black picture has one for
# 30.
_CHECKED_FROM, _MOST_NUMBERS_A_BYTE = 16 * 2**20, 32
# A JPEG with a preview beside it is not among them.
_SEVERAL = ("GIF", "PNG", "TIFF", "WEBP", "AVIF")
_CHANNELS = {"RED": "R", "GREEN": "G", "BLUE": "B", "ALPHA": "A"}
# Layers that renderers write the whole picture to, without a name first.
_WHOLE = ("", "combined", "beauty", "rgba", "composite", "image")


def read(path: Path, kind: str) -> Content:
    """The pixels of a picture."""
    if path.suffix.lower() in LINEAR:
        return _read_linear(path)
    content = Content(pixels=read_picture(path))
    if _holds_several(path):
        return content.noting("It holds several pictures, of which the first was read")
    return content


def _holds_several(path: Path) -> bool:
    """Whether a picture that can be read is an animation or has pages."""
    try:
        with warnings.catch_warnings(), opened(path) as image:
            warnings.simplefilter("ignore")
            return image.format in _SEVERAL and bool(getattr(image, "is_animated", False))
    except Exception:  # Pillow raises whatever a damaged second picture makes it raise
        return False


def _read_linear(path: Path) -> Content:
    """Light, as those formats keep it, as sRGB: what is brighter than white is white."""
    assert_file(path)
    library = optional_package("OpenImageIO", "openimageio", path.name)
    source = library.ImageInput.open(str(path))
    if source is None:
        library.geterror()
        raise InputError("{name} is damaged or not a picture.", name=path.name)
    spec = source.spec()
    bounded(path.name, "pixels", spec.width * spec.height, MOST_PIXELS // 4)
    bounded(path.name, "channels", spec.nchannels, _MOST_CHANNELS)
    size = path.stat().st_size
    most = max(_CHECKED_FROM, size * _MOST_NUMBERS_A_BYTE)
    bounded(path.name, "numbers", spec.width * spec.height * spec.nchannels, most)
    wanted = channels_of([str(name) for name in spec.channelnames])
    first, last = min(wanted), max(wanted) + 1
    values = source.read_image(0, 0, first, last, "half")
    source.close()
    if values is None:
        raise InputError("{name} is damaged or not a picture.", name=path.name)
    step = max(1, max(spec.width, spec.height) // _EDGE_READ)
    pixels = np.asarray(values)[::step, ::step][..., np.array(wanted) - first]
    pixels = np.nan_to_num(pixels.astype(np.float32), nan=0, posinf=1, neginf=0)
    pixels = np.clip(pixels, 0, 1)
    pixels[..., :3] = to_srgb(pixels[..., :3])
    return Content(pixels=np.round(pixels * 255).astype(np.uint8))


def channels_of(names: list[str]) -> list[int]:
    """The channels of red, green and blue, and of opacity where there is one, by their names.

    Of several layers ("ViewLayer.Combined.R") that with the whole picture, else the first that has
    colours. A channel without colours is grey.
    """
    layers: dict[str, dict[str, int]] = {}
    for number, name in enumerate(names):
        layer, _, channel = name.rpartition(".")
        short = _CHANNELS.get(channel.upper(), channel.upper())
        layers.setdefault(layer, {}).setdefault(short, number)
    coloured = [layer for layer, found in layers.items() if {"R", "G", "B"} <= set(found)]
    if not coloured:
        grey = next((found["Y"] for found in layers.values() if "Y" in found), 0)
        opacity = layers.get("", {}).get("A")
        return [grey] * 3 + ([] if opacity is None else [opacity])

    def rank(layer: str) -> int:
        last = layer.rpartition(".")[2].lower()
        return _WHOLE.index(last) if last in _WHOLE else len(_WHOLE)

    chosen = layers[min(coloured, key=rank)]
    return [chosen[channel] for channel in "RGBA" if channel in chosen]
