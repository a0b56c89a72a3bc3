"""LlamaIndex nodes to Content, and results back to copies of the nodes."""

from __future__ import annotations

import pytest
from llama_index.core.schema import ImageNode, MetadataMode, NodeWithScore, QueryBundle

from llama_index_mmrerank.convert import (
    OUR_KEYS,
    from_chunk,
    to_content,
    to_contents,
    with_scores,
)
from mmrerank import Content, Image, InvalidInputError
from mmrerank.images.resolve import ImageResolver
from mmrerank.loaders.base import Chunk
from mmrerank.types import RerankResult


def test_a_query_is_a_text_with_the_image_at_its_path():
    assert to_content("a question") == Content("a question")
    query = QueryBundle("a question", image_path="figure.png")
    assert to_content(query) == Content("a question", [Image.from_path("figure.png")])
    with pytest.raises(InvalidInputError, match="needs a query"):
        to_content(None)


def test_a_nodes_own_image_comes_before_those_of_its_metadata(figures):
    node = ImageNode(text="t", image_path="words.png", metadata={"images": ["blank.png"]})
    contents, refs = to_contents([NodeWithScore(node=node)], ImageResolver(figures), 4)
    assert refs == [["words.png", "blank.png"]]
    assert [image.path.name for image in contents[0].images] == refs[0]
    contents, refs = to_contents([NodeWithScore(node=node)], ImageResolver(figures), 1)
    assert refs == [["words.png"]]


def test_the_retrievers_score_stays_and_our_keys_are_hidden(nodes):
    result = RerankResult(index=1, relevance_score=0.75, document=Content("x"))
    scored = with_scores(nodes[1], result, [])
    assert scored.score == scored.metadata["relevance_score"] == 0.75
    assert (scored.metadata["retrieval_score"], scored.metadata["retrieval_rank"]) == (0.8, 2)
    assert set(scored.node.excluded_embed_metadata_keys) == set(OUR_KEYS)
    assert set(scored.node.excluded_llm_metadata_keys) == {"page", *OUR_KEYS}
    assert nodes[1].node.excluded_embed_metadata_keys == []


def test_a_chunk_becomes_a_document_whose_page_only_llms_see():
    chunk = Chunk(id="a1", text="words", source="/a/report.pdf", position=0, page=3)
    document = from_chunk(chunk)
    assert (document.id_, document.text, document.metadata) == ("a1", "words", chunk.metadata)
    assert document.get_content(MetadataMode.EMBED) == "words"
    assert "page: 3" in document.get_content(MetadataMode.LLM)
    assert "report.pdf" not in document.get_content(MetadataMode.LLM)


def test_a_chunk_without_text_is_embedded_by_its_page():
    document = from_chunk(Chunk(id="a1", text="", source="/a/scan.pdf", position=0, page=3))
    assert document.get_content(MetadataMode.EMBED).strip() == "page: 3"
