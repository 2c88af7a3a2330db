"""The buttons: thin, they call plain functions."""
