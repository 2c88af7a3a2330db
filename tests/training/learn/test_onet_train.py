"""One command from a folder of meshes to a model that every list of models offers."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from click.testing import CliRunner
from tiny_shapes import Sphere, write_shape

from onet_core.errors import InputError
from onet_core.mesh.metrics import mesh_contains, volumetric_iou
from onet_core.models.build import build_network
from onet_core.models.card import model_card
from onet_core.models.catalogue import find_model, list_models, user_models
from onet_core.models.description import ModelDescription
from onet_core.models.steps import Steps
from onet_core.models.weights import load_weights, save_weights
from onet_core.pipeline.reconstructor import Reconstructor
from onet_core.settings import Settings
from training.data.labelled import read_shape
from training.data.observations import observe
from training.learn.latents import PLACES
from training.learn.onet_train import main
from training.learn.own import meshes as own_meshes
from training.learn.own import register
from training.learn.own.bar import WholeBar, whole_bar
from training.learn.own.choice import THRESHOLDS, best_threshold
from training.learn.own.meshes import build_dataset, train_own
from training.learn.own.split import assigned
from training.learn.own.wish import Wish

SHARES = {"train": 3, "val": 1, "test": 1}
TINY = {"channels": 8, "hidden": 8, "unet_width": 8, "plane_resolution": 16, "unet_depth": 2}


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, not there yet."""
    monkeypatch.setenv("ONET_MODELS", str(tmp_path / "user" / "models"))
    return tmp_path / "user" / "models"


@pytest.fixture(scope="module")
def meshes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five primitive meshes and a file that is none."""
    folder = tmp_path_factory.mktemp("meshes") / "my things"
    folder.mkdir()
    made = {
        "box.obj": trimesh.creation.box((1, 2, 3)),
        "plate.stl": trimesh.creation.box((3, 0.5, 2)),
        "ball.ply": trimesh.creation.icosphere(subdivisions=2),
        "can.obj": trimesh.creation.cylinder(0.5, 2),
        "cone.stl": trimesh.creation.cone(1, 2),
    }
    for name, mesh in made.items():
        mesh.export(folder / name)
    (folder / "broken.obj").write_text("this is no mesh")
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A small network to begin from, so that steps take no time."""
    description = ModelDescription(
        "tiny", "Tiny", "convolutional", "points", TINY, threshold=0.4, licence="CC0-1.0"
    )
    torch.manual_seed(0)
    save_weights(tmp_path / "tiny.safetensors", build_network(description), description)
    return tmp_path / "tiny.safetensors"


