"""Computation on torch: batches, attention, the walk through the layers."""
