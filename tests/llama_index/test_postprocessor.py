"""MultimodalRerank in LlamaIndex: kinds of nodes, events, what LLMs and embedders see.

What both adapters promise is tested in tests/adapters.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import pickle

import numpy as np
import pytest
from adapters.drivers import QUESTION
from helpers import png
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.schema import (
    Document,
    ImageDocument,
    ImageNode,
    IndexNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeWithScore,
    QueryBundle,
    TextNode,
)

from llama_index_mmrerank import MultimodalRerank
from llama_index_mmrerank.convert import OUR_KEYS
from mmrerank import (
    APIError,
    ImageError,
    InvalidInputError,
    JinaReranker,
    OCRReranker,
    RerankWarning,
)
from mmrerank.images.decode import read_bytes
from mmrerank.testing import FakeReranker, LocalRerankServer, overlap

FIGURE = png("turbine torque")
FIGURE_BASE64 = base64.b64encode(FIGURE).decode()


@pytest.fixture(params=["sync", "async"])
def process(request):
    """`process(rerank, nodes, query)`: the method, or its async twin."""

    def run(rerank, nodes, query=QUESTION, **options):
        if isinstance(query, str):
            options["query_str"] = query
        else:
            options["query_bundle"] = query
        if request.param == "sync":
            return rerank.postprocess_nodes(nodes, **options)
        return asyncio.run(rerank.apostprocess_nodes(nodes, **options))

    return run


def by_id(nodes):
    return {node.node_id: node for node in nodes}


def sees_figure(query, item):
    """Scores as a model would that sees the figure in an image, whatever way it came."""
    if item.images:
        return 0.9 if read_bytes(item.images[0]) == FIGURE else 0.1
    return overlap(query, item) / 2


# -- the result


def test_a_node_keeps_its_type_its_relationships_and_its_embedding(nodes, rerank, process):
    for item in process(rerank, nodes):
        before = by_id(nodes)[item.node_id]
        assert type(item.node) is type(before.node)
        assert item.node.relationships == before.node.relationships
        assert item.node.embedding == before.node.embedding


def test_scores_are_native_floats_so_that_nodes_become_json(nodes, rerank, process):
    nodes[1].score = np.float32(0.8)  # as another postprocessor may leave it
    results = process(rerank, nodes)
    for item in results:
        assert type(item.score) is float
        assert type(item.metadata["relevance_score"]) is float
        assert type(item.metadata.get("retrieval_score", 0.0)) is float
        written = json.loads(item.to_json())
        assert written["score"] == item.score
        assert written["node"]["metadata"] == item.metadata
        assert item.to_dict()["node"]["metadata"] == item.metadata
        assert TextNode.from_json(item.node.to_json()) == item.node
        assert pickle.loads(pickle.dumps(item)) == item


def test_the_hidden_keys_of_the_input_are_never_changed(nodes, rerank, process):
    before = copy.deepcopy(nodes)
    results = process(rerank, nodes)
    results[0].node.excluded_llm_metadata_keys.append("changed")
    assert nodes == before


def test_our_keys_reach_neither_llm_nor_embedding(nodes, rerank, process):
    for item in process(rerank, nodes):
        for mode in (MetadataMode.LLM, MetadataMode.EMBED):
            text = item.node.get_content(mode)
            assert not any(key in text for key in OUR_KEYS)
            assert ".png" not in text
    figure = by_id(process(rerank, nodes))["figure"].node
    assert "page" in figure.excluded_llm_metadata_keys
    assert "page: 3" in figure.get_content(MetadataMode.EMBED)


def test_metadata_is_read_only_on_request(process):
    nodes = [
        NodeWithScore(node=TextNode(text="x", metadata={"title": "cats"})),
        NodeWithScore(node=TextNode(text="y", metadata={"title": "turbine torque"})),
    ]
    plain = process(MultimodalRerank(reranker=FakeReranker()), nodes)
    assert [item.score for item in plain] == [0.0, 0.0]
    wide = MultimodalRerank(reranker=FakeReranker(), metadata_mode=MetadataMode.EMBED)
    assert [item.score for item in process(wide, nodes)] == [1.0, 0.0]


# -- kinds of nodes


@pytest.mark.parametrize(
    "make",
    [
        lambda: ImageNode(text="t", image=FIGURE_BASE64, image_mimetype="image/png"),
        lambda: ImageNode(text="t", image=FIGURE_BASE64),
        lambda: ImageNode(text="t", image_path="words.png"),
        lambda: ImageNode(image_path="words.png"),
        lambda: ImageDocument(text="t", image=FIGURE_BASE64),
        lambda: Node(
            text_resource=MediaResource(text="t"), image_resource=MediaResource(data=FIGURE)
        ),
        lambda: Node(image_resource=MediaResource(path="words.png")),
        lambda: Document(text="t", image_resource=MediaResource(path="words.png")),
        lambda: Document(text="t", metadata={"images": '["words.png"]'}),
        lambda: TextNode(text="t", metadata={"images": '["words.png"]'}),
        lambda: IndexNode(text="t", index_id="other", metadata={"images": '["words.png"]'}),
    ],
)
def test_every_kind_of_node_gives_its_image(figures, process, make):
    rerank = MultimodalRerank(reranker=FakeReranker(sees_figure), image_root=figures)
    node = make()
    before = copy.deepcopy(node)
    text = NodeWithScore(node=TextNode(text=QUESTION), score=0.3)
    first, second = process(rerank, [text, NodeWithScore(node=node)])
    assert (first.node_id, first.score) == (node.node_id, 0.9)
    assert second.score == 0.5
    assert type(first.node) is type(node)
    assert first.metadata["best_image"]
    assert len(first.metadata["best_image"]) < 60  # never the bytes
    assert node == before
    assert json.loads(first.to_json())["score"] == 0.9


def test_an_image_document_gives_the_image_at_its_path(figures, process):
    path = str(figures / "words.png")
    rerank = MultimodalRerank(reranker=FakeReranker(sees_figure), image_root=figures)
    (result,) = process(rerank, [NodeWithScore(node=ImageDocument(text="t", image_path=path))])
    assert (result.score, result.metadata["best_image"]) == (0.9, path)
    outside = MultimodalRerank(reranker=FakeReranker(), image_root=figures.parent / "other")
    with pytest.raises(ImageError, match="outside the image root"):
        process(outside, [NodeWithScore(node=ImageNode(image_path=path))])


def test_the_url_of_an_image_node_is_passed_on_only_where_allowed(process):
    url = "https://example.org/figure.png"
    nodes = [NodeWithScore(node=ImageNode(text="t", image_url=url))]
    with pytest.raises(ImageError, match="is a URL"):
        process(MultimodalRerank(reranker=FakeReranker()), nodes)

    def scores(query, item):
        return 0.9 if item.images and item.images[0].url == url else 0.1

    with (
        LocalRerankServer(scores) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url, send_urls=True) as reranker,
    ):
        (result,) = process(MultimodalRerank(reranker=reranker, urls="pass"), nodes)
    assert (result.score, result.metadata["best_image"]) == (0.9, url)


def test_a_nodes_own_image_and_those_of_its_metadata_all_count(figures, process):
    other = base64.b64encode(png("cat")).decode()
    node = ImageNode(
        text="t",
        image=other,
        image_mimetype="image/png",
        metadata={"images": [f"data:image/png;base64,{FIGURE_BASE64}", "blank.png"]},
    )
    seen = []

    def scores(query, item):
        seen.extend(item.images)
        return sees_figure(query, item)

    rerank = MultimodalRerank(reranker=FakeReranker(scores), image_root=figures)
    (result,) = process(rerank, [NodeWithScore(node=node)])
    assert len(seen) == 3
    assert result.score == 0.9


def test_an_image_that_a_node_names_twice_is_read_once(figures, process):
    node = ImageNode(text="t", image_path="words.png", metadata={"images": '["words.png"]'})
    seen = []
    reranker = FakeReranker(on_usage=seen.append)
    process(MultimodalRerank(reranker=reranker, image_root=figures), [NodeWithScore(node=node)])
    assert seen[0].images == 1


@pytest.mark.parametrize("ref", ["missing.png", "../secret.png"])
def test_a_nodes_own_image_that_cannot_be_used_raises_or_warns(figures, process, ref, events):
    nodes = [NodeWithScore(node=ImageNode(text="nothing", image_path=ref))]
    rerank = MultimodalRerank(reranker=OCRReranker(ocr=False), image_root=figures)
    with pytest.raises(ImageError):
        process(rerank, nodes)
    rerank.on_image_error = "warn"
    with pytest.warns(RerankWarning, match="left out"):
        results = process(rerank, nodes)
    assert list(by_id(results)) == list(by_id(nodes))
    assert [type(event) for event in events] == [ReRankStartEvent, ReRankEndEvent] * 2


# -- queries


@pytest.mark.parametrize("query", [None, "", "  ", QueryBundle("")])
def test_a_missing_or_empty_query_is_an_error(nodes, rerank, process, query, events):
    with pytest.raises(InvalidInputError, match="query"):
        process(rerank, nodes, query)
    assert len(events) % 2 == 0


# -- events


def test_events_come_in_pairs_and_hold_no_content(figures, process, events):
    nodes = [
        NodeWithScore(node=ImageNode(text="secret words", id_="a", image=FIGURE_BASE64), score=0.5),
        NodeWithScore(
            node=TextNode(text="more words", id_="b", metadata={"images": "words.png", "x": "y"})
        ),
    ]
    rerank = MultimodalRerank(reranker=FakeReranker(), image_root=figures, top_n=1)
    process(rerank, nodes)
    start, end = events
    assert isinstance(start, ReRankStartEvent)
    assert (start.query, start.top_n, start.model_name) == (QUESTION, 1, "fake")
    assert [(n.node_id, n.score) for n in start.nodes] == [("a", 0.5), ("b", None)]
    assert isinstance(end, ReRankEndEvent)
    assert len(end.nodes) == 1
    shown = start.model_dump_json() + end.model_dump_json() + repr(events)
    for content in ("secret", "more words", FIGURE_BASE64[:30], "words.png", "base64,"):
        assert content not in shown


def test_empty_input_has_a_start_and_an_end_too(rerank, process, events):
    process(rerank, [])
    start, end = events
    assert isinstance(start, ReRankStartEvent)
    assert isinstance(end, ReRankEndEvent)


def test_an_error_has_an_end_without_nodes(nodes, figures, process, events):
    with (
        LocalRerankServer(faults=[500]) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url, max_retries=0) as reranker,
        pytest.raises(APIError),
    ):
        process(MultimodalRerank(reranker=reranker, image_root=figures), nodes)
    start, end = events
    assert isinstance(start, ReRankStartEvent)
    assert isinstance(end, ReRankEndEvent)
    assert end.nodes == []


class Callbacks(BaseCallbackHandler):
    """LlamaIndex's older callbacks: writes down starts and ends of reranking."""

    def __init__(self):
        super().__init__([], [])
        self.events = []

    def on_event_start(self, event_type, payload=None, event_id="", parent_id="", **kwargs):
        if event_type is CBEventType.RERANKING:
            self.events.append(("start", payload))
        return event_id

    def on_event_end(self, event_type, payload=None, event_id="", **kwargs):
        if event_type is CBEventType.RERANKING:
            self.events.append(("end", payload))

    def start_trace(self, trace_id=None):
        pass

    def end_trace(self, trace_id=None, trace_map=None):
        pass


