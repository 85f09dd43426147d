"""Seeded demo world: real vehicle definitions and places, invented companies and people; tests and bench use it too."""
