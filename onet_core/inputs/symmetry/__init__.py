"""The mirror planes of clouds, and what their mirror images fill."""
