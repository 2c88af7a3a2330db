"""A mesh, its files and measures, and steps that make it better: smooth, snap, simplify, refine."""
