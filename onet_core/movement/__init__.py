"""Clouds of a moving shape -> one mesh whose vertices move."""
