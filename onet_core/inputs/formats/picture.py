"""Pictures of any kind, see `inputs.pictures`; EXR and HDR by OpenImageIO."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...colours import to_srgb
from ...errors import InputError
from ..content import Content
from ..limits import MOST_PIXELS, assert_file, bounded, optional_package
from ..pictures import read_picture

LINEAR = (".exr", ".hdr")
_MOST_CHANNELS = 64


def read(path: Path, kind: str) -> Content:
    """The pixels of a picture."""
    if path.suffix.lower() in LINEAR:
        return _read_linear(path)
    return Content(pixels=read_picture(path))


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
    names = [str(name).rpartition(".")[2].upper() for name in spec.channelnames[:_MOST_CHANNELS]]
    wanted = [names.index(name) for name in "RGB" if name in names]
    if len(wanted) < 3:
        wanted = [names.index("Y") if "Y" in names else 0] * 3
    if "A" in names:
        wanted.append(names.index("A"))
    values = source.read_image(0, 0, 0, min(spec.nchannels, _MOST_CHANNELS), "float")
    source.close()
    if values is None:
        raise InputError("{name} is damaged or not a picture.", name=path.name)
    pixels = np.nan_to_num(np.asarray(values)[..., wanted], nan=0, posinf=1, neginf=0)
    pixels = np.clip(pixels, 0, 1)
    pixels[..., :3] = to_srgb(pixels[..., :3])
    return Content(pixels=np.round(pixels * 255).astype(np.uint8))
