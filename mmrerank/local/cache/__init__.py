"""What local models keep across calls: in memory and on disk."""
