"""Winning images reach the LLM through LlamaIndex's own engines and its real OpenAI client."""

from __future__ import annotations

import base64
import gc

import pytest
from adapters.drivers import figures
from helpers import png
from llama_index.core.chat_engine import ContextChatEngine
from llama_index.core.chat_engine.multi_modal_context import MultiModalContextChatEngine
from llama_index.core.query_engine import CitationQueryEngine, RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import ImageNode, MediaResource, Node, NodeWithScore, TextNode
from llama_index.llms.openai import OpenAI
from pydantic import ValidationError

from llama_index_mmrerank import (
    ImagePostprocessor,
    MultimodalRerank,
    MultimodalRetriever,
    to_message,
)
from mmrerank import Image, ImageError, InvalidInputError, RerankWarning
from mmrerank.images.decode import open_image
from mmrerank.ocr.words import ImageReader
from mmrerank.testing import FakeReranker, LocalChatServer

__all__ = ["figures"]

# LlamaIndex's engines leave event loops open, and its chat memory connections.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def collected():
    """What the engines leave open is closed while its warnings are still ignored."""
    yield
    gc.collect()


QUESTION = "On which shelf is drawing 4471-C?"


class Everything(BaseRetriever):
    """A first stage that finds every node."""

    def __init__(self, nodes):
        super().__init__()
        self._nodes = nodes

    def _retrieve(self, query_bundle):
        return [NodeWithScore(node=node, score=0.5) for node in self._nodes]


def llm(server):
    # A name that the class knows: it looks up the context window.
    return OpenAI(model="gpt-4o", api_base=server.base_url, api_key=server.api_key, max_retries=0)


@pytest.fixture
def server():
    with LocalChatServer("Shelf R12, box 7 [1].") as made:
        yield made


@pytest.fixture
def retriever(report):
    rerank = report.rerank.model_copy(update={"top_n": 2})
    return MultimodalRetriever(Everything(report.nodes), rerank)


@pytest.fixture(scope="session")
def reader(report, tmp_path_factory):
    """Reads from the cache that the report's reranker has filled."""
    return ImageReader(tmp_path_factory.getbasetemp() / "ocr")


def pixels(sent):
    return open_image(Image.from_bytes(sent.data)).tobytes()


def is_the_card(sent, report):
    return pixels(sent) == open_image(Image.from_path(report.root / report.figure)).tobytes()


def test_a_query_engine_sends_the_figure_next_to_its_text(report, retriever, server):
    engine = RetrieverQueryEngine.from_args(
        retriever,
        llm=llm(server),
        node_postprocessors=[ImagePostprocessor(image_root=report.root)],
        multimodal=True,
    )
    response = engine.query(QUESTION)
    assert str(response) == "Shelf R12, box 7 [1]."
    (call,) = server.calls
    assert is_the_card(call.images[0], report)
    assert len({image.hash for image in call.images}) == len(call.images) == 2
    before = call.parts[call.parts.index(call.images[0]) - 1]
    assert "Figure 4 shows a typical case" in before
    best = response.source_nodes[0]
    assert best.metadata["best_image"] == report.figure
    assert best.node_id in {node.node_id for node in report.nodes}


async def test_a_citation_query_engine_sends_it_too(report, retriever, server):
    engine = CitationQueryEngine.from_args(
        retriever=retriever,
        index=None,
        llm=llm(server),
        node_postprocessors=[ImagePostprocessor(image_root=report.root, max_images=1)],
        multimodal=True,
    )
    response = await engine.aquery(QUESTION)
    (call,) = server.calls
    (image,) = call.images
    assert is_the_card(image, report)
    assert "Source 1" in call.text
    assert response.source_nodes


def test_a_multimodal_chat_engine_takes_images_apart(report, retriever, server):
    engine = MultiModalContextChatEngine.from_defaults(
        retriever,
        multi_modal_llm=llm(server),
        node_postprocessors=[ImagePostprocessor(image_root=report.root, images="separate")],
    )
    engine.chat(QUESTION)
    assert is_the_card(server.calls[0].images[0], report)
    assert "Figure 4 shows a typical case" in server.calls[0].text


def test_a_text_engine_gets_the_words(report, retriever, reader):
    words = ImagePostprocessor(image_root=report.root, images="words", reader=reader)
    with LocalChatServer("R12", takes_images=False) as server:
        engine = ContextChatEngine.from_defaults(
            retriever, llm=llm(server), node_postprocessors=[words]
        )
        engine.chat(QUESTION)
        call = server.calls[0]
    assert not call.images
    assert "What was read in Figure 4, an image on page 4:\n| Figure 4" in call.text
    assert "Shelf R12, box 7" in call.text


