"""Tests of the compiled kernels, run on the release build and on the checked build."""
