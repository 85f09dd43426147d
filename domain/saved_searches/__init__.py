"""Searches that people keep, and what tells them of cars that come to match."""

from domain.saved_searches.records import MOST_SAVED_SEARCHES, SavedSearch

from domain.saved_searches import alerts  # isort: skip - its templates are known with the area

__all__ = ["MOST_SAVED_SEARCHES", "SavedSearch", "alerts"]
