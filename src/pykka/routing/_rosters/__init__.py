"""Which routees a router has, as snapshots that are shared and never changed."""
