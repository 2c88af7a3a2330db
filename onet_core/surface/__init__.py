"""From a field to its surface: MISE and marching cubes over the cells that the surface crosses.

Everything here knows only a field, a function from points in the network's frame to logits; which
network is behind it does not matter.
"""
