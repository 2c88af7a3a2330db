"""How good a network is, beside classical methods, by the paper's protocol."""
