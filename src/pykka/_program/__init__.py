"""Whole programs: how they run, and end."""
