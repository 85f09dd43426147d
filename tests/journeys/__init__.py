"""Whole stories over HTTP, against the service as people run it."""
