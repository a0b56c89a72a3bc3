"""The `mmrerank` command."""
