"""One small driver for each framework, so that what both adapters promise is tested once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_core.documents import Document
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

import langchain_mmrerank
import llama_index_mmrerank
from mmrerank import Content, Image

QUESTION = "turbine torque"


@dataclass
class Item:
    """A document of neither framework: what goes into a reranker, and what comes out of it."""

    text: str
    id: str = "x"
    metadata: dict[str, Any] = field(default_factory=dict)
    score: float | None = None
    """The retriever's score before reranking, the reranker's after it."""


class LangChain:
    """Documents and a compressor."""

    name = "langchain"
    MultimodalRerank = langchain_mmrerank.MultimodalRerank

    @staticmethod
    def make(items):
        """Documents; a retriever's score has no place but the metadata."""
        return [
            Document(
                item.text,
                id=item.id,
                metadata=item.metadata
                | ({} if item.score is None else {"relevance_score": item.score}),
            )
            for item in items
        ]

    @staticmethod
    def query(text, image_path):
        return Content(text, [Image.from_path(image_path)])

    @staticmethod
    async def acompress(rerank, documents, query=QUESTION):
        return await rerank.acompress_documents(documents, query)

    @staticmethod
    def compress(rerank, documents, query=QUESTION):
        return rerank.compress_documents(documents, query)

    @staticmethod
    def read(document):
        score = document.metadata["relevance_score"]
        return Item(document.page_content, document.id, document.metadata, score)


class LlamaIndex:
    """Nodes with scores and a postprocessor."""

    name = "llama_index"
    MultimodalRerank = llama_index_mmrerank.MultimodalRerank

    @staticmethod
    def make(items):
        return [
            NodeWithScore(
                node=TextNode(text=item.text, id_=item.id, metadata=item.metadata), score=item.score
            )
            for item in items
        ]

    @staticmethod
    def query(text, image_path):
        return QueryBundle(text, image_path=str(image_path))

    @staticmethod
    async def acompress(rerank, nodes, query=QUESTION):
        key = "query_str" if isinstance(query, str) else "query_bundle"
        return await rerank.apostprocess_nodes(nodes, **{key: query})

    @staticmethod
    def compress(rerank, nodes, query=QUESTION):
        key = "query_str" if isinstance(query, str) else "query_bundle"
        return rerank.postprocess_nodes(nodes, **{key: query})

    @staticmethod
    def read(node):
        assert node.score == node.metadata["relevance_score"]
        return Item(node.node.get_content(), node.node_id, node.metadata, node.score)


class Adapter:
    """An adapter called in one of its two ways; see the fixtures `adapter` and `any_way`."""

    def __init__(self, driver, mode):
        self.driver = driver
        self.mode = mode

    def make(self, *items):
        """The framework's own documents."""
        return self.driver.make(items)

    def rerank(self, **options):
        return self.driver.MultimodalRerank(**options)

    def query(self, text, image_path):
        """A query with an image."""
        return self.driver.query(text, image_path)

    def compress(self, rerank, documents, query=QUESTION):
        """The framework's own results."""
        if self.mode == "sync":
            return self.driver.compress(rerank, documents, query)
        return asyncio.run(self.driver.acompress(rerank, documents, query))

    def __call__(self, rerank, documents, query=QUESTION):
        """The results as items."""
        return [self.driver.read(d) for d in self.compress(rerank, documents, query)]


def ids(items):
    return [item.id for item in items]


@pytest.fixture
def figures(image_root):
    """The image root; beside words.png are its words, as a loader leaves them."""
    facts = {"words": "turbine torque in newton metres by speed", "page": 3, "box": []}
    (image_root / "words.json").write_text(json.dumps(facts))
    return image_root
