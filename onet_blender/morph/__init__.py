"""Shapes between shapes: an object with several latent codes and a slider."""
