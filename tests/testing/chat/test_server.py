"""The chat server, asked by its real clients: `openai` and `langchain-openai`."""

from __future__ import annotations

import asyncio
import base64
import math
import time

import httpx
import openai
import pytest
from helpers import png
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from mmrerank.images.decode import content_hash
from mmrerank.testing import ChatReply, LocalChatServer, Refusal


def data_uri(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


FIRST, SECOND = png("R12"), png("box 7")
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "[1] Shelves"},
            {"type": "image_url", "image_url": {"url": data_uri(FIRST), "detail": "low"}},
            {"type": "text", "text": "[2] Boxes"},
            {"type": "image_url", "image_url": {"url": data_uri(SECOND)}},
        ],
    },
]


class Shelf(BaseModel):
    shelf: str
    boxes: list[int]


def client(server, **options):
    options = {"max_retries": 0, **options}
    return openai.OpenAI(api_key=server.api_key, base_url=server.base_url, **options)


def ask(server, messages=MESSAGES, **options):
    with client(server) as made:
        return made.chat.completions.create(model="m", messages=messages, **options)


def test_it_answers_and_records_what_arrived_next_to_which_text():
    with LocalChatServer("R12 [1]") as server:
        answer = ask(server)
    assert answer.choices[0].message.content == "R12 [1]"
    assert answer.choices[0].finish_reason == "stop"
    (call,) = server.calls
    assert [part if isinstance(part, str) else part.hash for part in call.parts] == [
        "Be brief.",
        "[1] Shelves",
        content_hash(FIRST),
        "[2] Boxes",
        content_hash(SECOND),
    ]
    first = call.images[0]
    assert (first.data, first.media_type, first.size, first.detail) == (FIRST, "image/png", (400, 120), "low")  # fmt: skip
    assert call.messages[0].role == "system"
    assert answer.usage.prompt_tokens == 2 + 4 + 200


def test_a_stream_comes_in_pieces_with_its_usage():
    with LocalChatServer("one two three", pause=0.01) as server, client(server) as made:
        stream = made.chat.completions.create(
            model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert [piece for piece in pieces if piece] == ["one", " two", " three"]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == 3


async def test_the_async_client_streams_too():
    with LocalChatServer("one two three") as server:
        async with openai.AsyncOpenAI(api_key=server.api_key, base_url=server.base_url) as made:
            stream = await made.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(pieces) == "one two three"


def test_structured_output_of_the_openai_client():
    with LocalChatServer([None, {"shelf": "R12", "boxes": [7]}]) as server, client(server) as made:
        parse = made.chat.completions.parse
        smallest = parse(model="m", messages=MESSAGES, response_format=Shelf)
        scripted = parse(model="m", messages=MESSAGES, response_format=Shelf)
    assert smallest.choices[0].message.parsed == Shelf(shelf="text", boxes=[])
    assert scripted.choices[0].message.parsed == Shelf(shelf="R12", boxes=[7])
    assert server.calls[0].schema["required"] == ["shelf", "boxes"]


def test_vllms_structured_outputs():
    with LocalChatServer(dialect="vllm") as server:
        ask(server, extra_body={"structured_outputs": {"json": Shelf.model_json_schema()}})
        assert server.calls[0].schema == Shelf.model_json_schema()
        ask(server, extra_body={"guided_json": {}})
        assert server.ignored == ["guided_json"]  # it went in vLLM 0.12
        with pytest.raises(openai.BadRequestError, match="structured_outputs"):
            ask(server, extra_body={"structured_outputs": {"json": {}, "regex": "x"}})


def test_ollama_reads_inline_images_only():
    remote = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]}]  # fmt: skip
    with LocalChatServer() as server:
        ask(server, remote)
        assert server.calls[0].images[0].url == "https://a.b/c.png"
    with LocalChatServer(dialect="ollama") as server:
        with pytest.raises(openai.BadRequestError, match="inline base64"):
            ask(server, remote)
        ask(server, extra_body={"keep_alive": 5})
        assert server.ignored == ["keep_alive"]


@pytest.mark.parametrize("dialect", ["openai", "vllm", "ollama"])
def test_a_model_for_text_refuses_images(dialect):
    with LocalChatServer(dialect=dialect, takes_images=False) as server:
        with pytest.raises(openai.BadRequestError, match="image"):
            ask(server)
        assert ask(server, MESSAGES[:1]).choices[0].message.content


def test_scripted_endings():
    replies = [
        ChatReply(refusal="I cannot help with that."),
        ChatReply("half a", finish_reason="content_filter"),
        "a loop " * 1000,
    ]
    with LocalChatServer(replies) as server:
        refused = ask(server).choices[0]
        assert (refused.message.content, refused.message.refusal) == (None, "I cannot help with that.")  # fmt: skip
        assert ask(server).choices[0].finish_reason == "content_filter"
        cut = ask(server, max_completion_tokens=10)
    assert (cut.choices[0].finish_reason, cut.usage.completion_tokens) == ("length", 10)


