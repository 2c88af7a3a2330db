"""Weights files of our own: written, read, damaged, of another network."""

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
from onet_core.models.steps import Steps
from onet_core.models.weights import load_weights, save_weights


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


def test_values_beyond_half_precision_stay_whole(tmp_path: Path, weights: Path) -> None:
    network, description = load_weights(weights)
    with torch.no_grad():
        network.get_parameter("decoder.fc_out.bias").fill_(1e6)
    save_weights(tmp_path / "half.safetensors", network, description, half=True)
    again, _ = load_weights(tmp_path / "half.safetensors")
    assert again.get_parameter("decoder.fc_out.bias").item() == 1e6


def test_weights_that_cannot_be_written_are_told_in_one_sentence(weights: Path) -> None:
    network, description = load_weights(weights)
    with pytest.raises(ModelError, match="can't be written"):
        save_weights(weights / "below-a-file.safetensors", network, description)


def test_loading_leaves_the_random_state_alone(weights: Path) -> None:
    before = torch.get_rng_state()
    load_weights(weights)
    assert torch.equal(torch.get_rng_state(), before)


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
    ("change", "message"),
    [
        (lambda header: header.pop("__metadata__"), "not of an occupancy network"),
        (lambda header: header["__metadata__"].update(onet="{"), "damaged"),
        (lambda header: header["__metadata__"].update(onet="[]"), "damaged"),
        (lambda header: header["__metadata__"].update(onet="{}"), "lacks"),
        (lambda header: header.pop("decoder.fc_out.bias"), r"cut off|does not fit"),
        (lambda header: header["decoder.fc_p.bias"].update(data_offsets=[0, 1e999]), "header"),
        (lambda header: header["decoder.fc_p.bias"].update(data_offsets=[]), "header"),
        (lambda header: header.update(surplus=3), "header"),
        (lambda header: header["decoder.fc_p.bias"].update(dtype="I32"), "another"),
        (lambda header: header["decoder.fc_p.bias"].update(dtype="Q7"), "damaged"),
    ],
)
def test_headers_that_do_not_describe_a_model(weights: Path, change, message: str) -> None:
    rewrite_header(weights, change)
    with pytest.raises(ModelError, match=message):
        load_weights(weights)


def test_weights_of_another_network_are_refused(weights: Path) -> None:
    def widen(header: dict) -> None:
        described = json.loads(header["__metadata__"]["onet"])
        described["network"]["decoder_kwargs"]["hidden_size"] = 16
        header["__metadata__"]["onet"] = json.dumps(described)

    rewrite_header(weights, widen)
    with pytest.raises(
        ModelError,
        match=r"another decoder\.fc_p\.weight and \d+ more \(8 x 3, float32 where 16 x 3",
    ):
        load_weights(weights)


@pytest.mark.parametrize("size", [-1, 0.5, "wide", None, 10**6, 10**30])
def test_impossible_sizes_are_refused_without_being_made(weights: Path, size: object) -> None:
    def change(header: dict) -> None:
        described = json.loads(header["__metadata__"]["onet"])
        described["network"]["decoder_kwargs"]["hidden_size"] = size
        header["__metadata__"]["onet"] = json.dumps(described)

    rewrite_header(weights, change)
    with pytest.raises(ModelError, match=r"can't be built|does not fit"):
        load_weights(weights)


def test_damaged_weights_load_whole_or_not_at_all(weights: Path) -> None:
    content = weights.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    random = np.random.default_rng(4)
    refused = 0
    for _ in range(200):
        damaged = bytearray(content)
        for place in random.integers(0, length + 8, 2):
            damaged[place] = random.integers(256)
        weights.write_bytes(bytes(damaged))
        try:
            load_weights(weights)
        except ModelError:
            refused += 1
    assert refused > 100


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
    assert "broken.safetensors" in str(entries[1].error)
    assert default_model("none", [tmp_path]).name == "airplane"
    assert find_model("tiny", "none", [tmp_path]).path == weights
    with pytest.raises(ModelError, match=r"there are: airplane, broken, tiny"):
        find_model("nosuch", None, [tmp_path])
    with pytest.raises(ModelError, match="works on 'none', not on 'points'"):
        find_model(weights, "points")
    with pytest.raises(ModelError, match="no model for inputs of kind 'image'"):
        default_model("image", [tmp_path])


