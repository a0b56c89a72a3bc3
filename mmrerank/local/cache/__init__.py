"""The state cache of local models, in memory and on disk."""
