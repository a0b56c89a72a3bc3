"""MultimodalRetriever: any LlamaIndex retriever followed by a reranker."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_mmrerank.postprocessor import MultimodalRerank
from mmrerank.frameworks import LLAMA_INDEX, wrong_type

__all__ = ["MultimodalRetriever"]


class MultimodalRetriever(BaseRetriever):
    """Retrieves with `retriever` (give it a large `similarity_top_k`) and reranks the nodes.

    For places that take a retriever but no postprocessors. Raises what either of the two raises,
    and `InvalidInputError` for something that is neither.
    """

    def __init__(self, retriever: BaseRetriever, rerank: MultimodalRerank, **options: Any) -> None:
        if not isinstance(retriever, BaseRetriever):
            raise wrong_type("retriever", retriever, "BaseRetriever", framework=LLAMA_INDEX)
        if not isinstance(rerank, MultimodalRerank):
            raise wrong_type("rerank", rerank, "MultimodalRerank", framework=LLAMA_INDEX)
        super().__init__(**options)
        self._retriever = retriever
        self._rerank = rerank

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        candidates = self._retriever.retrieve(query_bundle)
        return self._rerank.postprocess_nodes(candidates, query_bundle)

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        candidates = await self._retriever.aretrieve(query_bundle)
        return await self._rerank.apostprocess_nodes(candidates, query_bundle)