def test_a_broken_default_is_told_and_not_passed_over(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "PRETRAINED", tmp_path)
    assert default_model("none").name == "tiny"
    default = tmp_path / f"{catalogue.DEFAULTS['none']}.safetensors"
    default.write_bytes(weights.read_bytes())
    (tmp_path / "a_first_one.safetensors").write_bytes(weights.read_bytes())
    assert default_model("none").path == default
    default.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match=f"{default.name} is cut off"):
        default_model("none")


@pytest.mark.parametrize("name", ["models", "nosuch.safetensors", "nosuch.pt", "no/such"])
def test_paths_that_are_no_weights(tmp_path: Path, name: str) -> None:
    (tmp_path / "models").mkdir()
    with pytest.raises(ModelError, match=name.split("/")[-1]):
        find_model(tmp_path / name)


BAD_STEPS = (
    {"surprise": 1},
    {"faint_from": -0.1},
    {"faint_from": 0.99},
    {"joined_from": -0.1},
    {"joined_from": 0.99},
    {"smoothing": -1},
    {"smoothing": 31},
    {"smoothing": 1.5},
    {"smoothing": True},
    {"snap_within": -0.1},
    {"snap_within": 1.0},
    {"snap_within": float("nan")},
    {"draws": 0},
    {"draws": 2},
    {"draws": 1.5},
    {"half_turn": 1},
    {"denoise": "yes"},
    {"mirror": True},
    {"snap_neighbours": 0},
    {"chosen_by": []},
)


BAD_STEPS_OF_GENERATORS = (
    {"draws": 101},
    {"joined_from": 0.1},
    {"snap_within": 0.02},
    {"denoise": True},
)


@pytest.mark.parametrize(
    ("kind", "old", "steps"),
    [
        (
            "points",
            {"joined_from": 0.22, "smoothing": 6, "snap_within": 0.02,
             "inputs": {"points": 3000, "half_turn": True, "denoise": True}},
            Steps(joined_from=0.22, smoothing=6, snap_within=0.02, half_turn=True, denoise=True),
        ),
        (
            "image",
            {"share_of_highest": 0.5, "faint_from": 0.12,
             "inputs": {"image_size": 224, "mirror": True}},
            Steps(faint_from=0.12, mirror=True),
        ),
        ("none", {"draws": 8, "faint_from": 0.0}, Steps(draws=8)),
        ("voxels", {}, Steps()),
    ],
)  # fmt: skip
def test_descriptions_of_0_1_0_are_read(kind: str, old: dict, steps: Steps) -> None:
    """Their fields stood beside the others and among the inputs; what the header holds stays."""
    written = {
        "name": "a", "title": "A", "architecture": "convolutional", "input_kind": kind,
        "threshold": 0.32, **old,
    }  # fmt: skip
    description = ModelDescription.from_json(json.dumps(written))
    assert description.steps == steps
    assert not {"half_turn", "denoise", "mirror"} & set(description.inputs)
    assert len(description.inputs) == ("inputs" in old)
    assert ModelDescription.from_json(description.to_json()) == description
    with pytest.raises(ModelError, match="smoothing"):
        ModelDescription.from_json(json.dumps({**written, "smoothing": 99}))


def test_a_rule_that_is_gone_is_let_go_of() -> None:
    """Headers of before 30 November name it; networks that it helped are there no more."""
    values = {
        "name": "a", "title": "A", "architecture": "convolutional", "input_kind": "image",
        "steps": {
            "share_of_highest": 0.5, "faint_from": 0.1,
            "chosen_by": {"share_of_highest": "once", "threshold": "a look"},
        },
    }  # fmt: skip
    description = ModelDescription.from_json(json.dumps(values))
    assert description.steps == Steps(faint_from=0.1, chosen_by={"threshold": "a look"})
    assert "share_of_highest" not in description.to_json()


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
    for change in (
        {"surprise": 1},
        {"threshold": "high"},
        {"threshold": float("nan")},
        {"padding": -0.1},
        {"network": []},
        {"categories": [3]},
        {"inputs": {"points": "many"}},
        {"inputs": {"points": 0}},
        {"inputs": {"image_size": True}},
        {"inputs": {"noise": float("nan")}},
        {"steps": 3},
        {"input_kind": "image", "steps": {"half_turn": True}},
        *({"steps": steps} for steps in BAD_STEPS),
        *({"input_kind": "none", "steps": steps} for steps in BAD_STEPS_OF_GENERATORS),
        {"smoothing": 3},  # of 0.1.0, beside the record that came after it
    ):
        with pytest.raises(ModelError):
            ModelDescription.from_json(json.dumps({**values, **change}))
    with pytest.raises(ModelError, match="can't be built"):
        build_network(ModelDescription("a", "A", "convolutional", "points", {"no_such": 1}))
