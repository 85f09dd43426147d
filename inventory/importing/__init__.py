"""Bringing stock in from files: bytes → rows → mapped and normalised vehicles, with every row accounted for."""
