"""MultimodalRAG in both frameworks: the same promises, through the real clients of OpenAI's API."""

from __future__ import annotations

import asyncio
import gc

import openai
import pytest
from cli_helpers import make_pdf
from helpers import image_file, png
from langchain_core.documents import Document
from langchain_openai import ChatOpenAI
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import MetadataMode, NodeWithScore
from llama_index.llms.openai import OpenAI

import langchain_mmrerank
import llama_index_mmrerank
from mmrerank import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    ImageError,
    InvalidInputError,
    OCRReranker,
    RerankWarning,
    StoreError,
    UnsupportedModalityError,
)
from mmrerank.captioning import Captioner, OpenAICaptions
from mmrerank.index.index import Index
from mmrerank.testing import FakeReranker, LocalChatServer

QUESTION = "torque of the turbine"
NO_RERANK = llama_index_mmrerank.MultimodalRerank(reranker=FakeReranker())
ANSWER = "It is on the gauge [1, Figure 1]. Not in [7]."

# LlamaIndex's synchronous calls leave event loops open.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def collected():
    """What clients leave open is closed while its warnings are still ignored."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two PDFs; the answer is in a picture of the first."""
    folder = tmp_path_factory.mktemp("files")
    make_pdf(folder / "a.pdf", "The hall is old. See Figure 1.", image=png("turbine torque"))
    make_pdf(folder / "b.pdf", "A turbine is a machine.", "A torque wrench is a tool.")
    return folder


@pytest.fixture(scope="module")
def filled(files, tmp_path_factory):
    """The folder of an index of the files; read only."""
    folder = tmp_path_factory.mktemp("store")
    with Index(folder) as index:
        index.add(files)
    return folder


@pytest.fixture(params=["langchain", "llama_index"])
def framework(request):
    return request.param


@pytest.fixture
def make(framework):
    """`make(server, folder, **options)` is a MultimodalRAG whose model is the server."""

    def rag(server, folder, **options):
        if framework == "langchain":
            model = ChatOpenAI(
                model="gpt-4o",
                base_url=server.base_url,
                api_key=server.api_key,
                max_retries=0,
                stream_usage=True,
            )
            return langchain_mmrerank.MultimodalRAG(folder, model, **options)
        llm = OpenAI(
            model="gpt-4o", api_base=server.base_url, api_key=server.api_key, max_retries=0
        )
        return llama_index_mmrerank.MultimodalRAG(folder, llm, **options)

    return rag


@pytest.fixture(params=["ask", "aask", "stream", "astream"])
def ask(request):
    """`ask(rag)` gives the answer, asked for in one of four ways."""

    async def read(rag):
        stream = await rag.astream(QUESTION)
        assert "".join([piece async for piece in stream]) == stream.result.text
        return stream.result

    def run(rag):
        if request.param == "ask":
            return rag.ask(QUESTION)
        if request.param == "aask":
            return asyncio.run(rag.aask(QUESTION))
        if request.param == "astream":
            return asyncio.run(read(rag))
        stream = rag.stream(QUESTION)
        with pytest.raises(InvalidInputError, match="not ended"):
            _ = stream.result
        assert "".join(stream) == stream.result.text
        return stream.result

    return run


def test_the_figure_arrives_and_is_cited(make, framework, filled, ask):
    with LocalChatServer(ANSWER) as server, make(server, filled) as rag:
        answer = ask(rag)
    assert answer.text == ANSWER
    (call,) = server.calls
    assert len(call.images) == 1
    assert "[1, Figure 1] an image on page 1" in call.parts[0]
    (figure,) = answer.citations
    assert (figure.figure, figure.page, figure.source) == (
        "Figure 1",
        1,
        answer.citations[0].source,
    )
    assert figure.source.endswith("a.pdf")
    assert answer.unknown == ("[7]",)
    (cited,) = answer.cited
    assert type(cited) is (Document if framework == "langchain" else NodeWithScore)
    assert cited.metadata["best_image"] == figure.image
    assert set(answer.timings) == {"search", "rerank", "prompt", "answer"}


def test_five_lines(make, files, tmp_path):
    with LocalChatServer(ANSWER) as server, make(server, tmp_path / "new") as rag:
        with pytest.raises(StoreError, match="empty"):
            rag.ask(QUESTION)
        assert len(rag.add(files).added) == 2
        answer = rag.ask(QUESTION)
    assert [citation.figure for citation in answer.citations] == ["Figure 1"]
    assert [count for name, count in answer.usage.items() if name.endswith("_tokens")]


def test_the_pieces_come_one_by_one(make, filled):
    with LocalChatServer(ANSWER) as server, make(server, filled) as rag:
        stream = rag.stream(QUESTION)
        pieces = list(stream)
    assert "".join(pieces) == ANSWER
    assert len(pieces) > 3
    assert stream.result.text == ANSWER


