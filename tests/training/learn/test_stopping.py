"""Trainings on clusters and at terminals: asked to stop they save, and no run takes another's."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import lightning
import pytest
import torch
from click.testing import CliRunner
from small_trainings import small
from torch.utils.data import DataLoader, Dataset

from onet_core.models.weights import load_weights
from training.learn import train as training
from training.learn.config import Config
from training.learn.stopping import SIGNALS, outlast_signals
from training.learn.train import main, make_loaders, make_module, make_trainer, train


def six_steps(root: Path, output: Path, *more: str) -> Config:
    """Six steps, without checkpoints in between."""
    steps = ("max_steps=6", "validate_every=3", "log_every=1", "checkpoint_every=100")
    return small(root, output, *(f"training.{one}" for one in steps), *more)


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As inside a job of one task, in a working folder that other runs use too."""
    for name, value in {
        "NTASKS": "1", "NTASKS_PER_NODE": "1", "JOB_NAME": "onet", "JOB_ID": "7", "PROCID": "0",
        "LOCALID": "0", "NODEID": "0", "NODELIST": "node1", "NNODES": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("slurm")
def test_on_slurm_a_new_run_takes_nothing_from_the_working_folder(
    root: Path, tmp_path: Path
) -> None:
    """A checkpoint as Lightning leaves one when SLURM requeues a job, of another run."""
    other = six_steps(root, tmp_path / "other", "training.max_steps=6", "training.seed=5")
    train(other)
    (tmp_path / "hpc_ckpt_1.ckpt").write_bytes((tmp_path / "other" / "last.ckpt").read_bytes())
    network, description = load_weights(train(six_steps(root, tmp_path / "new")))
    assert description.training["steps"] in (3, 6)
    state = torch.load(tmp_path / "new" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 6
    foreign, _ = load_weights(tmp_path / "other" / "weights.safetensors")
    same = [
        torch.equal(value, foreign.state_dict()[name])
        for name, value in network.state_dict().items()
        if name.endswith("fc_c.weight")
    ]
    assert same
    assert not any(same)


class Signalled(Dataset[int]):
    """Signals the process that reads it, at its second item."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        if index == 1:
            for number in SIGNALS:
                os.kill(os.getpid(), number)
        return index


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process that is sent a signal")
def test_processes_of_the_loader_outlast_a_signal_to_the_whole_job() -> None:
    """As srun sends one when a job is preempted: a loader that died would lose the step."""
    loader = DataLoader(Signalled(), num_workers=1, worker_init_fn=outlast_signals)
    assert [int(value) for value in loader] == [0, 1, 2, 3]


class Sends(lightning.Callback):
    """Sends this process a signal in the middle of a step."""

    def __init__(self, number: int, step: int) -> None:
        self.number, self.step = number, step

    def on_before_backward(
        self, trainer: lightning.Trainer, pl_module: object, loss: object
    ) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), self.number)


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process that is sent a signal")
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.usefixtures("slurm")
def test_asked_to_stop_it_saves_and_goes_on_later(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]
    config = six_steps(root, tmp_path / "run", "training.ema=0.9")
    config.save(tmp_path / "tiny.yaml")

    def make(given: Config, *more: object) -> object:
        trainer, best = make_trainer(given)
        trainer.callbacks.insert(0, Sends(number, step=1))
        return trainer, best

    with monkeypatch.context() as patch:
        patch.setattr(training, "make_trainer", make)
        result = CliRunner().invoke(main, [str(tmp_path / "tiny.yaml")])
    assert result.exit_code == 128 + number, result.output
    assert "stopped after step 2" in result.output
    assert str(tmp_path / "run") in result.output
    assert "Traceback" not in result.output
    assert [signal.getsignal(one) for one in SIGNALS] == before
    assert not (tmp_path / "run" / "weights.safetensors").exists()
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 2
    # Two steps were counted by the optimiser too, and the average is beside the weights.
    assert float(state["optimizer_states"][0]["state"][0]["step"]) == 2
    assert "current_model_state" in state
    train(config)
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 6


def test_stopped_and_gone_on_is_the_same_as_at_one_go(root: Path, tmp_path: Path) -> None:
    """What is saved is the state after the step: its weights are those of as many steps."""
    config = six_steps(root, tmp_path / "short", "training.max_steps=2")
    train(config)
    longer = six_steps(root, tmp_path / "long")
    trainer, _ = make_trainer(longer)
    trainer.callbacks.insert(0, Sends(signal.SIGINT, step=1))
    lightning.seed_everything(longer.training.seed, verbose=False)
    loaders = make_loaders(longer)
    module = make_module(longer)
    lightning.seed_everything(longer.training.seed, workers=True, verbose=False)
    with pytest.raises(training.Stopped, match="after step 2"):
        trainer.fit(module, *loaders, weights_only=True)
    states = [
        torch.load(tmp_path / name / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("short", "long")
    ]
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name])
