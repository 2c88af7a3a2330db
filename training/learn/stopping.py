"""A training that is asked to stop saves its state first: Ctrl-C, preemption, a time limit."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import lightning
from lightning.fabric.utilities.seed import pl_worker_init_function
from lightning.pytorch.callbacks import Callback

from onet_core.errors import OnetError

# SIGUSR1 is what SLURM scripts for Lightning ask for; Windows has none.
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name)
)


class Stopped(OnetError):
    """A training ended early because somebody asked for it; its state is saved.

    signal: number of the signal that asked.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.signal = number

    @property
    def status(self) -> int:
        """Exit status as shells have it for processes that a signal ended."""
        return 128 + self.signal


def outlast_signals(worker: int) -> None:
    """What a loader's process begins with, so that it lasts as long as the step that needs it.

    Clusters and terminals signal every process of a job. The main process ends the loader's
    otherwise, or as a last resort by a second SIGTERM.
    """
    pl_worker_init_function(worker)  # Lightning seeds only where no such function is given

    def end_next_time(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)

    for number in SIGNALS:
        signal.signal(number, end_next_time if number == signal.SIGTERM else signal.SIG_IGN)


class SavedWhenStopped(Callback):
    """Finishes the step at the first SIGTERM, SIGINT or SIGUSR1, saves and raises `Stopped`.

    A second Ctrl-C stops at once. Takes the place of Lightning's handlers, whose checkpoints go
    elsewhere; Lightning puts back those from before. Several processes stop at the same step.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: int | None = None

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Signals that came while data and network were loading count too."""
        if trainer.received_sigterm:
            self.heard = signal.SIGTERM
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        again = self.heard is not None
        if again and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not again:
            self.heard = number
            # Not by print: the signal may have come in the middle of one.
            os.write(2, b"\nStopping after this step. Ctrl-C once more stops at once.\n")

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Raises Stopped where this process or another one was asked to stop."""
        asked = self.heard is not None
        if trainer.strategy.reduce_boolean_decision(asked, all=False):
            trainer.save_checkpoint(self.path)
            raise Stopped(
                f"Training was stopped after step {trainer.global_step} and is saved in "
                f"{self.path.parent}. The same command goes on from there.",
                self.heard or signal.SIGTERM,
            )
