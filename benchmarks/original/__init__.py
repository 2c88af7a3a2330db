"""The original's way in plain NumPy: what ours is checked against by tests and benchmarks."""
