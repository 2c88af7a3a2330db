"""The network that reads a picture: camera, features at projections, canonical volume, decoder."""
