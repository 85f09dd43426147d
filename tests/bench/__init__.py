"""The benchmarks themselves: what they compare must be comparable."""