def test_a_model_for_text_is_told_what_helps(make, filled, ask):
    with LocalChatServer("words [1]", takes_images=False) as server:
        with (
            make(server, filled) as rag,
            pytest.raises(UnsupportedModalityError, match='images="words"'),
        ):
            ask(rag)
        with make(server, filled, images="words") as rag:
            answer = rag.ask(QUESTION)
    assert answer.citations[0].label == "[1]"
    assert "turbine torque" in server.calls[0].text


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"faults": [401] * 4}, AuthenticationError),
        ({"models": ["another-vision-model"]}, InvalidInputError),
        ({"faults": [503] * 4}, APIError),
    ],
)
def test_errors_of_the_client_are_ours(make, filled, ask, options, kind):
    with (
        LocalChatServer(ANSWER, **options) as server,
        make(server, filled) as rag,
        pytest.raises(kind, match="gpt-4o: ") as caught,
    ):
        ask(rag)
    assert isinstance(caught.value.__cause__, openai.APIStatusError)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_away_is_named(make, filled, ask):
    with LocalChatServer(ANSWER) as server:
        pass
    with (
        make(server, filled) as rag,
        pytest.raises(APIConnectionError, match=f"gpt-4o: .*{server.base_url}"),
    ):
        ask(rag)


def test_the_timings_of_reading_and_the_usage_of_the_reranker(make, files, tmp_path, ask):
    reranker = FakeReranker()
    with LocalChatServer(ANSWER) as server, make(server, tmp_path, reranker=reranker) as rag:
        assert set(rag.add(files).timings) == {"load", "index"}
        answer = ask(rag)
    (usage,) = answer.rerank_usage
    assert usage.documents > 0
    assert all(seconds > 0 for seconds in answer.timings.values())


def test_an_answer_without_references(make, filled):
    with LocalChatServer("No idea.") as server, make(server, filled) as rag:
        answer = rag.ask(QUESTION)
    assert (answer.citations, answer.unknown, answer.cited) == ((), (), [])
    assert answer.documents


@pytest.mark.parametrize("on_image_error", ["raise", "warn"])
def test_an_image_that_has_vanished_since_the_search(make, filled, on_image_error):
    with LocalChatServer(ANSWER) as server:
        rag = make(server, filled, on_image_error=on_image_error)
        (picture,) = rag.index.image_root.glob("*.png")
        data = picture.read_bytes()
        search = rag.retriever.index.search

        def search_then_lose(*args, **options):
            found = search(*args, **options)
            picture.unlink()
            return found

        rag.retriever.index.search = search_then_lose
        try:
            if on_image_error == "raise":
                with pytest.raises(ImageError, match=picture.name):
                    rag.ask(QUESTION)
            else:
                with pytest.warns(RerankWarning, match=picture.name):
                    rag.ask(QUESTION)
                assert not server.calls[0].images
        finally:
            picture.write_bytes(data)
            rag.close()


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_retriever_over_an_index_gives_images(filled, mode):
    retriever = llama_index_mmrerank.MultimodalRetriever(
        index=filled, reranker=OCRReranker(), with_images=True
    )
    with retriever.index, LocalChatServer(ANSWER) as server:
        llm = OpenAI(
            model="gpt-4o", api_base=server.base_url, api_key=server.api_key, max_retries=0
        )
        engine = RetrieverQueryEngine.from_args(retriever, llm=llm, multimodal=True)
        if mode == "sync":
            engine.query(QUESTION)
        else:
            asyncio.run(engine.aquery(QUESTION))
    assert len(server.calls[0].images) == 1
    with pytest.raises(InvalidInputError, match="with_images"):
        llama_index_mmrerank.MultimodalRetriever(retriever, NO_RERANK, with_images=True)


def test_wrong_parts(make, framework, filled, tmp_path):
    with LocalChatServer() as server:
        with pytest.raises(InvalidInputError, match="images"):
            make(server, filled, images="yes")
        with pytest.raises(TypeError, match="colour"):
            make(server, filled, colour="red")
    other = langchain_mmrerank if framework == "langchain" else llama_index_mmrerank
    with pytest.raises(InvalidInputError):
        other.MultimodalRAG(tmp_path / "x", "gpt-4o")


@pytest.fixture(scope="module")
def captioned(tmp_path_factory):
    """The folder of an index whose one picture, without words, has a generated caption."""
    folder = tmp_path_factory.mktemp("captioned")
    make_pdf(folder / "a.pdf", "The bay. See Figure 1.", image=image_file((300, 100)))
    said = {"brief": "A sailing boat.", "detailed": "", "text_in_image": [], "data_points": [], "keywords": ["yacht"]}  # fmt: skip
    with Index(folder / "store", ocr=False) as index, LocalChatServer(said) as server:
        index.add(folder / "a.pdf")
        model = OpenAICaptions("seer", base_url=server.base_url, api_key=server.api_key)
        index.caption(Captioner(model, cache=folder / "captions.sqlite3"))
        model.close()
    return folder / "store"


@pytest.mark.parametrize("images", ["send", "words"])
def test_a_generated_caption_is_marked_in_the_prompt(make, framework, captioned, images):
    with LocalChatServer(ANSWER) as server, make(server, captioned, images=images) as rag:
        answer = rag.ask("yacht")
        (document, *_) = answer.documents
    said = server.calls[0].text
    assert "a caption generated by seer, which is not in the document\n~ A sailing boat." in said
    assert ("\n~ yacht" in said) == (images == "words")
    assert answer.citations[0].generated_by == "seer"
    assert "seer" in document.metadata["generated_captions"]
    if framework == "llama_index":
        for mode in (MetadataMode.LLM, MetadataMode.EMBED):
            assert "boat" not in document.node.get_content(mode)
        nodes = llama_index_mmrerank.ImagePostprocessor(
            images="words", image_root=captioned / "images"
        ).postprocess_nodes([document])
        assert "Figure 1: a caption generated by seer" in nodes[0].node.get_content()
