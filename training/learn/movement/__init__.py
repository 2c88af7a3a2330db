"""The network of movement, which was tried and does not ship: see training/results/movement.md."""
