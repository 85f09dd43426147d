"""Business areas, each declared in a module of its own above the record kit."""
