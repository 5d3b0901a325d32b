"""What makes one run of a simulated program: its carriers, its scheduler, its world."""
