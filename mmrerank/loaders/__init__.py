"""Loaders: files to chunks of text with the images that belong to them."""
