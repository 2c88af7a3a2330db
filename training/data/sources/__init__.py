"""Rebuilds a stand-in for ShapeNet from packages: `python -m training.data.sources --help`."""
