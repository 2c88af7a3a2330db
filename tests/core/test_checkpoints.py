"""Original checkpoints, weights files and the catalogue, the damaged and the hostile included."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from onet_core.errors import ModelError
from onet_core.models import catalogue
from onet_core.models.build import build_network
from onet_core.models.catalogue import default_model, find_model, list_models, read_description
from onet_core.models.description import ModelDescription
from onet_core.models.weights import convert_checkpoint, load_weights, save_weights
from tests.reference import legacy_layout, reference, reference_state

# The eight released files: configuration, legacy layout of the decoder, name.
RELEASED = [
    ("img", False, "onet_img2mesh_3"),
    ("img", True, "onet_img2mesh"),
    ("pointcloud", False, "onet_pcl2mesh"),
    ("voxels", False, "onet_voxel2mesh"),
    ("unconditional", False, "onet_uncond_airplanes"),
    ("unconditional", False, "onet_uncond_cars"),
    ("unconditional", False, "onet_uncond_chairs"),
    ("unconditional", False, "onet_uncond_sofas"),
]
KINDS = {"img": "image", "pointcloud": "points", "voxels": "voxels", "unconditional": "none"}


def write_original(path: Path, state: dict[str, torch.Tensor], *, zip_container: bool) -> None:
    content = {
        "model": state,
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]},
        "epoch_it": 3,
        "it": 1000,
        "loss_val_best": np.float64(0.5),
    }
    torch.save(content, path, _use_new_zipfile_serialization=zip_container)


@pytest.mark.parametrize("zip_container", [True, False], ids=["zip", "legacy-container"])
@pytest.mark.parametrize(("name", "legacy", "stem"), RELEASED, ids=[entry[2] for entry in RELEASED])
def test_released_checkpoints_load_and_convert(
    tmp_path: Path, name: str, legacy: bool, stem: str, zip_container: bool
) -> None:
    state = reference_state(name)
    source = tmp_path / f"{stem}.pt"
    write_original(source, legacy_layout(state) if legacy else state, zip_container=zip_container)
    target = tmp_path / f"{stem}.safetensors"
    description = convert_checkpoint(source, target)
    assert description.input_kind == KINDS[name]
    assert (description.threshold, description.padding) == (0.2, 0.1)
    assert read_description(target) == description
    network, read = load_weights(target)
    assert read == description
    vectors = reference(name)
    inputs = torch.zeros(2, 0) if name == "unconditional" else torch.from_numpy(vectors["inputs"])
    with torch.no_grad():
        logits = network.decode(
            torch.from_numpy(vectors["points"]).expand(2, -1, -1),
            torch.from_numpy(vectors["z"]),
            network.encode_inputs(inputs),
        )
    error = np.abs(logits.numpy() - vectors["logits"]).max() / np.abs(vectors["logits"]).max()
    assert error < 1e-4


def test_numpy_1_spelling_of_a_scalar_is_read(tmp_path: Path) -> None:
    # The original's files name numpy.core.multiarray; NumPy 2 writes numpy._core, a byte longer.
    source = tmp_path / "old.pt"
    write_original(source, reference_state("unconditional"), zip_container=False)
    content = source.read_bytes()
    assert content.count(b"numpy._core.multiarray") == 1
    source.write_bytes(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    network, _ = load_weights(source)
    assert network.z_dim == 128


class Hostile:
    def __reduce__(self) -> tuple:
        return (Path("hostile-code-ran").touch, ())


@pytest.mark.parametrize("zip_container", [True, False], ids=["zip", "legacy-container"])
def test_hostile_checkpoint_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zip_container: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "hostile.pt"
    torch.save({"model": Hostile()}, source, _use_new_zipfile_serialization=zip_container)
    with pytest.raises(ModelError, match="harmful"):
        load_weights(source)
    assert not (tmp_path / "hostile-code-ran").exists()


@pytest.mark.parametrize("keep", [0, 1, 100, 5000, 0.5, 0.999])
@pytest.mark.parametrize("zip_container", [True, False], ids=["zip", "legacy-container"])
def test_truncated_checkpoint_is_refused(tmp_path: Path, keep: float, zip_container: bool) -> None:
    source = tmp_path / "cut.pt"
    write_original(source, reference_state("unconditional"), zip_container=zip_container)
    content = source.read_bytes()
    source.write_bytes(content[: int(keep * len(content)) if keep < 1 else int(keep)])
    with pytest.raises(ModelError):
        load_weights(source)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"state": {}}, "no checkpoint"),
        ([1, 2], "no checkpoint"),
        ({"model": {"a": torch.zeros(2)}}, "no known kind"),
        ({"model": {"decoder.fc_p.weight": 3}}, "no checkpoint"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: object, told: str) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ModelError, match=told):
        load_weights(tmp_path / "other.pt")


def test_a_missing_and_an_extra_tensor_are_named(tmp_path: Path) -> None:
    state = reference_state("unconditional")
    state["decoder.surplus.weight"] = torch.zeros(2)
    del state["decoder.block3.fc_1.bias"]
    write_original(tmp_path / "odd.pt", state, zip_container=True)
    with pytest.raises(ModelError, match=r"lacks decoder\.block3\.fc_1\.bias.*surplus"):
        load_weights(tmp_path / "odd.pt")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    description = ModelDescription(
        "tiny",
        "Tiny",
        "occupancy_network",
        "none",
        {"decoder": "simple", "c_dim": 0, "z_dim": 4, "decoder_kwargs": {"hidden_size": 8}},
        metrics={"iou": 0.5},
        categories=["chair"],
        licence="CC0",
    )
    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    save_weights(path, build_network(description), description)
    return path


def test_half_precision_halves_the_file_and_loads_as_float32(tmp_path: Path, weights: Path) -> None:
    network, description = load_weights(weights)
    save_weights(tmp_path / "half.safetensors", network, description, half=True)
    again, _ = load_weights(tmp_path / "half.safetensors")
    for key, value in again.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, network.state_dict()[key], rtol=1e-3, atol=1e-6)
    assert not list(tmp_path.glob(".*")), "a scratch file was left behind"


@pytest.mark.parametrize("keep", [0, 7, 20, 0.5, 0.99])
def test_truncated_weights_are_refused_by_catalogue_and_loader(weights: Path, keep: float) -> None:
    content = weights.read_bytes()
    weights.write_bytes(content[: int(keep * len(content)) if 0 < keep < 1 else int(keep)])
    with pytest.raises(ModelError):
        read_description(weights)
    with pytest.raises(ModelError):
        load_weights(weights)


def rewrite_header(path: Path, change) -> None:
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda header: header.pop("__metadata__"), "not of an occupancy network"),
        (lambda header: header["__metadata__"].update(onet="{"), "damaged"),
        (lambda header: header["__metadata__"].update(onet="[]"), "damaged"),
        (lambda header: header["__metadata__"].update(onet="{}"), "lacks"),
        (lambda header: header.pop("decoder.fc_out.bias"), r"cut off|does not fit"),
    ],
)
def test_headers_that_do_not_describe_a_model(weights: Path, change, told: str) -> None:
    rewrite_header(weights, change)
    with pytest.raises(ModelError, match=told):
        load_weights(weights)


def test_weights_of_another_network_are_refused(weights: Path) -> None:
    def widen(header: dict) -> None:
        described = json.loads(header["__metadata__"]["onet"])
        described["network"]["decoder_kwargs"]["hidden_size"] = 16
        header["__metadata__"]["onet"] = json.dumps(described)

    rewrite_header(weights, widen)
    with pytest.raises(ModelError, match="misshapes"):
        load_weights(weights)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_weights_that_are_not_numbers_are_refused(weights: Path, value: str) -> None:
    network, description = load_weights(weights)
    with torch.no_grad():
        next(network.parameters()).fill_(float(value))
    save_weights(weights, network, description)
    with pytest.raises(ModelError, match="not numbers"):
        load_weights(weights)


def test_catalogue_lists_shipped_models_first_and_broken_ones_with_their_error(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "airplane.safetensors").write_bytes(weights.read_bytes())
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    monkeypatch.setattr(catalogue, "PRETRAINED", shipped)
    entries = list_models([tmp_path])
    assert [entry.name for entry in entries] == ["airplane", "broken", "tiny"]
    assert entries[1].description is None
    assert "broken.safetensors" in entries[1].error
    assert default_model("none", [tmp_path]).name == "airplane"
    assert find_model("tiny", "none", [tmp_path]).path == weights
    with pytest.raises(ModelError, match=r"there are: airplane, broken, tiny"):
        find_model("nosuch", None, [tmp_path])
    with pytest.raises(ModelError, match="works on 'none', not on 'points'"):
        find_model(weights, "points")
    with pytest.raises(ModelError, match="no model for inputs of kind 'image'"):
        default_model("image", [tmp_path])


def test_descriptions_survive_json_and_refuse_nonsense() -> None:
    description = ModelDescription(
        "a", "A", "convolutional", "points", {"hidden": 32}, threshold=0.5
    )
    assert ModelDescription.from_json(description.to_json()) == description
    with pytest.raises(ModelError, match="architecture"):
        ModelDescription("a", "A", "transformer", "points")
    with pytest.raises(ModelError, match="threshold"):
        ModelDescription("a", "A", "convolutional", "points", threshold=1.5)
    values = json.loads(description.to_json())
    for change in ({"surprise": 1}, {"threshold": "high"}, {"network": []}):
        with pytest.raises(ModelError):
            ModelDescription.from_json(json.dumps({**values, **change}))
    with pytest.raises(ModelError, match="can't be built"):
        build_network(ModelDescription("a", "A", "convolutional", "points", {"no_such": 1}))
