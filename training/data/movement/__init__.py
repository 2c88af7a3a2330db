"""Shapes that move, with the place of every point at every step: for movement's network."""
