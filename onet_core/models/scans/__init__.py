"""A sparse voxel network that orients and denoises every point of a scan."""
