"""Reads checkpoints of the original Occupancy Networks code and converts them.

A checkpoint is one `torch.save` of a flat dict with the state under `model` (zip or legacy
container). It is always read with `weights_only=True`: nothing in the file is executed. The
configuration is recognised by the names and shapes of its tensors.
"""

from __future__ import annotations

import importlib
import io
import pickle
import pickletools
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import torch

from ..errors import ModelError
from ..files import MOST_OF_DIRECTORY, size_of_directory
from .description import ModelDescription

State = dict[str, torch.Tensor]

# The best validation score is a NumPy scalar: float64 where training selected by loss, float32
# where by IoU. Their pieces have to be allowed; NumPy 1 names their module `numpy.core`.
_scalar: Callable[..., Any] = importlib.import_module(
    "numpy._core.multiarray" if hasattr(np, "_core") else "numpy.core.multiarray"
).scalar
NUMPY_SCALAR: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_scalar, "numpy.core.multiarray.scalar"),
    (_scalar, "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
]

SHAPENET_13 = [
    "02691156", "02828884", "02933112", "02958343", "03001627", "03211117", "03636649",
    "03691459", "04090263", "04256520", "04379243", "04401088", "04530566",
]  # fmt: skip


class _Released(NamedTuple):
    """What is known of a released checkpoint beyond its tensors."""

    input_kind: str
    title: str
    categories: list[str]


# By the file's name without the hash at its end.
RELEASED = {
    "onet_img2mesh": _Released("image", "Pictures (legacy)", SHAPENET_13),
    "onet_img2mesh_3": _Released("image", "Pictures", SHAPENET_13),
    "onet_pcl2mesh": _Released("points", "Point clouds", SHAPENET_13),
    "onet_voxel2mesh": _Released("voxels", "Voxels", SHAPENET_13),
    "onet_uncond_airplanes": _Released("none", "Airplanes", ["02691156"]),
    "onet_uncond_cars": _Released("none", "Cars", ["02958343"]),
    "onet_uncond_chairs": _Released("none", "Chairs", ["03001627"]),
    "onet_uncond_sofas": _Released("none", "Sofas", ["04256520"]),
}


# A checkpoint of the original has some ten thousand, with the optimiser's state.
MOST_STEPS = 100_000


def _assert_few_steps(stream: IO[bytes], pickles: int, name: str) -> None:
    """Raises ModelError where pickles take too many steps to read; nothing of them is executed."""
    steps = 0
    try:
        for _ in range(pickles):
            for _ in pickletools.genops(stream):
                steps += 1
                if steps > MOST_STEPS:
                    raise ModelError(
                        "{name} takes more than {limit:,} steps to read: it is not loaded.",
                        name=name, limit=MOST_STEPS,
                    )  # fmt: skip
    except (ValueError, OSError, EOFError, UnicodeError, zlib.error, zipfile.BadZipFile):
        return  # whoever loads it says what is wrong


def assert_small(path: Path) -> None:
    """Raises ModelError for an archive of more bytes than the file has: torch never packs them.

    And for descriptions of its content that take too long to read.
    """
    listed = size_of_directory(path)
    if listed > MOST_OF_DIRECTORY:
        raise ModelError(
            "{name} claims {count} {what}; at most {limit:,} are read.",
            name=path.name, count=f"{listed:,}", what="bytes of names", limit=MOST_OF_DIRECTORY,
        )  # fmt: skip
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            for entry in archive.infolist():
                if entry.filename.endswith("data.pkl") and size <= path.stat().st_size:
                    _assert_few_steps(io.BytesIO(archive.read(entry)), 1, path.name)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        # Checkpoints of old versions are no archives: three pickles, then the content's.
        with path.open("rb") as stream:
            _assert_few_steps(stream, 4, path.name)
        return
    limit = path.stat().st_size
    if size > limit:
        raise ModelError(
            "{name} claims {size:,} bytes of weights in a file of {limit:,}: it is not loaded.",
            name=path.name,
            size=size,
            limit=limit,
        )


def read_original(path: Path) -> tuple[State, ModelDescription]:
    """The tensors of a checkpoint, under this project's names, and a description of its network.

    Raises ModelError for files that are missing, cut off, hostile or of no known configuration.
    """
    if not path.is_file():
        raise ModelError("There is no weights file {path}.", path=path)
    assert_small(path)
    try:
        with torch.serialization.safe_globals(NUMPY_SCALAR):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            "{name} was not loaded: it is damaged, or holds things other than weights, which "
            "could be harmful. Get it from its original source.",
            name=path.name,
        ) from error
    except Exception as error:  # a damaged pickle can make the reader raise anything
        raise ModelError("{name} is damaged or cut off; get it again.", name=path.name) from error
    state = _state_of(content, path.name)
    state = {_modern_name(key): _modern_shape(key, value) for key, value in state.items()}
    return state, _describe(state, path, _progress(content))


