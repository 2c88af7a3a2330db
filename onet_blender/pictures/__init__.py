"""Blender's images: pixels, files, renders, the clipboard."""
