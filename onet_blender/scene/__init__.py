"""Objects and meshes of the scene: to arrays, to the worker, and back."""
