"""What happens to an actor from its start to its end: messages, failures, restarts, kills."""
