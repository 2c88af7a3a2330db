"""What files and preferences keep."""
