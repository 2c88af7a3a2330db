"""Learning the colours of what a picture does not show."""
