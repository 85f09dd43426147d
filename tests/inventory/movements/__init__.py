"""Tests of stock movements."""
