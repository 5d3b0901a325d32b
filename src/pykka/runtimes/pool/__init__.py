"""Many actors on few threads."""
