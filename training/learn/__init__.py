"""Configurations, training loops and exported weights."""
