"""Benchmarks of actor libraries: this one, its peers, and what bare Python can do.

`python -m benchmarks` is the command; README.md explains the method.
"""
