"""Benchmarks: one bench_*.py a question, instances of named sizes, peers beside us in the same run."""
