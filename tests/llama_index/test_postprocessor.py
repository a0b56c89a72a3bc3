"""MultimodalRerank as a LlamaIndex node postprocessor."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import pickle
import time

import numpy as np
import pytest
from helpers import png
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.schema import (
    Document,
    ImageDocument,
    ImageNode,
    IndexNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from pydantic import ValidationError

from llama_index_mmrerank import MultimodalRerank, MultimodalRetriever
from mmrerank import (
    APIError,
    APITimeoutError,
    AuthenticationError,
    ImageError,
    InvalidInputError,
    InvalidResponseError,
    JinaReranker,
    OCRReranker,
    RateLimitError,
    RerankWarning,
)
from mmrerank.images.decode import read_bytes
from mmrerank.testing import FakeReranker, LocalRerankServer, overlap

QUESTION = "turbine torque"
OUR_KEYS = {"images", "relevance_score", "retrieval_rank", "retrieval_score", "best_image"}
FIGURE = png("turbine torque")
FIGURE_BASE64 = base64.b64encode(FIGURE).decode()


@pytest.fixture
def figures(image_root):
    """The image root; beside words.png stand its words, as a reader leaves them."""
    facts = {"words": "turbine torque in newton metres by speed", "page": 3, "box": []}
    (image_root / "words.json").write_text(json.dumps(facts))
    return image_root


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


def ids(nodes):
    return [node.node_id for node in nodes]


def by_id(nodes):
    return {node.node_id: node for node in nodes}


def sees_figure(query, item):
    """Scores as a model would that sees the figure in an image, whatever way it came."""
    if item.images:
        return 0.9 if read_bytes(item.images[0]) == FIGURE else 0.1
    return overlap(query, item) / 2


# -- the result


def test_the_node_with_the_figure_comes_first(nodes, rerank, process):
    found = process(rerank, nodes)
    assert ids(found)[:2] == ["figure", "torque"]
    assert set(ids(found)) == {"cat", "figure", "empty", "torque"}
    assert found[0].metadata["best_image"] == "words.png"


def test_scores_are_added_and_everything_else_stays(nodes, rerank, process):
    found = process(rerank, nodes)
    given = by_id(nodes)
    for item in found:
        before = given[item.node_id]
        assert type(item.node) is type(before.node)
        assert item.node.get_content() == before.node.get_content()
        assert item.node.relationships == before.node.relationships
        assert item.node.embedding == before.node.embedding
        kept = {k: v for k, v in item.metadata.items() if k not in OUR_KEYS - {"images"}}
        assert kept == before.metadata
        assert item.score == item.metadata["relevance_score"]
        assert nodes[item.metadata["retrieval_rank"] - 1] is before
    scores = [item.score for item in found]
    assert scores == sorted(scores, reverse=True)


def test_scores_are_native_floats_so_that_nodes_become_json(nodes, rerank, process):
    nodes[1].score = np.float32(0.8)  # as another postprocessor may leave it
    found = process(rerank, nodes)
    for item in found:
        assert type(item.score) is float
        assert type(item.metadata["relevance_score"]) is float
        assert type(item.metadata.get("retrieval_score", 0.0)) is float
        written = json.loads(item.to_json())
        assert written["score"] == item.score
        assert written["node"]["metadata"] == item.metadata
        assert item.to_dict()["node"]["metadata"] == item.metadata
        assert TextNode.from_json(item.node.to_json()) == item.node
        assert pickle.loads(pickle.dumps(item)) == item


def test_the_earlier_score_is_kept_where_there_was_one(nodes, rerank, process):
    found = by_id(process(rerank, nodes))
    assert found["cat"].metadata["retrieval_score"] == 0.9
    assert found["figure"].metadata["retrieval_score"] == pytest.approx(0.8)
    assert "retrieval_score" not in found["empty"].metadata


def test_a_second_reranker_keeps_rank_and_score_of_the_retrieval(nodes, rerank, process):
    first = process(rerank, nodes)
    second = process(MultimodalRerank(reranker=FakeReranker(), image_key="none"), first)
    assert len(second) == 4
    for item in second:
        place = ids(nodes).index(item.node_id)
        assert item.metadata["retrieval_rank"] == place + 1
        assert item.metadata.get("retrieval_score") == nodes[place].score
        assert "best_image" not in item.metadata


def test_the_input_is_never_changed(nodes, rerank, process):
    before = copy.deepcopy(nodes)
    found = process(rerank, nodes)
    assert nodes == before
    found[0].node.metadata["relevance_score"] = "changed by the caller"
    found[0].node.excluded_llm_metadata_keys.append("changed")
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


@pytest.mark.parametrize("kind", ["fake", "ocr", "jina"])
def test_nodes_without_text_and_without_images_stay(nodes, figures, process, kind):
    with LocalRerankServer() as server:
        reranker = {
            "fake": FakeReranker,
            "ocr": lambda: OCRReranker(ocr=False),
            "jina": lambda: JinaReranker(api_key=server.api_key, base_url=server.url),
        }[kind]()
        with reranker:
            found = process(MultimodalRerank(reranker=reranker, image_root=figures), nodes)
    assert sorted(ids(found)) == ["cat", "empty", "figure", "torque"]


def test_no_nodes_give_no_nodes(rerank, process):
    assert process(rerank, []) == []
    assert process(rerank, [], "") == []


@pytest.mark.parametrize(("top_n", "count"), [(1, 1), (3, 3), (4, 4), (100, 4), (None, 4)])
def test_top_n_keeps_the_best(nodes, rerank, process, top_n, count):
    everything = process(rerank, nodes)
    rerank.top_n = top_n
    assert process(rerank, nodes) == everything[:count]


def test_min_score_leaves_out_what_scores_less(nodes, rerank, process):
    everything = process(rerank, nodes)
    rerank.min_score = everything[1].score
    assert process(rerank, nodes) == everything[:2]
    rerank.min_score = 2.0
    assert process(rerank, nodes) == []


def test_metadata_is_read_only_if_asked_for(process):
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
    (found,) = process(rerank, [NodeWithScore(node=ImageDocument(text="t", image_path=path))])
    assert (found.score, found.metadata["best_image"]) == (0.9, path)
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
        (found,) = process(MultimodalRerank(reranker=reranker, urls="pass"), nodes)
    assert (found.score, found.metadata["best_image"]) == (0.9, url)


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
    (found,) = process(rerank, [NodeWithScore(node=node)])
    assert len(seen) == 3
    assert found.score == 0.9


def test_an_image_that_a_node_names_twice_is_read_once(figures, process):
    node = ImageNode(text="t", image_path="words.png", metadata={"images": '["words.png"]'})
    seen = []
    reranker = FakeReranker(on_usage=seen.append)
    process(MultimodalRerank(reranker=reranker, image_root=figures), [NodeWithScore(node=node)])
    assert seen[0].images == 1


# -- queries


def test_a_query_may_have_an_image(nodes, rerank, process, figures):
    query = QueryBundle("where is this", image_path=str(figures / "words.png"))
    assert ids(process(rerank, nodes, query))[0] == "figure"
    only_image = QueryBundle("", image_path=str(figures / "words.png"))
    assert ids(process(rerank, nodes, only_image))[0] == "figure"


@pytest.mark.parametrize("query", [None, "", "  ", QueryBundle("")])
def test_a_missing_or_empty_query_is_an_error(nodes, rerank, process, query, events):
    with pytest.raises(InvalidInputError, match="query"):
        process(rerank, nodes, query)
    assert len(events) % 2 == 0


# -- indexes that exist already


@pytest.mark.parametrize(
    ("image_key", "metadata"),
    [
        ("images", {"images": ["words.png"]}),
        ("picture", {"picture": "words.png"}),
        ("picture", {"picture": {"path": "words.png"}}),
        (["none", "fig", "more"], {"fig": "blank.png", "more": ["words.png"]}),
        (lambda metadata: metadata["a"]["b"], {"a": {"b": ("words.png",)}}),
        ("file_path", {"file_path": "/old/place/words.png"}),
    ],
)
def test_image_paths_of_an_existing_index_are_read(figures, process, image_key, metadata):
    rerank = MultimodalRerank(
        reranker=OCRReranker(ocr=False),
        image_root=lambda metadata: [figures.parent, figures],
        image_key=image_key,
        path_map={"/old/place": str(figures)},
    )
    (found,) = process(rerank, [NodeWithScore(node=TextNode(text="see", metadata=metadata))])
    assert found.score > 0
    assert found.metadata["best_image"].endswith("words.png")


@pytest.mark.parametrize("ref", ["missing.png", "../secret.png", "/etc/passwd", "text.png"])
def test_an_image_that_cannot_be_used_raises_or_warns(figures, process, ref, events):
    (figures / "text.png").write_text("no image")
    nodes = [
        NodeWithScore(node=TextNode(text="turbine", metadata={"images": [ref, "words.png"]})),
        NodeWithScore(node=ImageNode(text="nothing", image_path=ref)),
    ]
    rerank = MultimodalRerank(reranker=OCRReranker(ocr=False), image_root=figures)
    with pytest.raises(ImageError):
        process(rerank, nodes)
    rerank.on_image_error = "warn"
    with pytest.warns(RerankWarning, match="left out"):
        found = process(rerank, nodes)
    assert ids(found) == ids(nodes)
    assert [type(event) for event in events] == [ReRankStartEvent, ReRankEndEvent] * 2


def test_images_without_an_image_root_raise(nodes, process):
    with pytest.raises(ImageError, match="image_root"):
        process(MultimodalRerank(reranker=OCRReranker(ocr=False)), nodes)


# -- a service


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (401, AuthenticationError),
        (429, RateLimitError),
        (500, APIError),
        ("timeout", APITimeoutError),
        ("no_json", InvalidResponseError),
        ("repeated", InvalidResponseError),
        ("nan", InvalidResponseError),
    ],
)
def test_errors_of_a_service_are_typed(nodes, figures, process, events, fault, error):
    patience = 0.3 if fault == "timeout" else 20.0  # seconds: machines are busy at times
    with (
        LocalRerankServer(faults=[fault]) as server,
        JinaReranker(
            api_key=server.api_key, base_url=server.url, timeout=patience, max_retries=0
        ) as reranker,
        pytest.raises(error),
    ):
        process(MultimodalRerank(reranker=reranker, image_root=figures), nodes)
    start, end = events
    assert isinstance(start, ReRankStartEvent)
    assert isinstance(end, ReRankEndEvent)
    assert end.nodes == []


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


# -- options and secrets


@pytest.mark.parametrize(
    "options", [{"topn": 3}, {"top_n": 0}, {"on_image_error": "ignore"}, {"reranker": "jina"}]
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        MultimodalRerank(**{"reranker": FakeReranker(), **options})


def test_the_key_shows_nowhere(figures):
    key = "jina_0123456789"
    rerank = MultimodalRerank(
        reranker=JinaReranker(api_key=key), image_root=lambda metadata: figures, image_key=["a"]
    )
    for shown in (
        repr(rerank),
        str(rerank),
        json.dumps(rerank.to_dict()),
        rerank.to_json(),
        rerank.model_dump_json(),
        repr(rerank.model_dump()),
        repr(vars(copy.deepcopy(rerank).reranker)),
    ):
        assert key not in shown
    rerank.image_root = figures
    assert key.encode() not in pickle.dumps(rerank)


def test_an_unpickled_postprocessor_works_with_the_key_of_its_environment(
    nodes, figures, monkeypatch
):
    with (
        LocalRerankServer() as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
    ):
        rerank = MultimodalRerank(reranker=reranker, image_root=figures, top_n=2)
        packed = pickle.dumps(rerank)
        monkeypatch.setenv("JINAAI_API_KEY", server.api_key)
        again = pickle.loads(packed)
        expected = rerank.postprocess_nodes(nodes, query_str=QUESTION)
        assert again.postprocess_nodes(nodes, query_str=QUESTION) == expected
        again.reranker.close()


# -- concurrency


async def test_twenty_at_once_do_not_mix(figures):
    nodes = [
        NodeWithScore(node=TextNode(text=f"chunk number n{i} of all", id_=str(i)), score=0.1)
        for i in range(20)
    ]
    with (
        LocalRerankServer(latency=0.05) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
    ):
        rerank = MultimodalRerank(reranker=reranker, image_root=figures, top_n=1)
        found = await asyncio.gather(
            *(rerank.apostprocess_nodes(nodes, query_str=f"number n{i}") for i in range(20))
        )
    assert [ids(one) for one in found] == [[str(i)] for i in range(20)]
    assert server.most_at_once > 1


@pytest.mark.parametrize("slow", ["service", "disk"])
async def test_the_async_method_leaves_the_event_loop_free(nodes, figures, slow):
    def root(metadata):
        time.sleep(0.2 if slow == "disk" else 0)
        return figures

    with (
        LocalRerankServer(latency=0.2 if slow == "service" else 0) as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
    ):
        rerank = MultimodalRerank(reranker=reranker, image_root=root)
        task = asyncio.create_task(rerank.apostprocess_nodes(nodes, query_str=QUESTION))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
    assert len(task.result()) == len(nodes)
    assert ticks > 5


def test_warm_reads_images_ahead_of_any_query(nodes, figures):
    read = []

    class Counting(OCRReranker):
        def warm(self, documents, *, show_progress=False):
            read.extend(image for document in documents for image in document.images)

    rerank = MultimodalRerank(reranker=Counting(ocr=False), image_root=figures)
    rerank.warm(nodes)
    rerank.warm([item.node for item in nodes])
    assert [image.path.name for image in read] == ["blank.png", "words.png"] * 2


# -- the retriever


class Given(BaseRetriever):
    """Retrieves what it was given."""

    def __init__(self, nodes):
        super().__init__()
        self.nodes = nodes

    def _retrieve(self, query_bundle):
        return list(self.nodes)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_multimodal_retriever_reranks_what_another_found(nodes, rerank, way):
    retriever = MultimodalRetriever(Given(nodes), rerank)
    found = (
        retriever.retrieve(QUESTION)
        if way == "sync"
        else asyncio.run(retriever.aretrieve(QUESTION))
    )
    assert ids(found)[:2] == ["figure", "torque"]
    assert found[0].metadata["retrieval_rank"] == 2
