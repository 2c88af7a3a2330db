"""Checkpoints of the original code: released, hostile and damaged ones."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from onet_core.errors import ModelError
from onet_core.models import original
from onet_core.models.catalogue import read_description
from onet_core.models.weights import convert_checkpoint, load_weights
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
INPUTS = {
    "img": {"image_size": 224},
    "pointcloud": {"points": 300, "noise": 0.005},
    "voxels": {"voxels": 32},
    "unconditional": {},
}


def write_original(
    path: Path,
    state: dict[str, torch.Tensor],
    *,
    zip_container: bool,
    score: object = np.float64(0.5),
) -> None:
    content = {
        "model": state,
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]},
        "epoch_it": 3,
        "it": 1000,
        "loss_val_best": score,
    }
    torch.save(content, path, _use_new_zipfile_serialization=zip_container)


@pytest.mark.parametrize("zip_container", [True, False], ids=["zip", "legacy-container"])
@pytest.mark.parametrize(("name", "legacy", "stem"), RELEASED, ids=[entry[2] for entry in RELEASED])
def test_released_checkpoints_load_and_convert(
    tmp_path: Path, name: str, legacy: bool, stem: str, zip_container: bool
) -> None:
    state = reference_state(name)
    source = tmp_path / f"{stem}-0123abcd.pt"
    write_original(
        source,
        legacy_layout(state) if legacy else state,
        zip_container=zip_container,
        # IoU is averaged in single precision, the loss in double.
        score=np.float64(0.5) if name == "unconditional" else np.float32(0.5),
    )
    target = tmp_path / f"{stem}.safetensors"
    description = convert_checkpoint(source, target)
    assert description.name == f"{stem}-0123abcd"
    assert description.architecture == "occupancy_network"
    assert description.input_kind == KINDS[name]
    assert (description.threshold, description.padding) == (0.2, 0.1)
    assert description.inputs == INPUTS[name]
    assert len(description.categories) == (1 if name == "unconditional" else 13)
    assert description.training["source"] == source.name
    assert description.training["iterations"] == 1000
    assert description.training["best_validation_score"] == 0.5
    assert "Mescheder" in description.attribution
    assert read_description(target) == description
    network, read = load_weights(target)
    assert read == description
    assert set(network.state_dict()) == set(state)
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key]), key
    if zip_container:  # the tensors are the same from both containers
        compare_with_the_original(network, name)


def compare_with_the_original(network: torch.nn.Module, name: str) -> None:
    vectors = reference(name)
    few = vectors["logits"][:1, :256]
    inputs = np.zeros((1, 0), np.float32) if name == "unconditional" else vectors["inputs"][:1]
    with torch.no_grad():
        logits = network.decode(
            torch.from_numpy(vectors["points"].reshape(1, -1, 3)[:, :256]),
            torch.from_numpy(vectors["z"][:1]),
            network.encode_inputs(torch.from_numpy(inputs)),
        )
    assert np.abs(logits.numpy() - few).max() < 1e-4 * np.abs(vectors["logits"]).max()


def test_a_checkpoint_of_another_name_claims_no_data(tmp_path: Path) -> None:
    write_original(
        tmp_path / "mine.pt", reference_state("voxels"), zip_container=True, score=float("-inf")
    )
    _, description = load_weights(tmp_path / "mine.pt")
    assert (description.name, description.categories) == ("mine", [])
    assert description.training == {"source": "mine.pt", "iterations": 1000, "epochs": 3}


def test_numpy_1_spelling_of_a_scalar_is_read(tmp_path: Path) -> None:
    # The original's files name numpy.core.multiarray; NumPy 2 writes numpy._core, a byte longer.
    source = tmp_path / "old.pt"
    write_original(source, reference_state("unconditional"), zip_container=False)
    content = source.read_bytes()
    assert content.count(b"numpy._core.multiarray") == 1
    source.write_bytes(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    network, _ = load_weights(source)
    assert network.z_dim == 128


def test_checkpoints_of_very_many_entries_are_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.pt", "w") as archive:
        archive.writestr("a" * 60_000, b"")
    content = bytearray((tmp_path / "many.pt").read_bytes())
    struct.pack_into("<I", content, content.index(b"PK\5\6") + 12, 3_000_000)
    (tmp_path / "many.pt").write_bytes(content)
    with pytest.raises(ModelError, match="claims 3,000,000 bytes of names; at most 2,097,152"):
        load_weights(tmp_path / "many.pt")


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
    ("content", "message"),
    [
        ({"state": {}}, "no checkpoint"),
        ([1, 2], "no checkpoint"),
        ({"model": {"a": torch.zeros(2)}}, "no known kind"),
        ({"model": {"decoder.fc_p.weight": 3}}, "no checkpoint"),
        ({"model": {1: torch.zeros(2)}}, "no checkpoint"),
        ({"model": {"a": torch.zeros(2, 2).to_sparse()}}, "no checkpoint"),
        ({"model": {"a": torch.zeros(2, device="meta")}}, "no checkpoint"),
        ({"model": {"a": torch.zeros(1).expand(10**9)}}, "no checkpoint"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ModelError, match=message):
        load_weights(tmp_path / "other.pt")


def test_a_missing_and_an_extra_tensor_are_named(tmp_path: Path) -> None:
    state = reference_state("unconditional")
    state["decoder.surplus.weight"] = torch.zeros(2)
    del state["decoder.block3.fc_1.bias"]
    write_original(tmp_path / "odd.pt", state, zip_container=True)
    with pytest.raises(ModelError, match=r"lacks decoder\.block3\.fc_1\.bias.*surplus"):
        load_weights(tmp_path / "odd.pt")


def test_a_checkpoint_is_read_within_its_own_allowances(tmp_path: Path) -> None:
    # Allowing NumPy scalars must not last: other code's loads stay as strict as they were.
    before = set(torch.serialization.get_safe_globals())
    write_original(tmp_path / "a.pt", reference_state("unconditional"), zip_container=True)
    load_weights(tmp_path / "a.pt")
    assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zip_container", [True, False], ids=["zip", "legacy-container"])
def test_damaged_checkpoints_load_whole_or_not_at_all(tmp_path: Path, zip_container: bool) -> None:
    state = reference_state("unconditional")
    write_original(tmp_path / "whole.pt", state, zip_container=zip_container)
    content = (tmp_path / "whole.pt").read_bytes()
    random = np.random.default_rng(3)
    refused = 0
    for i in range(40):
        damaged = bytearray(content)
        # Mostly in the pickle, which is at the start; numbers themselves carry no check sums.
        for place in random.integers(0, 6000 if i % 4 else len(content), 3):
            damaged[place] = random.integers(256)
        (tmp_path / "damaged.pt").write_bytes(bytes(damaged))
        try:
            network, _ = load_weights(tmp_path / "damaged.pt")
        except ModelError:
            refused += 1
        else:
            assert list(network.state_dict()) == list(state)
    assert refused > 5


def test_headers_without_bottom_are_refused(tmp_path: Path) -> None:
    text = b"[" * 100_000
    path = tmp_path / "deep.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(ModelError, match="header"):
        read_description(path)


@pytest.mark.parametrize("is_archive", [True, False])
def test_descriptions_that_take_too_long_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_archive: bool
) -> None:
    monkeypatch.setattr(original, "MOST_STEPS", 100)
    path = tmp_path / "a.pt"
    torch.save(
        {"model": {f"key {number}": torch.zeros(1) for number in range(50)}}, path,
        _use_new_zipfile_serialization=is_archive,
    )  # fmt: skip
    with pytest.raises(ModelError, match="more than 100 steps"):
        load_weights(path)
