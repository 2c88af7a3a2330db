"""Ways to a moving mesh beside each other."""
