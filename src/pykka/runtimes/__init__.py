"""What runs actors: one runtime in each module."""
