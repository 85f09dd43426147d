"""Seeded demo world: real vehicle definitions and places, invented companies and people; used by demo, tests and bench."""
