"""The first stage: embedders, retrievers, rank fusion."""