def test_the_older_callback_manager_gets_a_start_and_an_end_without_content(nodes, rerank, process):
    seen = Callbacks()
    rerank.callback_manager, rerank.top_n = CallbackManager([seen]), 2
    results = process(rerank, nodes)
    (start, given), (end, returned) = seen.events
    assert (start, end) == ("start", "end")
    assert (given[EventPayload.MODEL_NAME], given[EventPayload.TOP_K]) == ("ocr-bm25", 2)
    assert [n.node_id for n in given[EventPayload.NODES]] == [n.node_id for n in nodes]
    assert [(n.node_id, n.score) for n in returned[EventPayload.NODES]] == [
        (n.node_id, n.score) for n in results
    ]
    assert not any(text in repr(seen.events) for text in ("torque wrench", "cat sleeps", ".png"))


def test_the_older_callback_manager_gets_the_end_of_a_failure(nodes, rerank, process):
    seen = Callbacks()
    rerank.callback_manager = CallbackManager([seen])
    nodes[0].node.metadata["images"] = "missing.png"
    with pytest.raises(ImageError):
        process(rerank, nodes)
    assert [event for event, _ in seen.events] == ["start", "end"]
    assert isinstance(seen.events[1][1][EventPayload.EXCEPTION], ImageError)


# -- serialization and warming


def test_a_serialized_postprocessor_does_not_show_the_key(figures):
    key = "jina_0123456789"
    for given in (
        {"reranker": JinaReranker(api_key=key)},
        {"model": "jina-reranker-m0", "api_key": key},
    ):
        rerank = MultimodalRerank(**given, image_root=figures)
        assert key not in json.dumps(rerank.to_dict()) + rerank.to_json()


def test_warm_takes_nodes_with_scores_and_without(nodes, figures):
    warmed = []

    class Recording(OCRReranker):
        def warm(self, documents, *, show_progress=False):
            warmed.extend(image for document in documents for image in document.images)

    rerank = MultimodalRerank(reranker=Recording(ocr=False), image_root=figures)
    rerank.warm(nodes)
    rerank.warm([item.node for item in nodes])
    assert [image.path.name for image in warmed] == ["blank.png", "words.png"] * 2
