"""LangChain documents to Content, and results back to copies of the documents."""

from __future__ import annotations

import numpy as np
import pytest
from langchain_core.documents import Document

from langchain_mmrerank.convert import from_chunk, to_contents, with_scores
from mmrerank import Image, InvalidInputError
from mmrerank.images.resolve import ImageResolver
from mmrerank.loaders.base import Chunk
from mmrerank.types import Content, RerankResult


def test_documents_and_strings_become_contents_with_references(documents, figures):
    contents, refs = to_contents(["a text", documents[1]], ImageResolver(figures), 4)
    assert [content.text for content in contents] == ["a text", "see the picture for this"]
    assert refs == [[], ["blank.png", "words.png"]]
    assert contents[1].images[1] == Image(path=figures / "words.png", root=figures)


def test_no_more_images_than_the_reranker_takes(documents, figures):
    contents, refs = to_contents(documents, ImageResolver(figures), 1)
    assert len(contents[1].images) == 1
    assert refs[1] == ["blank.png"]


def test_what_is_not_a_document_is_named():
    with pytest.raises(InvalidInputError, match=r"documents\[1\] is a dict"):
        to_contents([Document("x"), {"page_content": "y"}], ImageResolver(), 4)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, None),
        ({"relevance_score": 0.5}, 0.5),
        ({"relevance_score": 0.5, "retrieval_score": np.float32(0.25)}, 0.25),
        ({"relevance_score": "high"}, None),
    ],
)
def test_the_retrieval_score_is_a_number_of_the_metadata(metadata, expected):
    document = Document("x", id="a", metadata=metadata)
    result = RerankResult(index=2, relevance_score=0.75, document=Content("x"))
    scored = with_scores(document, result, [])
    assert scored.metadata.get("retrieval_score") == expected
    assert (scored.metadata["relevance_score"], scored.metadata["retrieval_rank"]) == (0.75, 3)
    assert (scored.id, document.metadata) == ("a", metadata)


def test_a_chunk_becomes_a_document_with_its_id():
    chunk = Chunk(id="a1", text="words", source="report.pdf", position=0, page=3)
    document = from_chunk(chunk)
    assert (document.id, document.page_content) == ("a1", "words")
    assert document.metadata == chunk.metadata
