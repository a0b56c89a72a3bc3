"""Fixtures of the LlamaIndex tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from adapters.drivers import figures
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.schema import (
    Document,
    NodeRelationship,
    NodeWithScore,
    RelatedNodeInfo,
    TextNode,
)

import mmrerank.demo
from llama_index_mmrerank import MultimodalPDFReader, MultimodalRerank
from mmrerank import Image, OCRReranker
from mmrerank.ocr.words import loader_facts

__all__ = ["figures"]


@pytest.fixture
def nodes():
    """The answer is in a figure of the second; the text of the fourth only comes near."""
    return [
        NodeWithScore(
            node=TextNode(text="a cat sleeps on the mat", id_="cat", metadata={"tags": ["x"]}),
            score=0.9,
        ),
        NodeWithScore(
            node=TextNode(
                text="see the picture for this",
                id_="figure",
                metadata={"images": '["blank.png", "words.png"]', "page": 3, "deep": {"a": [1]}},
                excluded_llm_metadata_keys=["page"],
                relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="the file")},
                embedding=[0.1, 0.2],
            ),
            score=0.8,
        ),
        NodeWithScore(node=TextNode(text="", id_="empty"), score=None),
        NodeWithScore(node=TextNode(text="a torque wrench", id_="torque"), score=0.5),
    ]


@pytest.fixture
def rerank(figures):
    return MultimodalRerank(reranker=OCRReranker(ocr=False), image_root=figures)


@pytest.fixture
def events():
    """The rerank events that reach the root dispatcher, in order."""
    seen = []

    class Collector(BaseEventHandler):
        @classmethod
        def class_name(cls):
            return "Collector"

        def handle(self, event, **kwargs):
            if isinstance(event, (ReRankStartEvent, ReRankEndEvent)):
                seen.append(event)

    root, collector = get_dispatcher(), Collector()
    root.add_event_handler(collector)
    yield seen
    root.event_handlers.remove(collector)


@dataclass
class Report:
    nodes: list[Document]
    root: Path
    rerank: MultimodalRerank
    figure: str
    """The reference of Figure 4, a raster picture that answers the question of the tests."""


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """The demo report, read once; its pictures read by OCR once."""
    root = tmp_path_factory.mktemp("report-images")
    nodes = MultimodalPDFReader(image_root=root).load_data(mmrerank.demo.REPORT)
    # The folder that the LangChain tests use too: no picture is read twice in one run.
    reranker = OCRReranker(cache_dir=tmp_path_factory.getbasetemp() / "ocr")
    rerank = MultimodalRerank(reranker=reranker, image_root=root, top_n=5)
    rerank.warm(nodes)
    captions = {p.name: loader_facts(Image.from_path(p))["caption"] for p in root.glob("*.png")}
    (figure,) = [ref for ref, text in captions.items() if text.startswith("Figure 4:")]
    return Report(nodes, root, rerank, figure)
