"""Rebuilds an open stand-in for ShapeNet from packages: `python -m training.sources --help`."""
