"""What is computed on torch: batches, attention, the walk through the layers."""
