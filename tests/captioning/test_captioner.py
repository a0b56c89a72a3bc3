"""Captions of many images, asked of the chat server: budgets, faults, bad answers, and the cache."""

from __future__ import annotations

import threading
import time

import pytest
from helpers import image_file

from mmrerank import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    CaptionError,
    Image,
    ImageError,
    InvalidInputError,
    StoreError,
    UnsupportedModalityError,
)
from mmrerank.captioning import Caption, Captioner, OpenAICaptions
from mmrerank.testing import ChatReply, LocalChatServer, Refusal

GOOD = {
    "text_in_image": ["R12"],
    "data_points": [],
    "brief": "A shelf.",
    "detailed": "A shelf with boxes.",
    "keywords": ["shelf"],
}
QUICK = Refusal(503, {"Retry-After": "0.01"})


def images(count):
    return [Image.from_bytes(image_file((40 + i, 30))) for i in range(count)]


def about(request):
    """A caption that names the image by its width."""
    return {**GOOD, "brief": f"{request.images[0].size[0]} wide"}


@pytest.fixture
def ask(tmp_path):
    """`ask(server, ...)` makes a captioner whose cache outlives it."""
    made = []

    def make(server, *, retries=0, timeout=5.0, model="m", **options):
        model = OpenAICaptions(
            model, base_url=server.base_url, api_key=server.api_key, max_retries=retries, timeout=timeout
        )  # fmt: skip
        made.append(Captioner(model, **{"cache": tmp_path / "captions.sqlite3", **options}))
        return made[-1]

    yield make
    for captioner in made:
        captioner.model.close()
        captioner.cache.close()


def test_each_image_gets_its_own_caption_and_equal_ones_are_asked_about_once(ask):
    given = images(12)
    with LocalChatServer(about, latency=0.02) as server:
        captioner = ask(server, max_concurrency=4)
        found = captioner.caption([*given, given[3]])
        assert [one.caption.brief for one in found[:12]] == [f"{40 + i} wide" for i in range(12)]
        assert found[12].caption == found[3].caption
        assert len(server.calls) == 12
        assert 2 <= server.most_at_once <= 4
        assert all(len(call.images) == 1 for call in server.calls)
        again = ask(server).caption(given)
        assert all(one.is_known for one in again)
        assert len(server.calls) == 12


def test_another_model_prompt_or_language_asks_again(ask):
    with LocalChatServer(about) as server:
        for options in ({}, {"model": "n"}, {"language": "German"}, {"prompt": "Say JSON."}, {}):
            ask(server, **options).caption(images(1))
        assert len(server.calls) == 4
        assert "German" in server.calls[2].text
        assert server.calls[3].text == "Say JSON."


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("Just prose.", GOOD, "A shelf."),
        (ChatReply(refusal="No."), GOOD, "A shelf."),
        ("a loop " * 5000, GOOD, "A shelf."),
        ({**GOOD, "detailed": "and on " * 100}, GOOD, "A shelf."),
        ("", GOOD, "A shelf."),
        ("Prose.", "Prose about R12.", "Prose about R12."),
        ("a loop " * 5000, "a shelf " * 5000, "a shelf"),
        (ChatReply(refusal="No."), ChatReply(refusal="Never."), "refused: Never."),
        ("", "", "the answer is empty"),
        (ChatReply("half", finish_reason="content_filter"), ChatReply("", finish_reason="content_filter"), "content filter"),
        ("I'm sorry, I can't help.", "I'm sorry, I can't help.", "refused"),
    ],
)  # fmt: skip
def test_a_bad_answer_is_asked_for_once_more_then_kept_as_it_is(ask, first, second, expected):
    with LocalChatServer([first, second]) as server:
        (found,) = ask(server).caption(images(1))
        assert len(server.calls) == 2
        assert "could not be used" in server.calls[1].text
        assert server.calls[1].max_tokens < server.calls[0].max_tokens
        if found.caption is None:
            assert isinstance(found.error, CaptionError)
            assert expected in str(found.error)
        else:
            assert expected in found.caption.text
            assert found.caption.is_plain == (second is not GOOD)
        (again,) = ask(server).caption(images(1))
        assert (again.caption, str(again.error)) == (found.caption, str(found.error))
        assert len(server.calls) == 2  # it was answered


def test_a_request_that_failed_costs_its_image_only_and_is_asked_again(ask):
    with LocalChatServer(about, faults=[500]) as server:
        captioner = ask(server, max_concurrency=1)
        first, second = captioner.caption(images(2))
        assert isinstance(first.error, APIError)
        assert second.caption.brief == "41 wide"
        assert [one.caption.brief for one in captioner.caption(images(2))] == ["40 wide", "41 wide"]
        assert len(server.requests) == 3


