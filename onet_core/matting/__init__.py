"""Finding the object in front of a busy background, by a network that others made and keep."""
