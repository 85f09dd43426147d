"""Tests of booking on a real database."""
