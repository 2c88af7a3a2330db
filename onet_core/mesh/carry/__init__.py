"""A mesh carried from surface to surface: the same faces, new places, without folds."""

from .carrier import Carrier

__all__ = ["Carrier"]
