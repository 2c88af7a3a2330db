"""Measurements of picture networks beside those of `training.measure.evaluate`."""
