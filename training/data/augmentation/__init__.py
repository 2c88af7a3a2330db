"""Augmentation of whole batches, so that few shapes go far: maps of the shape, and worse inputs.

A batch is a dict of tensors: `inputs` (B, ...), `points` (B, T, 3), `occupancies` (B, T) and, where
points do not all count alike, `weights` (B, T). Every augmentation is a function of a batch, the
kind of its inputs and a generator of random numbers (None for torch's own), and returns a new
dict. All act in the network frame (y up, front -z), and on any device.
"""

from .batch import Batch
from .registry import (
    AUGMENTATIONS,
    Augmentation,
    AugmentationError,
    Choice,
    augment,
    check_augmentations,
)

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "AugmentationError",
    "Batch",
    "Choice",
    "augment",
    "check_augmentations",
]
