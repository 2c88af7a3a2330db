"""The network for sparse point clouds, learned from scans that are drawn while it learns."""
