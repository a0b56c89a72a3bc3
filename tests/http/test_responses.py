"""Answers: scores in order, errors with all that they say, pauses that are asked for."""

from __future__ import annotations

import math
import time
from email.utils import formatdate

import pytest
from calling import (
    DOCUMENTS,
    fault_name,
    reranker_for,
)

from mmrerank import (
    APIError,
    AuthenticationError,
    InvalidResponseError,
    RateLimitError,
)
from mmrerank.http.masking import Mask
from mmrerank.http.responses import (
    decode_answer,
    read_error,
    requested_pause,
    scores_by_index,
    to_error,
)
from mmrerank.http.wire import Response
from mmrerank.testing import Refusal

FINAL = [
    (400, APIError),
    (401, AuthenticationError),
    (403, AuthenticationError),
    (404, APIError),
    (422, APIError),
    (Refusal(429, {"Retry-After": "3600"}), RateLimitError),
    (Refusal(307, {"Location": "http://127.0.0.2:9/elsewhere"}), APIError),
    (Refusal(302, {"Location": "/v1/rerank"}), APIError),
    ("truncated", InvalidResponseError),
    ("no_json", InvalidResponseError),
    ("deep", InvalidResponseError),
    ("form", InvalidResponseError),
    ("missing", InvalidResponseError),
    ("repeated", InvalidResponseError),
    ("foreign", InvalidResponseError),
    ("nan", InvalidResponseError),
    ("huge", InvalidResponseError),
]


@pytest.mark.parametrize(("fault", "error"), FINAL, ids=fault_name)
def test_a_permanent_fault_is_raised_at_once(server, fault, error, no_waiting):
    server.faults = [fault]
    with reranker_for(server) as reranker:
        with pytest.raises(error) as caught:
            reranker.score("turbine", DOCUMENTS)
        assert type(caught.value) is error
        assert len(server.requests) == 1
        assert reranker._connection.limits.slots._free == 5
        assert reranker.score("turbine torque", DOCUMENTS)[0] == 1.0


def test_what_a_service_echoes_is_cleaned(server):
    uri = "data:image/png;base64," + "iVBORw0KGgo" * 30
    server.faults = [
        Refusal(422, message=f"bad: {uri} from {server.api_key}, and long {'x ' * 999}")
    ]
    with reranker_for(server) as reranker, pytest.raises(APIError) as caught:
        reranker.score("turbine", DOCUMENTS)
    assert "bad: ... from ***, and long" in str(caught.value)
    assert len(str(caught.value)) < 800


BODIES = [
    ({"detail": {"message": "m", "request_id": "r", "code": "c"}}, ("m", "c", "r")),
    ({"detail": "m", "code": "c", "request_id": "r"}, ("m", "c", "r")),
    ({"error": {"message": "m", "type": "BadRequestError", "code": 400}}, ("m", "400", None)),
    ({"error": "m", "error_type": "Validation"}, ("m", "Validation", None)),
    ({"message": "m"}, ("m", None, None)),
    ({"code": "c", "message": "m", "request_id": "r"}, ("m", "c", "r")),
    (
        {"detail": [{"loc": ["body", "query"], "msg": "Field required", "input": "SECRET"}]},
        ("body.query: Field required", None, None),
    ),
    ("<html>", ("<html>", None, None)),
    ([], ("[]", None, None)),
    (None, ("None", None, None)),
]


@pytest.mark.parametrize(("body", "facts"), BODIES)
def test_the_forms_of_errors(body, facts):
    assert read_error(body) == facts


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1_000"}, None),
        ({"retry-after": "9" * 90_000}, None),
        ({"retry-after": "9" * 90_000 + "s"}, None),
        ({"retry-after": "1s" * 45_000}, None),
        ({"retry-after": "(" * 90_000}, None),
        ({"retry-after": "Wed, 21 Oct 99999999999999 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 +999999999999999"}, None),
        ({"retry-after": ","}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9" * 90_000}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2.5s"}, 62.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "250ms"}, 0.25),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "60"}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "7"}, 7.0),
        ({"x-ratelimit-remaining-requests": "0"}, None),
    ],
)
def test_what_an_answer_asks_to_wait(headers, seconds):
    start = time.monotonic()
    assert requested_pause(headers) == seconds
    assert time.monotonic() - start < 0.5  # linear in the header's length


def test_a_date_to_wait_until():
    assert requested_pause({"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"}) > 1e9
    asked = requested_pause({"retry-after": formatdate(time.time() + 30, usegmt=True)})
    assert 28 < asked <= 30


def test_scores_come_in_the_order_of_the_documents():
    assert scores_by_index([(2, 0.1), (0, 1), (1, -3.5)], 3, "m") == [1.0, -3.5, 0.1]


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([(0, 0.5)], "1 of 2 documents got no score, the first is 1"),
        ([(0, 0.5), (0, 0.5)], "index 0 is given twice"),
        ([(0, 0.5), (2, 0.5)], "index 2 does not belong to any of the 2"),
        ([(0, 0.5), (True, 0.5)], "index True"),
        ([("0", 0.5), (1, 0.5)], "index a str"),
        ([(0, math.nan), (1, 0.5)], "the score of index 0 is nan"),
        ([(0, True), (1, 0.5)], "the score of index 0 is True"),
        ([(0, 10**400), (1, 0.5)], "the score of index 0 is a number that is too large"),
        ([(0, "a secret"), (1, 0.5)], "the score of index 0 is a str"),
    ],
)
def test_scores_that_are_not_one_finite_number_each_are_refused(pairs, reason):
    with pytest.raises(InvalidResponseError, match=rf"^m: {reason}"):
        scores_by_index(pairs, 2, "m")


def test_an_answer_of_another_structure_is_named():
    with pytest.raises(InvalidResponseError, match=r"^m: .*structure: KeyError"):
        decode_answer(lambda body: body["results"], Response(200, {}, b"{}"), "m")
    assert decode_answer(lambda body: (body, None), Response(200, {}, b"[]"), "m") == ([], 0)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, APIError), (401, AuthenticationError), (403, AuthenticationError), (500, APIError)],
)
def test_an_error_is_made_with_all_that_the_answer_says(status, kind):
    body = b'{"message": "no k3y", "code": "c", "request_id": "r"}'
    error = to_error(Response(status, {}, body), read_error, "m", Mask(["k3y"]))
    assert type(error) is kind
    assert (error.status_code, error.code, error.request_id) == (status, "c", "r")
    assert error.args == ("m: no ***",)


def test_a_rate_limit_error_says_how_long_to_wait():
    body = b'{"message": "slow down", "code": "c", "request_id": "r"}'
    error = to_error(Response(429, {"retry-after": "7"}, body), read_error, "m")
    assert isinstance(error, RateLimitError)
    assert (error.retry_after, error.code, error.request_id) == (7.0, "c", "r")
