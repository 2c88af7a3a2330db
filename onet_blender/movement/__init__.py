"""Clouds and meshes that move -> one mesh with a shape key for each frame."""
