"""Benchmarks against named peers: `python -m bench [NAME …]`, or each by itself as `python -m bench.NAME`."""