def test_the_client_tries_again(ask):
    with LocalChatServer(about, faults=[QUICK, Refusal(429, {"Retry-After": "0.01"})]) as server:
        (found,) = ask(server, retries=2).caption(images(1))
    assert found.caption


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("timeout", APITimeoutError), ("drop", APIConnectionError), ("no_json", APIError), ("cut", APIError), ("truncated", APIError)],
)  # fmt: skip
def test_faults_of_the_wire_are_typed(ask, fault, kind):
    with LocalChatServer(about, faults=[fault]) as server:
        (found,) = ask(server, timeout=0.5).caption(images(1))
    assert isinstance(found.error, kind), found


@pytest.mark.parametrize("fault", ["missing", "form"])
def test_an_answer_without_choices_is_empty(ask, fault):
    with LocalChatServer(about, faults=[fault, fault]) as server:
        (found,) = ask(server).caption(images(1))
    assert "empty" in str(found.error)


def test_what_every_request_would_meet_ends_the_work(ask):
    with LocalChatServer(about, takes_images=False) as server:
        with pytest.raises(UnsupportedModalityError, match="does not read images"):
            ask(server, max_concurrency=1).caption(images(5))
        assert len(server.requests) <= 2
    with (
        LocalChatServer(about, models=["other"]) as server,
        pytest.raises(InvalidInputError, match="no such model"),
    ):
        ask(server).caption(images(5))
    with LocalChatServer(about) as server:
        server.api_key = "another-key-entirely"
        captioner = ask(server)
        server.api_key = "test-key"
        with pytest.raises(AuthenticationError) as caught:
            captioner.caption(images(5))
    assert "another-key-entirely" not in str(caught.value)


def test_a_service_that_is_down_is_given_up(ask):
    with LocalChatServer(about, fault_rate=1.0, random_faults=[500]) as server:
        with pytest.raises(APIError, match="500"):
            ask(server, max_concurrency=2).caption(images(40))
        assert len(server.requests) <= 14


def test_budgets(ask):
    given = images(6)
    with LocalChatServer(about) as server:
        found = ask(server, max_images=2).caption(given)
        assert [one.caption is not None for one in found] == [True, True, *[False] * 4]
        assert all(one.error is None for one in found)
        found = ask(server, max_tokens=1500, max_concurrency=1).caption(given)
        assert 3 <= sum(one.caption is not None for one in found) < 6
        found = ask(server).caption(given)  # the next time goes on
        assert all(one.caption for one in found)
        assert len(server.calls) == 6


def test_nothing_begins_after_the_deadline(ask):
    with LocalChatServer(about, latency=0.3) as server:
        began = time.monotonic()
        found = ask(server, deadline=0.5, max_concurrency=1).caption(images(20))
        assert time.monotonic() - began < 2
        assert 1 <= sum(one.caption is not None for one in found) <= 2
        assert len(server.requests) <= 3


def test_the_cost_is_estimated_and_nothing_is_sent(ask):
    with LocalChatServer(about) as server:
        captioner = ask(server)
        captioner.caption(images(1))
        cost = captioner.cost([*images(3), images(1)[0], Image.from_bytes(b"no image")])
        assert (cost.images, cost.known, cost.requests) == (3, 1, 2)
        assert cost.input_tokens > 2 * 200
        assert "2 requests" in str(cost)
        assert len(server.requests) == 1


def test_an_image_that_cannot_be_read_is_reported(ask, tmp_path):
    broken = image_file()[:-20]
    with LocalChatServer(about) as server:
        given = [Image.from_path(tmp_path / "gone.png"), *images(1), Image.from_bytes(broken)]
        gone, good, damaged = ask(server).caption(given)
    assert isinstance(gone.error, ImageError)
    assert isinstance(damaged.error, ImageError)
    assert good.caption


def test_a_large_image_is_shrunk(ask):
    with LocalChatServer(about) as server:
        ask(server, max_pixels=10_000).caption([Image.from_bytes(image_file((1000, 500)))])
        width, height = server.calls[0].images[0].size
    assert width * height <= 10_000


def test_a_text_model_says_the_dialect_to_use(ask):
    refusal = Refusal(400, message="response_format json_schema is unavailable")
    with (
        LocalChatServer(about, faults=[refusal]) as server,
        pytest.raises(InvalidInputError, match='dialect="text"'),
    ):
        ask(server).caption(images(1))


@pytest.mark.parametrize(
    "options", [{"max_concurrency": 0}, {"max_images": 0}, {"deadline": 0}, {"max_tokens": 1.5}]
)
def test_options_that_cannot_be_used(ask, options):
    with LocalChatServer() as server, pytest.raises(InvalidInputError, match="must be"):
        ask(server, **options)


def test_a_cache_that_cannot_be_written_is_an_error_before_anything_is_paid(ask, tmp_path):
    (tmp_path / "file").write_bytes(b"no database, but long enough to be taken for one" * 30)
    with LocalChatServer() as server, pytest.raises(StoreError, match="cannot be kept"):
        ask(server, cache=tmp_path / "file")


def test_two_captioners_share_a_cache(ask):
    with LocalChatServer(about, latency=0.01) as server:
        threads = [
            threading.Thread(target=ask(server).caption, args=(images(10),)) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(isinstance(one.caption, Caption) for one in ask(server).caption(images(10)))
