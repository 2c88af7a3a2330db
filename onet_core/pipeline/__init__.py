"""From an observation to a finished mesh: the one path that every front end takes."""
