"""Work without a window: batches and Blender's command line."""
