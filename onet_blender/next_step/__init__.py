"""What artists do with a mesh next: quads, a texture, levels of detail, a mesh ready for use."""
