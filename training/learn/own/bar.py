"""One bar for everything that `onet-train` does: building, learning, measuring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm


class WholeBar:
    """A bar over several stages, each of which takes the share that it is expected to take.

    fraction: of the whole, from 0 to 1.
    """

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self.fraction = 0.0
        self._begins: dict[str, float] = {}
        self._lasts: dict[str, float] = {}

    def plan(self, seconds: Mapping[str, float]) -> None:
        """Shares out what is left of the bar among stages by their seconds; may be called again."""
        total = sum(seconds.values()) or 1.0
        at = self.fraction
        left = 1.0 - at
        for stage, lasts in seconds.items():
            self._begins[stage], self._lasts[stage] = at, left * lasts / total
            at += self._lasts[stage]

    def at(self, stage: str, done: int, total: int, text: str = "") -> None:
        """Moves the bar to a place in a stage; never backwards."""
        wanted = self._begins[stage] + self._lasts[stage] * done / max(1, total)
        self._bar.set_description_str(f"{stage} {done} of {total}", refresh=False)
        self._bar.set_postfix_str(text, refresh=False)
        step = max(0.0, min(1.0, wanted) - self.fraction)
        self.fraction += step
        self._bar.update(step)


@contextmanager
def whole_bar(show: bool) -> Iterator[WholeBar]:
    """The bar on stderr, lines of the log above it, for as long as the block lasts."""
    layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
    with (
        tqdm(total=1.0, bar_format=layout, disable=not show) as bar,
        logging_redirect_tqdm(),
    ):
        yield WholeBar(bar)


class StepsOnBar(Callback):
    """Moves the bar's stage with the steps of a training."""

    def __init__(self, bar: WholeBar, stage: str) -> None:
        self.bar, self.stage = bar, stage

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Shows step, loss and the last validation's IoU."""
        shown = trainer.callback_metrics
        names = [name for name in ("loss", "val_iou") if name in shown]
        text = ", ".join(f"{name} {float(shown[name]):.3f}" for name in names)
        self.bar.at(self.stage, trainer.global_step, trainer.max_steps, text)
