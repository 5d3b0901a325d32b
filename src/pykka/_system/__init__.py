"""Actor systems: who lives where, what they tell of themselves, and how they end."""
