"""Shapes that the generators of Infinigen make, one for each seed."""
