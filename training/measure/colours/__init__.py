"""Measuring colours that are made for a mesh from one picture."""
