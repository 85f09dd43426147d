"""Vehicles, locations and stock: records, search, location and import."""
