"""Benchmarks: whole processes beside their peers, in turn, in one run."""
