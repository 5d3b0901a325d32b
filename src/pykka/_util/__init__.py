"""What all floors stand on: locks, logs, checks, and what is kept for each thread."""
