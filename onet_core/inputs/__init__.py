"""Pictures, point clouds and voxels -> normalised arrays, and the way back. No torch here."""
