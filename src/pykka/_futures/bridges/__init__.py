"""Ways from futures of several kinds to actors, and to each other."""
