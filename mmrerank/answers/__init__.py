"""What a language model is handed: the text and images that won, and what its answer cites."""
