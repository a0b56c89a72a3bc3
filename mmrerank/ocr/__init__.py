"""Reading words in images, and reranking by them: no key, no GPU, no download."""
