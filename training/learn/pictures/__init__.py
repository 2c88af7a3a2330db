"""The network for pictures, learned from views that are drawn while it learns."""
