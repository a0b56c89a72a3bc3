"""ImagePrompt and to_message: what arrives at the model, through its real client."""

from __future__ import annotations

import asyncio

import pytest
from adapters.drivers import figures
from langchain_classic.chains.retrieval import create_retrieval_chain
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_openai import ChatOpenAI

from langchain_mmrerank import ImagePrompt, to_message
from langchain_mmrerank.answers import reads_images
from mmrerank import Image, ImageError, InvalidInputError, RerankWarning
from mmrerank.images.decode import image_size, open_image
from mmrerank.ocr.words import ImageReader
from mmrerank.testing import LocalChatServer

__all__ = ["figures"]

QUESTION = "On which shelf is drawing 4471-C?"


def chat(server, **options):
    return ChatOpenAI(
        model="m", base_url=server.base_url, api_key=server.api_key, max_retries=0, **options
    )


@pytest.fixture(params=["openai", "ollama"])  # the second reads inline base64 only
def server(request):
    with LocalChatServer("Shelf R12, box 7 [1, Figure 4]. [9]", dialect=request.param) as made:
        yield made


def test_the_winning_figure_reaches_the_model_next_to_its_text(report, server):
    retriever = RunnableLambda(lambda q: report.rerank.compress_documents(report.documents, q))
    prompt = ImagePrompt(image_root=report.root, max_images=2)
    chain = (
        {"context": retriever, "question": RunnablePassthrough()}
        | RunnablePassthrough.assign(prompt=prompt)
        | RunnablePassthrough.assign(
            answer=RunnableLambda(lambda x: x["prompt"]) | chat(server) | StrOutputParser()
        )
    )
    result = chain.invoke(QUESTION)
    (call,) = server.calls
    assert len(call.images) == 2
    assert len({image.hash for image in call.images}) == 2
    before = call.parts[call.parts.index(call.images[0]) - 1]
    assert before.endswith("| Figure 4: A scanned index card from the fictitious archive.")
    assert "[1, Figure 4] an image on page 4" in before
    assert call.parts[-1].endswith(QUESTION)
    assert [message.role for message in call.messages] == ["user"]
    cited = result["prompt"].citations.parse(result["answer"])
    (figure,) = cited.citations
    assert (figure.image, figure.page) == (report.figure, 4)
    assert result["context"][figure.index].metadata["best_image"] == report.figure
    assert cited.unknown == ("[9]",)


def test_the_image_is_the_file_as_it_is_if_it_fits(report, server):
    documents = [d for d in report.documents if report.figure in d.metadata.get("images", "")]
    chat(server).invoke([to_message(documents[:1], QUESTION, image_root=report.root)])
    (image,) = server.calls[0].images
    original = Image.from_path(report.root / report.figure)
    assert image.size == image_size(original)
    assert open_image(Image.from_bytes(image.data)).tobytes() == open_image(original).tobytes()


def test_a_model_for_text_gets_the_words(report, tmp_path_factory):
    reader = ImageReader(tmp_path_factory.getbasetemp() / "ocr")  # what the reranker has read
    documents = report.rerank.compress_documents(report.documents, QUESTION)
    with LocalChatServer("R12", takes_images=False) as server:
        model = chat(server, profile={"image_inputs": False})
        chain = (
            ImagePrompt(image_root=report.root, model=model.bind(temperature=0), reader=reader)
            | model
        )
        chain.invoke({"context": documents, "input": QUESTION})
    (call,) = server.calls
    assert not call.images
    assert "Shelf R12, box 7" in call.text
    assert isinstance(call.body["messages"][0]["content"], str)


def test_the_profile_of_a_model_decides():
    def model(**options):
        return ChatOpenAI(api_key="k", **options)

    assert reads_images(model(model="gpt-4o")) is True
    assert reads_images(model(model="gpt-3.5-turbo").bind(stop=["x"])) is False
    assert reads_images(model(model="of-my-own")) is None
    assert reads_images(None) is None
    with pytest.raises(InvalidInputError, match="model"):
        reads_images("gpt-4o")


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_retrieval_chain_with_a_history_streams(report, server, mode):
    retriever = RunnableLambda(
        lambda x: report.rerank.compress_documents(report.documents, x["input"])[:1]
    )
    answer = ImagePrompt(image_root=report.root) | chat(server) | StrOutputParser()
    chain = create_retrieval_chain(retriever, answer)
    given = {
        "input": QUESTION,
        "chat_history": [HumanMessage("Hello"), AIMessage("Good day"), ("user", "Well")],
    }
    if mode == "sync":
        chunks = list(chain.stream(given))
    else:

        async def collect():
            return [chunk async for chunk in chain.astream(given)]

        chunks = asyncio.run(collect())
    pieces = [chunk["answer"] for chunk in chunks if "answer" in chunk]
    assert "".join(pieces) == "Shelf R12, box 7 [1, Figure 4]. [9]"
    assert len(pieces) > 3
    roles = [message.role for message in server.calls[0].messages]
    assert roles == ["user", "assistant", "user", "user"]
    assert len(server.calls[0].messages[-1].images) == 1


def test_the_same_documents_make_the_same_message(figures):
    documents = [Document("t", metadata={"images": '["words.png"]'})]
    first, second = (to_message(documents, "q", image_root=figures) for _ in range(2))
    assert first == second
    assert [block["type"] for block in first.content] == ["text", "image", "text"]


def test_urls_pass_as_urls(figures):
    documents = [Document("t", metadata={"images": '["https://example.org/a.png"]'})]
    message = to_message(documents, "q", urls="pass")
    assert message.content[1] == {"type": "image", "url": "https://example.org/a.png"}
    with pytest.raises(ImageError, match="URL"):
        to_message(documents, "q")


def test_an_image_that_has_vanished(figures):
    documents = [Document("t", metadata={"images": '["gone.png", "words.png"]'})]
    with pytest.raises(ImageError, match=r"gone\.png"):
        to_message(documents, "q", image_root=figures)
    with pytest.warns(RerankWarning, match=r"gone\.png"):
        message = to_message(documents, "q", image_root=figures, on_image_error="warn")
    assert len(message.content) == 3


@pytest.mark.parametrize(
    "given",
    [{}, "q", {"context": []}, {"context": ["x"], "question": "q"}, {"context": [], "question": 1}],
)
def test_wrong_input(given):
    with pytest.raises(InvalidInputError):
        ImagePrompt().invoke(given)


def test_wrong_options():
    with pytest.raises(TypeError, match="colour"):
        ImagePrompt(colour="red")
    with pytest.raises(InvalidInputError, match="images"):
        ImagePrompt(images="yes")
