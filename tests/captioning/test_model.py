"""Caption models are anybody's: whatever they do costs one image and has a type."""

from __future__ import annotations

import json

import pytest
from helpers import png

from mmrerank import APIError, Image
from mmrerank.captioning import Captioner, CaptionReply
from mmrerank.errors import InvalidResponseError

CAPTION = {"text_in_image": [], "data_points": [], "brief": "A boat.", "detailed": "", "keywords": []}  # fmt: skip
GOOD = CaptionReply(content=json.dumps(CAPTION))


class Odd:
    """A model that answers the first request oddly."""

    name = "odd"

    def __init__(self, answer):
        self._answers = [answer]

    def caption(self, _):
        answer = self._answers.pop() if self._answers else GOOD
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ZeroDivisionError("by zero"), APIError),
        (None, InvalidResponseError),
        (CaptionReply(content=b"{}"), InvalidResponseError),
        (CaptionReply(content="{}", input_tokens="9", output_tokens=1), InvalidResponseError),
    ],
)
def test_an_odd_answer_costs_its_image_only(tmp_path, answer, kind):
    captioner = Captioner(Odd(answer), cache=tmp_path / "cache", max_concurrency=1)
    bad, good = captioner.caption([Image.from_bytes(png(name)) for name in "ab"])
    assert type(bad.error) is kind
    assert "odd" in str(bad.error)
    assert good.caption.brief == "A boat."
