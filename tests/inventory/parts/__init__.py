"""Tests of parts stock."""