def test_the_reranker_gives_images_if_asked_to(report, server):
    rerank = report.rerank.model_copy(update={"top_n": 1, "with_images": True})
    engine = RetrieverQueryEngine.from_args(
        MultimodalRetriever(Everything(report.nodes), rerank), llm=llm(server), multimodal=True
    )
    engine.query(QUESTION)
    (image,) = server.calls[0].images
    assert is_the_card(image, report)


async def test_urls_are_never_left_to_the_framework(figures):
    rerank = MultimodalRerank(
        reranker=FakeReranker(), image_root=figures, urls="pass", with_images=True
    )
    with pytest.raises(InvalidInputError, match="fetch"):
        await rerank.apostprocess_nodes([node(["words.png"])], query_str="q")


def test_one_message_with_labels(report, retriever, server):
    message = to_message(retriever.retrieve(QUESTION), QUESTION, image_root=report.root)
    llm(server).chat([message])
    (call,) = server.calls
    assert is_the_card(call.images[0], report)
    assert "[1, Figure 4] an image on page 4" in call.parts[0]
    assert call.parts[-1].endswith(QUESTION)
    with pytest.raises(InvalidInputError, match="fetch"):
        to_message([], QUESTION, urls="pass")


def node(images, **fields):
    return NodeWithScore(node=TextNode(text="t", metadata={"images": images}, **fields), score=0.5)


def test_a_node_holds_one_image_and_others_follow_it(figures):
    first = node(["blank.png", "words.png"], id_="a", excluded_llm_metadata_keys=["x"])
    first.node.metadata["best_image"] = "words.png"
    second = node(["words.png"], id_="b")
    third = NodeWithScore(node=TextNode(text="no images", id_="c"), score=0.1)
    found = ImagePostprocessor(image_root=figures).postprocess_nodes([first, second, third])
    assert [item.node_id for item in found] == ["a", "a-image-1", "b", "c"]
    assert [bool(getattr(item.node, "image_resource", None)) for item in found] == [
        True,
        True,
        False,
        False,
    ]
    assert isinstance(found[0].node, Node)
    assert [block.block_type for block in found[0].node.get_content_blocks()] == ["text", "image"]
    assert found[0].node.get_content() == "t"
    assert "x" in found[0].node.excluded_llm_metadata_keys
    assert "images" in found[1].node.excluded_llm_metadata_keys
    assert first.node.metadata["images"] == ["blank.png", "words.png"]
    assert type(first.node) is TextNode


def test_separate_images_are_image_nodes(figures):
    found = ImagePostprocessor(image_root=figures, images="separate").postprocess_nodes(
        [node(["words.png"], id_="a")]
    )
    assert [type(item.node) for item in found] == [TextNode, ImageNode]
    assert found[1].score == 0.5


def test_an_image_that_has_vanished(figures):
    nodes = [node(["gone.png", "words.png"])]
    with pytest.raises(ImageError, match=r"gone\.png"):
        ImagePostprocessor(image_root=figures).postprocess_nodes(nodes)
    forgiving = ImagePostprocessor(image_root=figures, on_image_error="warn")
    with pytest.warns(RerankWarning, match=r"gone\.png"):
        (item,) = forgiving.postprocess_nodes(nodes)
    assert item.node.image_resource is not None


def test_wrong_options():
    for options in ({"images": "yes"}, {"urls": "pass"}, {"unknown": 1}, {"max_images": 0}):
        with pytest.raises(ValidationError):
            ImagePostprocessor(**options)
    with pytest.raises(InvalidInputError, match="nodes"):
        ImagePostprocessor().postprocess_nodes("nodes")


@pytest.mark.parametrize("images", ["send", "separate", "words"])
def test_images_of_the_nodes_themselves_are_within_the_budget_and_come_once(images):
    files = [base64.b64encode(png(text)).decode() for text in ("one", "one", "two", "three")]
    nodes = [
        NodeWithScore(node=ImageNode(id_=f"{i}", text=f"text {i}", image=data), score=0.5)
        for i, data in enumerate(files)
    ]
    nodes[3].node = Node(
        id_="3",
        text_resource=MediaResource(text="text 3"),
        image_resource=MediaResource(data=files[3].encode(), mimetype="image/png"),
    )
    postprocessor = ImagePostprocessor(images=images, max_images=2, reader=ImageReader(None, ocr=False))  # fmt: skip
    found = [item.node for item in postprocessor.postprocess_nodes(nodes)]
    have = [n for n in found if getattr(n, "image", None) or getattr(n, "image_resource", None)]
    assert len(have) == (0 if images == "words" else 2)
    texts = [node for node in found if node.get_content().startswith("text")]
    assert [node.node_id for node in texts] == ["0", "1", "2", "3"]
    assert all(getattr(item.node, "image", None) for item in nodes[:3])  # the caller's own stay
