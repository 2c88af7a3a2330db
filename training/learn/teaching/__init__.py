"""A lighter network that learns what a heavier one answers."""

from .lessons import unlikeness
from .teacher import Teacher, taught_by

__all__ = ["Teacher", "taught_by", "unlikeness"]
