"""Fixtures of the LangChain tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from adapters.drivers import figures
from langchain_core.documents import Document

import mmrerank.demo
from langchain_mmrerank import MultimodalPDFLoader, MultimodalRerank
from mmrerank import Image, OCRReranker
from mmrerank.ocr.words import loader_facts

__all__ = ["figures"]

REPORT = Path(mmrerank.demo.__file__).with_name("report.pdf")


@pytest.fixture
def documents():
    """The answer is in a figure of the second; the text of the fourth only comes near."""
    return [
        Document("a cat sleeps on the mat", id="cat", metadata={"source": "cats", "tags": ["x"]}),
        Document(
            "see the picture for this",
            id="figure",
            metadata={"images": '["blank.png", "words.png"]', "page": 3, "deep": {"list": [1]}},
        ),
        Document("", id="empty"),
        Document("a torque wrench", id="torque"),
    ]


@pytest.fixture
def compressor(figures):
    return MultimodalRerank(reranker=OCRReranker(ocr=False), image_root=figures)


@dataclass
class Report:
    documents: list[Document]
    root: Path
    rerank: MultimodalRerank
    captions: dict[str, str]
    """The caption of each figure, by its reference."""

    @property
    def figure(self):
        """The reference of Figure 4, a raster picture that answers the question of the tests."""
        (ref,) = [ref for ref, text in self.captions.items() if text.startswith("Figure 4:")]
        return ref


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """The demo report, loaded once; its pictures read by OCR once."""
    root = tmp_path_factory.mktemp("report-images")
    documents = MultimodalPDFLoader(REPORT, image_root=root).load()
    # The folder that the LlamaIndex tests use too: no picture is read twice in one run.
    reranker = OCRReranker(cache_dir=tmp_path_factory.getbasetemp() / "ocr")
    rerank = MultimodalRerank(reranker=reranker, image_root=root, top_n=5)
    rerank.warm(documents)
    captions = {p.name: loader_facts(Image.from_path(p))["caption"] for p in root.glob("*.png")}
    return Report(documents, root, rerank, captions)
