"""The Python with PyTorch that runs the networks: set up, found, started, tried."""
