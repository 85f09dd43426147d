"""Compiled kernels: arrays in, arrays out, without the GIL, a database or an event loop."""
