"""Multimodal reranking: text and images of each candidate, read together with the question."""
