"""Futures, and the ways of an answer into them."""
