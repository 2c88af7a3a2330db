"""The paper's experiments side by side with its figures: `python -m training.reproduce`."""
