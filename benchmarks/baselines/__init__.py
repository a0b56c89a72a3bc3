"""The ways to score that `benchmarks/local.py` compares with."""
