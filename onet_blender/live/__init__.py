"""Results that follow their source: made again, beside the interface, when it has changed."""
