"""Tests of the record kit and the business areas."""
