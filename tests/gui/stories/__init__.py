"""What a user does in a Blender window, a module for each sitting."""
