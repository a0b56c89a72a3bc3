"""First stage: embedders that find the candidates to rerank."""
