"""An index on disk: chunks, their vectors and their images."""
