"""Text with rows of numbers: its encoding, its lines, its columns."""
