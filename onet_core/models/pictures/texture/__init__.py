"""Likely colours for what a picture does not show of a mesh."""