@pytest.fixture(scope="module")
def built(meshes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of the meshes."""
    work = tmp_path_factory.mktemp("built")
    with whole_bar(False) as bar:
        build_dataset(wish(meshes, Path("nothing")), work, bar)
    return work / "data"


@pytest.fixture
def work(built: Path, tmp_path: Path) -> Path:
    """A folder to work in, where the meshes are ready."""
    shutil.copytree(built, tmp_path / "work" / "data")
    return tmp_path / "work"


def wish(meshes: Path, tiny: Path, **more: object) -> Wish:
    values: dict = {"steps": 2, "initial": str(tiny), "points": 3000, "resolution": 16, **more}
    return Wish(meshes, "points", "My things", **values)


def test_from_meshes_to_a_listed_model(
    meshes: Path, tiny: Path, models: Path, tmp_path: Path
) -> None:
    weights = train_own(wish(meshes, tiny, licence="CC-BY-4.0"), tmp_path / "work")
    assert weights == models / "my_things.safetensors"
    entry = find_model("my_things", "points")
    assert entry.path == weights
    assert entry.description is not None
    assert entry.description.title == "My things"
    assert entry.description.threshold in (0.4, *THRESHOLDS)
    assert entry.description.network == TINY
    assert "my_things" in [entry.name for entry in list_models()]
    assert Reconstructor("my_things", "cpu").description == entry.description
    lists = {path.stem: path.read_text().split() for path in (tmp_path / "work").rglob("*.lst")}
    assert {split: len(names) for split, names in lists.items()} == SHARES
    # What nobody chose by is measured, and stands on the card with licence, categories and hours.
    about = entry.description
    assert about.metrics["split"] == "test"
    assert about.metrics["shapes"] == 1
    assert 0 <= about.metrics["iou"] <= 1
    assert list(about.metrics["baselines"]) == ["tiny, as it was"]
    assert about.categories == ["my_things"] or about.categories == ["my things"]
    assert about.licence.startswith("CC0-1.0 (the model 'tiny'")
    assert about.licence.endswith("learned from then: CC-BY-4.0")
    card = model_card(about)
    assert "3 meshes of my things" in card
    assert f"{about.metrics['iou']:.3f}" in card
    assert about.licence in card
    assert (tmp_path / "work" / "run" / "report" / "results.md").is_file()


class Ball(torch.nn.Module):
    """A network that knows the ball of radius 0.3 and gives 0.25 as probability at its surface."""

    z_dim = 0
    shift = float(np.log(0.25 / 0.75))

    def encode_inputs(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs

    def decode(self, points: torch.Tensor, z: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        return 20 * (0.3 - points.norm(dim=-1)) + self.shift


BALL = ModelDescription(
    "ball", "Ball", "convolutional", "points", inputs={"points": 300}, threshold=0.4
)


def test_the_threshold_that_suits_the_checking_meshes(tmp_path: Path) -> None:
    write_shape(tmp_path, "balls", "one", Sphere(0.3), split="val", count=8000)
    threshold, iou = best_threshold(Ball(), BALL, tmp_path)
    assert threshold in (0.2, 0.3)  # the nearest ones to 0.25
    assert 0.85 < iou < 1  # a shell is missing or too much
    suited = dataclasses.replace(BALL, threshold=0.25)
    threshold, iou = best_threshold(Ball(), suited, tmp_path)
    assert threshold == 0.25
    assert iou > 0.99


def test_the_threshold_is_that_of_the_meshes_that_blender_makes(tmp_path: Path) -> None:
    """Of a ball whose points draw the surface to them: in the field its IoU is 0.74 at best."""
    write_shape(tmp_path, "balls", "one", Sphere(0.27), split="val", count=8000)
    snapped = dataclasses.replace(BALL, steps=Steps(snap_within=0.08))
    threshold, iou = best_threshold(Ball(), snapped, tmp_path)
    shape = read_shape(tmp_path, "balls", "one")
    observation = observe(shape, snapped)
    assert observation is not None
    reconstructor = Reconstructor.of_network(Ball(), snapped.at(threshold), "cpu")
    mesh = reconstructor.reconstruct(observation, Settings(normals=False)).mesh
    found = volumetric_iou(mesh_contains(mesh, shape.points), shape.occupancies)
    assert iou == pytest.approx(float(found), abs=1e-9)
    assert iou > 0.9
    in_the_field = np.linalg.norm(shape.points, axis=1) < 0.3 - 0.07 * (threshold - 0.25)
    assert float(volumetric_iou(in_the_field, shape.occupancies)) < iou - 0.1


@pytest.mark.parametrize("begun_at", [0.4, 0.25])
def test_a_low_threshold_takes_down_what_may_not_lie_above_it(
    meshes: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun_at: float
) -> None:
    """The configuration for points joins parts from 0.3 on."""
    begun = ModelDescription(
        "tiny", "Tiny", "convolutional", "points", TINY, threshold=begun_at,
        steps=Steps(joined_from=0.22, snap_within=0.03, half_turn=True, snap_neighbours=30),
    )  # fmt: skip
    save_weights(tmp_path / "tiny.safetensors", build_network(begun), begun)
    monkeypatch.setattr(register, "best_threshold", lambda network, about, *more: (0.2, 0.5))
    asked = wish(meshes, tmp_path / "tiny.safetensors")
    _, description = load_weights(train_own(asked, work))
    assert (description.threshold, description.steps.joined_from) == (0.2, 0.2)
    # As the one that it began with.
    assert description.steps == dataclasses.replace(begun.steps, joined_from=0.2)


@pytest.mark.parametrize("before", [0.3, 0.7])
def test_training_never_makes_it_worse(
    meshes: Path,
    tiny: Path,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    before: float,
) -> None:
    """What was begun from is taken where it does better on the meshes kept for checking."""
    ious = {"tiny": before, "my_things": 0.5}
    monkeypatch.setattr(
        register, "best_threshold", lambda network, about, *more: (0.3, ious[about.name])
    )
    with caplog.at_level("INFO", "training"):
        weights = train_own(wish(meshes, tiny, steps=8), work)
    made, description = load_weights(weights)
    assert (description.title, description.threshold) == ("My things", 0.3)
    ready = "5 meshes are ready: 3 to learn from, 1 to choose by, 1 to measure in the end"
    assert ready in caplog.text
    assert "the network begins as 'tiny'." in caplog.text
    assert "On the 1 meshes that nothing was chosen by: IoU" in caplog.text
    assert f"{before:.3f} before, 0.500 after" in caplog.text
    begun = load_weights(tiny)[0].state_dict()
    # Half precision is what the configuration writes.
    same = all(
        torch.equal(value, begun[name].half().float()) for name, value in made.state_dict().items()
    )
    assert same == (before > 0.5)
    assert ("did not make 'tiny' better" in caplog.text) == same


def test_a_generator_begins_from_one_of_other_shapes(meshes: Path, tmp_path: Path) -> None:
    network = {"z_dim": 4, "centres": 9, "channels": 8, "hidden": 8, "plane_resolution": 8}
    others = ModelDescription("others", "Others", "latent_planes", "none", network)
    torch.manual_seed(0)
    begun = tmp_path / "others.safetensors"
    save_weights(begun, build_network(others), others)
    wish = Wish(meshes, "none", "things", steps=1, initial=str(begun), points=3000, workers=1)
    trained, description = load_weights(train_own(wish, tmp_path / "work"))
    # Three of the five meshes to learn from: places near their latents, not the nine others'.
    assert description.network["centres"] == 3 * PLACES
    assert trained.centres.shape == (3 * PLACES, 4)
    before, _ = load_weights(begun)
    for name in ("decoder.fc_out.weight", "encoder.out.weight"):
        change = trained.state_dict()[name] - before.state_dict()[name]
        assert change.abs().max() < 0.01, "it did not begin from those weights"


def test_the_same_command_goes_on(meshes: Path, tiny: Path, work: Path) -> None:
    train_own(wish(meshes, tiny), work)
    before = {path: path.stat().st_mtime_ns for path in work.rglob("points.npz")}
    train_own(wish(meshes, tiny, steps=4), work)
    assert {path: path.stat().st_mtime_ns for path in work.rglob("points.npz")} == before
    state = torch.load(work / "run" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 4


def test_minutes_are_turned_into_steps(meshes: Path, tiny: Path, work: Path) -> None:
    train_own(wish(meshes, tiny, steps=None, minutes=1e-4), work)
    state = torch.load(work / "run" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 20


def test_mistakes_are_one_sentence(meshes: Path, tiny: Path, tmp_path: Path) -> None:
    run = CliRunner()
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    trimesh.creation.box().export(lonely / "box.obj")
    for arguments, named in (
        ([str(meshes), "--name", "Points"], "ships"),
        ([str(meshes), "--name", "!?"], "file name"),
        ([str(meshes), "--name", "a", "--minutes", "0"], "minutes"),
        ([str(meshes), "--name", "a", "--initial", "nosuch"], "nosuch"),
        ([str(tmp_path / "nowhere"), "--name", "a"], "nowhere"),
        ([str(lonely), "--name", "a"], "2 meshes"),
    ):
        places = ["--work", str(tmp_path / "w"), "--workers", "1"]
        result = run.invoke(main, ["--input", "pointcloud", "--steps", "1", *places, *arguments])
        assert result.exit_code == 2, (arguments, result.output)
        assert named in result.output


def test_mistakes_are_found_before_pytorch_is_loaded(meshes: Path, tmp_path: Path) -> None:
    """PyTorch and Lightning take seconds; here a process would say what it has loaded."""
    source = (
        "import sys\nfrom training.learn.onet_train import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n"
        "    heavy = {'torch', 'lightning', 'trimesh', 'scipy'} & set(sys.modules)\n"
        "    print('ended with', end.code, sorted(heavy))\n"
    )
    options = [str(meshes), "--input", "pointcloud", "--name", "a", "--work", str(tmp_path / "w")]
    (tmp_path / "empty").mkdir()
    for arguments, status in (
        (["--help"], 0),
        ([*options, "--initial", "nosuch"], 2),
        ([*options, "--minutes", "0"], 2),
        ([str(tmp_path / "nowhere"), *options[1:]], 2),
        ([str(tmp_path / "empty"), *options[1:]], 2),
    ):
        result = subprocess.run(
            [sys.executable, "-c", source, *arguments], capture_output=True, text=True, check=True
        )
        assert result.stdout.endswith(f"ended with {status} []\n"), result


@pytest.mark.parametrize("place", ["models", "work"])
def test_a_place_that_cannot_be_written_is_found_at_once(
    meshes: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Before meshes are built and the network is trained."""
    occupied = tmp_path / "file"
    occupied.write_text("in the way")
    if place == "models":
        monkeypatch.setenv("ONET_MODELS", str(occupied / "models"))
    work = tmp_path / "work" if place == "models" else occupied / "work"
    monkeypatch.setattr(own_meshes, "build", lambda *rest, **more: pytest.fail("it went on"))
    result = CliRunner().invoke(
        main, [str(meshes), "--input", "pointcloud", "--name", "a", "--work", str(work)]
    )
    assert result.exit_code == 2
    assert f"Nothing can be written to the folder {occupied}" in result.output
    assert occupied.read_text() == "in the way"
    assert not models.exists() or not list(models.iterdir())


def test_ctrl_c_says_that_the_command_goes_on(
    meshes: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*rest: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(own_meshes, "build", stopped)
    work = tmp_path / "work"
    options = ["--input", "pointcloud", "--name", "a", "--initial", str(tiny), "--work", str(work)]
    result = CliRunner().invoke(main, [str(meshes), *options])
    assert result.exit_code == 130
    assert f"Stopped. The same command goes on with what is in {work}." in result.output


def test_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ONET_MODELS", str(tmp_path))
    assert user_models() == tmp_path
    monkeypatch.delenv("ONET_MODELS")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert user_models() == tmp_path / "share" / "onet" / "models"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert user_models() == tmp_path / "local" / "onet" / "models"


def test_too_few_usable_meshes(tmp_path: Path, tiny: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    trimesh.creation.box().export(folder / "box.obj")
    (folder / "bad.obj").write_text("no mesh")
    with pytest.raises(InputError, match="could be used"):
        train_own(wish(folder, tiny), tmp_path / "work")


def test_meshes_are_shared_out_among_those_that_could_be_used(tmp_path: Path, tiny: Path) -> None:
    """Four good ones of twelve are enough, wherever they stand in the order."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number in range(4):
        trimesh.creation.box((1, 1 + number, 2)).export(folder / f"good{number}.obj")
    for number in range(8):
        (folder / f"bad{number}.obj").write_text("no mesh")
    with whole_bar(False) as bar:
        counts = build_dataset(wish(folder, tiny, points=2000), tmp_path / "work", bar)
    assert counts == {"train": 3, "val": 1}


def test_splits_are_kept_when_meshes_come_and_go() -> None:
    names = [f"chair/{number}" for number in range(20)]
    first = assigned(names, {})
    assert Counter(first.values()) == {"train": 14, "val": 3, "test": 3}
    assert assigned(reversed(names), {}) == first
    more = assigned([*names, *(f"chair/new{number}" for number in range(20))], first)
    assert {name: more[name] for name in names} == first
    assert Counter(more.values()) == {"train": 28, "val": 6, "test": 6}
    for split in ("train", "val", "test"):
        left = [name for name in names if first[name] == split]
        assert {"train", "val"} <= set(assigned(left, first).values())
    with pytest.raises(InputError, match="2 meshes"):
        assigned(names[:1], {})


class Seen:
    """What a bar was told."""

    def __init__(self) -> None:
        self.steps: list[float] = []

    def update(self, step: float) -> None:
        self.steps.append(step)

    def set_description_str(self, text: str, refresh: bool) -> None:
        pass

    set_postfix_str = set_description_str


def test_one_bar_for_the_whole(
    meshes: Path, tiny: Path, work: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """It moves while meshes are built, while the network learns and while it is measured."""
    seen = Seen()
    monkeypatch.setattr(own_meshes, "whole_bar", lambda show: nullcontext(WholeBar(seen)))
    for folder in sorted((work / "data").glob("*/*/"))[:4]:
        shutil.rmtree(folder)  # what is still to be built
    with caplog.at_level("INFO", "training"):
        train_own(wish(meshes, tiny), work)
    assert min(seen.steps) >= 0
    assert sum(step > 0 for step in seen.steps) >= 6 + 2 + 2
    assert sum(seen.steps) == pytest.approx(1)
    # Four were taken away and one is broken; three are timed before the plan is made.
    assert re.search(
        r"Plan: about \d+ s to build 2 more of 6 meshes, 2 steps to train", caplog.text
    )
