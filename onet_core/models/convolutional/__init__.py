"""Convolutional occupancy networks: feature planes instead of one global code."""
