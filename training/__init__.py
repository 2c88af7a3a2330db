"""Datasets, training and evaluation of the networks; imports onet_core, never Blender."""
