"""Pictures of shapes to learn from: cameras, a light renderer, and Cycles."""
