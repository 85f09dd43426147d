"""Tests of stock, search and import."""
