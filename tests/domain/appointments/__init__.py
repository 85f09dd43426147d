"""Tests of what appointments do to stock, leads, parts and people."""
