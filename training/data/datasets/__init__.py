"""Datasets for training: folders in the original's layout, read as batches of arrays."""
