"""Voxel grids of more cells than the network reads: their smooth surface."""
