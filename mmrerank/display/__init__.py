"""Search results as a person reads them."""
