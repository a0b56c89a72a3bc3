"""Chat completions from a hostile server: an answer, a caption or a typed error, never the key."""

from __future__ import annotations

import json
import threading
import traceback
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from helpers import png

from mmrerank.answers.chunks import Chunk, ChunkImage
from mmrerank.answers.openai_chat import OpenAIChat
from mmrerank.answers.prompt import PromptBuilder
from mmrerank.captioning import Captioner, OpenAICaptions
from mmrerank.errors import InvalidResponseError, RerankError
from mmrerank.types import Image

pytest.importorskip("openai")

KEY = "geheim-0123456789"
IMAGE = Image.from_bytes(png("R12"))
CAPTION = {"text_in_image": ["R12"], "data_points": [], "brief": "b", "detailed": "d", "keywords": []}  # fmt: skip


@contextmanager
def answering(status, kind, body):
    """The address of a server that answers every request with `body`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def ask(status, kind, body):
    image = ChunkImage(image=IMAGE, ref="a.png")
    prompt = PromptBuilder().build("Which shelf?", [Chunk(text="t", images=(image,))])
    with (
        answering(status, kind, body) as url,
        OpenAIChat("m", base_url=url, api_key=KEY, max_retries=0) as chat,
    ):
        return list(chat.stream(prompt))


def caption(tmp_path, message, **facts):
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps({"id": "x", "choices": [choice], **facts}).encode()
    with answering(200, "application/json", body) as url:
        model = OpenAICaptions("m", base_url=url, api_key=KEY, max_retries=0)
        (found,) = Captioner(model, cache=tmp_path / "cache").caption([IMAGE])
        model.close()
    return found


def test_a_refusal_of_images_that_echoes_the_key_does_not_show_it():
    body = json.dumps({"error": {"message": f"no images for Bearer {KEY}"}}).encode()
    with pytest.raises(RerankError, match="no images for") as caught:
        ask(400, "application/json", body)
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("piece", [5, ["x"], {"text": "x"}])
def test_a_piece_of_an_answer_is_a_text(piece):
    chunk = {"id": "x", "choices": [{"index": 0, "delta": {"content": piece}}]}
    with pytest.raises(InvalidResponseError, match="not a text"):
        ask(200, "text/event-stream", b"data: %b\n\n" % json.dumps(chunk).encode())


@pytest.mark.parametrize("content", [json.dumps(CAPTION), CAPTION, [{"type": "text", "text": json.dumps(CAPTION)}]])  # fmt: skip
def test_a_caption_comes_as_text_as_an_object_or_in_parts(tmp_path, content):
    usage = {"prompt_tokens": "many", "completion_tokens": {}}
    found = caption(tmp_path, {"role": "assistant", "content": content}, usage=usage)
    assert found.caption.text_in_image == ("R12",)


@pytest.mark.parametrize("message", [None, {"content": [None, 5]}, {"content": []}])
def test_a_message_that_says_nothing_is_a_caption_error(tmp_path, message):
    assert "empty" in str(caption(tmp_path, message).error)