def _state_of(content: Any, name: str) -> State:
    state = content.get("model") if isinstance(content, dict) else None
    if (
        not isinstance(state, dict)
        or not state
        or not all(isinstance(key, str) and _is_plain(value) for key, value in state.items())
    ):
        raise ModelError(
            "{name} is no checkpoint of Occupancy Networks: it has no tensors under 'model'.",
            name=name,
        )
    return state


def _is_plain(value: Any) -> bool:
    """A tensor with a number in memory for each of its elements.

    A hostile file could hold one number that claims to be a tensor of any size.
    """
    return (
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def _progress(content: dict[str, Any]) -> dict[str, float]:
    """How far the training was, of what the checkpoint says about it."""
    found: dict[str, float] = {}
    for name, key in (
        ("iterations", "it"),
        ("epochs", "epoch_it"),
        ("best_validation_score", "loss_val_best"),  # a score, in spite of its name
    ):
        value = content.get(key)
        if isinstance(value, np.floating):
            value = float(value)
        if isinstance(value, int | float) and abs(value) < 1e15:  # not infinite, nor absurd
            found[name] = value
    return found


def _modern_name(key: str) -> str:
    return key.replace(".fc_gamma.", ".conv_gamma.").replace(".fc_beta.", ".conv_beta.")


def _modern_shape(key: str, value: torch.Tensor) -> torch.Tensor:
    """The legacy layout's conditional batch norms are linear layers, without the last axis."""
    legacy = (".fc_gamma.weight" in key or ".fc_beta.weight" in key) and value.dim() == 2
    return value.unsqueeze(-1) if legacy else value


def _decoder_of(state: State) -> str | None:
    for name, key in (
        ("cbatchnorm2", "decoder.conv_p.weight"),
        ("cbatchnorm", "decoder.block0.bn_0.conv_gamma.weight"),
        ("cbatchnorm_noresnet", "decoder.bn_0.conv_gamma.weight"),
        ("batchnorm", "decoder.block0.bn_0.weight"),
        ("simple", "decoder.block0.fc_0.weight"),
    ):
        if key in state:
            return name
    return None


def _encoder_of(state: State) -> tuple[str | None, str, str] | None:
    """(encoder, input kind, name of the tensor whose first axis is the code's width)."""
    for encoder, kind, key, output in (
        ("resnet18", "image", "encoder.features.conv1.weight", "encoder.fc.weight"),
        ("pointnet_resnet", "points", "encoder.block_0.fc_0.weight", "encoder.fc_c.weight"),
        ("pointnet_simple", "points", "encoder.fc_pos.weight", "encoder.fc_c.weight"),
        ("voxel_simple", "voxels", "encoder.conv_in.weight", "encoder.fc.weight"),
    ):
        if key in state and output in state:
            return encoder, kind, output
    if not any(key.startswith("encoder.") for key in state):
        return None, "none", ""
    return None


def _network_of(state: State, name: str) -> tuple[str, dict[str, Any]]:
    """The input kind and the constructor's arguments that these tensors belong to."""
    decoder, found = _decoder_of(state), _encoder_of(state)
    if decoder is None or found is None:
        raise ModelError(
            "{name} is a checkpoint, but of no known kind of occupancy network.", name=name
        )
    encoder, kind, output = found
    first = "decoder.conv_p.weight" if decoder == "cbatchnorm2" else "decoder.fc_p.weight"
    if first not in state:
        raise ModelError(
            "{name} is a checkpoint, but its decoder lacks {first}.", name=name, first=first
        )
    latent = state.get("encoder_latent.fc_mean.weight")
    network: dict[str, Any] = {
        "decoder": decoder,
        "encoder": encoder,
        "c_dim": len(state[output]) if output else 0,
        "z_dim": 0 if latent is None else len(latent),
        "decoder_kwargs": {"hidden_size": len(state[first])},
    }
    if encoder is not None and encoder.startswith("pointnet"):
        network["encoder_kwargs"] = {"hidden_dim": len(state["encoder.fc_pos.weight"]) // 2}
    return kind, network


def _describe(state: State, path: Path, progress: dict[str, float]) -> ModelDescription:
    kind, network = _network_of(state, path.name)
    inputs: dict[str, dict[str, Any]] = {
        "image": {"image_size": 224},
        "points": {"points": 300, "noise": 0.005},
        "voxels": {"voxels": 32},
        "none": {},
    }
    training: dict[str, Any] = {"source": path.name, **progress}
    released = RELEASED.get(path.stem.partition("-")[0])
    if released is not None and released.input_kind == kind:
        title = f"{released.title} (Occupancy Networks, 2019)"
        categories = list(released.categories)
        training["data"] = "ShapeNet (Choy et al. 2016)"
    else:
        title, categories = f"Checkpoint {path.stem} of Occupancy Networks", []
    return ModelDescription(
        name=path.stem,
        title=title,
        architecture="occupancy_network",
        input_kind=kind,
        network=network,
        categories=categories,
        inputs=inputs[kind],
        training=training,
        attribution=(
            "Mescheder et al., Occupancy Networks: Learning 3D Reconstruction in Function Space, "
            "CVPR 2019"
        ),
        licence="as given by the source of the checkpoint",
    )
