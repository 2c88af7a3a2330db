"""Lightning's remarks that tell the user of a command nothing are left out."""

from __future__ import annotations

import logging
import warnings

import lightning

# Of warnings: how they begin.
_REMARKS = (
    "Checkpoint directory .* exists",  # resuming is the habit here
    "The number of training batches",
    r"The '(train|val)_dataloader' does not have many workers",
    r"`isinstance\(treespec",  # of Lightning's own code
)


def quiet_lightning() -> None:
    """Warnings of consequence and errors are still shown."""
    for part in (lightning.pytorch, lightning.fabric):
        logging.getLogger(part.__name__).setLevel(logging.WARNING)
    for remark in _REMARKS:
        warnings.filterwarnings("ignore", remark)
