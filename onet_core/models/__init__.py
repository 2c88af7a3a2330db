"""What is learned: encoders, decoders, the networks made of them, and their files."""