def test_a_function_of_the_request_answers_and_its_errors_are_told():
    def answer(request):
        return f"{len(request.images)} images" if request.model == "m" else 1 / 0

    with LocalChatServer(answer) as server:
        assert ask(server).choices[0].message.content == "2 images"
        with client(server) as made, pytest.raises(openai.InternalServerError, match="ZeroDivision"):  # fmt: skip
            made.chat.completions.create(model="other", messages=MESSAGES)


def test_faults():
    wait = Refusal(429, {"Retry-After": "0.01"}, "slow down")
    with LocalChatServer("yes", faults=[wait, "drop"]) as server:
        with client(server, max_retries=2) as made:
            answer = made.chat.completions.create(model="m", messages=MESSAGES)
        assert answer.choices[0].message.content == "yes"
        assert (len(server.requests), len(server.calls)) == (3, 1)
        server.faults = ["timeout", "missing", "no_json"]
        with client(server, timeout=0.2) as made, pytest.raises(openai.APITimeoutError):
            made.chat.completions.create(model="m", messages=MESSAGES)
        assert ask(server).choices == []
        with pytest.raises(ValueError, match="Expecting value"):
            httpx.post(f"{server.base_url}/chat/completions", json={}).json()


@pytest.mark.parametrize("fault", ["cut", "stall"])
def test_a_stream_that_breaks(fault):
    seen = []
    with (
        LocalChatServer("one two three four", faults=[fault]) as server,
        client(server, timeout=2) as made,
        made.chat.completions.create(model="m", messages=MESSAGES, stream=True) as stream,
        pytest.raises(Exception, match=r"(?i)connection error|incomplete|timed out"),
    ):
        seen.extend(chunk.choices[0].delta.content for chunk in stream)
    assert seen[:2] == ["", "one"]


def test_the_wrong_key_and_an_unknown_model_are_refused():
    with LocalChatServer(models=["other"]) as server:
        with pytest.raises(openai.NotFoundError, match="`m` does not exist"):
            ask(server)
        with client(server) as made:
            assert [model.id for model in made.models.list()] == ["other"]
        wrong = openai.OpenAI(api_key="wrong", base_url=server.base_url)
        with wrong, pytest.raises(openai.AuthenticationError):
            wrong.chat.completions.create(model="other", messages=MESSAGES)


def test_chat_openai_of_langchain():
    blocks = [
        {"type": "text", "text": "[1] Shelves"},  # create_text_block adds an id, which is refused
        {"type": "image", "base64": base64.b64encode(FIRST).decode(), "mime_type": "image/png"},
    ]
    with LocalChatServer(["R12", {"shelf": "R12", "boxes": []}, {"shelf": "R12", "boxes": [1]}]) as server:  # fmt: skip
        model = ChatOpenAI(model="m", api_key=server.api_key, base_url=server.base_url)
        assert model.invoke([HumanMessage(content_blocks=blocks)]).text == "R12"
        by_schema = model.with_structured_output(Shelf, include_raw=True)
        assert by_schema.invoke("Which?")["parsed"] == Shelf(shelf="R12", boxes=[])
        by_tool = model.with_structured_output(Shelf, method="function_calling")
        assert by_tool.invoke("Which?") == Shelf(shelf="R12", boxes=[1])
        model.root_client.close()
    assert [image.hash for image in server.calls[0].images] == [content_hash(FIRST)]
    assert server.calls[2].forced_tool == "Shelf"


def test_embeddings_of_the_same_words_are_the_same():
    with LocalChatServer(dimensions=64) as server, client(server) as made:
        found = made.embeddings.create(model="m", input=["a red pump", "pump, red: a", "snow"])
        plain = made.embeddings.create(model="m", input="a red pump", encoding_format="float")
        short = made.embeddings.create(model="m", input="a red pump", dimensions=8)
    vectors = [row.embedding for row in found.data]
    assert vectors[0] == vectors[1] != vectors[2]
    assert plain.data[0].embedding == pytest.approx(vectors[0], abs=1e-6)
    assert len(short.data[0].embedding) == 8
    assert math.fsum(value * value for value in vectors[2]) == pytest.approx(1, abs=1e-5)
    assert server.embedded[0] == ["a red pump", "pump, red: a", "snow"]


def test_langchains_embeddings():
    with LocalChatServer(dimensions=8) as server:
        embeddings = OpenAIEmbeddings(
            model="m",
            api_key=server.api_key,
            base_url=server.base_url,
            check_embedding_ctx_length=False,  # else it fetches a tokenizer
        )
        assert len(embeddings.embed_documents(["a", "b"])) == 2
        embeddings.client._client.close()


async def test_requests_at_the_same_time_are_counted():
    with LocalChatServer("yes", latency=0.05) as server:
        async with openai.AsyncOpenAI(api_key=server.api_key, base_url=server.base_url) as made:
            create = made.chat.completions.create
            began = time.perf_counter()
            await asyncio.gather(*(create(model="m", messages=MESSAGES) for _ in range(8)))
    assert time.perf_counter() - began < 2
    assert server.most_at_once > 1
