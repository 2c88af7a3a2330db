"""How clouds are read: measures that concern clouds alone."""
