"""Tests of workshop time."""
