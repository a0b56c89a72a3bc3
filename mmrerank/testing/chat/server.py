"""A chat and embedding server on loopback. Use it through `mmrerank.testing`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmrerank.optional import require
from mmrerank.testing.chat.replies import ChatReply, as_reply, completion, events
from mmrerank.testing.chat.requests import ChatDialect, ChatRequest, read_chat, read_embeddings
from mmrerank.testing.dialects.forms import EmbeddingForm, RefusedError, list_models
from mmrerank.testing.embeddings import embeddings_reply
from mmrerank.testing.faults import Fault, Reply, break_json
from mmrerank.testing.local_server import LocalServer
from mmrerank.types import Content

__all__ = ["LocalChatServer", "Script"]

Answer = str | Mapping[str, Any] | ChatReply | None
Script = Answer | Sequence[Answer] | Callable[[ChatRequest], Answer]

_CHAT, _EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
_EMBEDDING_FORM = EmbeddingForm(read=lambda body: [Content(t) for t in read_embeddings(body)])
_SENDING = ("slow", "slow_head", "cut", "stall")


class LocalChatServer(LocalServer):
    """A server on loopback that answers chat completions and embeddings in OpenAI's form.

    ::

        with LocalChatServer(["An old pump.", {"brief": "a pump"}], faults=[429]) as server:
            client = openai.OpenAI(api_key=server.api_key, base_url=server.base_url)
            ...
            assert [image.hash for image in server.calls[0].images] == [...]

    `reply` is what the model answers: a text, a dict (JSON, or the arguments of a function that the
    request forces), a `ChatReply`, or None for the smallest answer of the form asked for; a list of
    these, one for each request, the last for all further ones; or a function of the `ChatRequest`.
    What a function raises is answered with 500.

    A request is checked against the published schema, images included, and refused with 400 as the
    service would. `dialect` is "openai", "vllm" (which also reads `structured_outputs`) or "ollama"
    (which reads inline images only, and
    no schema with bounds from 2000 on); the last two ignore unknown fields, listed in `ignored`. With
    `takes_images=False` the model reads text only. `pause` is the time in seconds between two
    events of a stream. An embedding of the same words is the same vector, of `dimensions` numbers.
    The other options are those of `LocalServer`.

    `calls` lists the chat requests that were accepted, `embedded` the texts of each request for
    embeddings.
    """

    def __init__(
        self,
        reply: Script = None,
        *,
        dialect: ChatDialect = "openai",
        takes_images: bool = True,
        pause: float = 0.0,
        dimensions: int = 256,
        **options: Any,
    ) -> None:
        require("jsonschema")  # fails here, not in the answer to a request
        super().__init__(**options)
        self.calls: list[ChatRequest] = []
        self.embedded: list[list[str]] = []
        self.ignored: list[str] = []
        self._script = reply if callable(reply) else _in_turn(reply)
        self.dialect, self.takes_images = dialect, takes_images
        self.pause, self.dimensions = pause, dimensions

    @property
    def base_url(self) -> str:
        """The address as clients of OpenAI want it, with `/v1`."""
        return f"{self.url}/v1"

    def _has_path(self, path: str) -> bool:
        return path in (_CHAT, _EMBEDDINGS)

    def _list_models(self, names: Sequence[str]) -> Any:
        return list_models(names)

    def _answer(self, path: str, body: Any, fault: Fault | None) -> Reply:
        try:
            if path == _EMBEDDINGS:
                return self._embed(body, fault)
            request, ignored = read_chat(
                body, self.dialect, path=path, takes_images=self.takes_images
            )
        except RefusedError as error:
            return self._error(400, "invalid_value", str(error))
        if self.models is not None and request.model not in self.models:
            message = f"The model `{request.model}` does not exist"
            return self._error(404, "model_not_found", message)
        with self._lock:
            self.calls.append(request)
            self.ignored += ignored
        try:
            reply = as_reply(self._script(request), request)
        except Exception as error:  # of the test's own function
            return self._error(500, "script", f"{type(error).__name__}: {error}")
        return self._send(reply, request, fault)

    def _send(self, reply: ChatReply, request: ChatRequest, fault: Fault | None) -> Reply:
        if not request.body.get("stream"):
            answer = completion(reply, request)
            return break_json({**answer, "choices": []} if fault == "missing" else answer, fault)
        return Reply(
            events=events(reply, request),
            media_type="text/event-stream",
            pause=self.pause,
            fault=fault if isinstance(fault, str) and fault in _SENDING else "",
        )

    def _embed(self, body: Any, fault: Fault | None) -> Reply:
        contents = _EMBEDDING_FORM.read(body)
        with self._lock:
            self.embedded.append([content.text or "" for content in contents])
        return embeddings_reply(_EMBEDDING_FORM, body, contents, self.dimensions, fault)

    def _error(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> Reply:
        kind = "invalid_request_error" if status < 500 else "server_error"
        error = {"message": message, "type": kind, "param": None, "code": code}
        return Reply(status, json.dumps({"error": error}).encode(), headers or {})


def _in_turn(replies: Answer | Sequence[Answer]) -> Callable[[ChatRequest], Answer]:
    """One reply for each request, the last for all further ones."""
    left: list[Answer] = list(replies) if isinstance(replies, (list, tuple)) else [replies]  # type: ignore[list-item]
    lock = threading.Lock()

    def answer(request: ChatRequest) -> Answer:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return answer
