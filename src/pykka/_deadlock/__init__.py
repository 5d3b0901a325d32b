"""Who waits for whom, and in which line of code."""
