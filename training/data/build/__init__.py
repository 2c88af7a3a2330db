"""Builds datasets in the original's layout from meshes: `python -m training.data.build --help`."""
