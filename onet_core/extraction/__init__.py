"""From a field to a mesh: MISE, marching cubes, simplification, refinement.

Everything here knows only a field, a function from points in the network's frame to logits; which
network is behind it does not matter.
"""
