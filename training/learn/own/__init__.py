"""Training on the user's own meshes: what `onet-train` does."""
