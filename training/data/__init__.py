"""Shapes, labels and observations that networks learn from."""
