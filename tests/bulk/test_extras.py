"""Captions and warming: done once for each document, noticed where something is left to do."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from cli_helpers import make_pdf
from helpers import image_file

from mmrerank.bulk import Step
from mmrerank.captioning import Captioner, OpenAICaptions
from mmrerank.testing import LocalChatServer

SAID = {
    "text_in_image": [],
    "data_points": [],
    "brief": "A sailing boat in a harbour.",
    "detailed": "A boat with two masts, at anchor.",
    "keywords": ["ship", "yacht"],
}


@pytest.fixture
def pictures(docs):
    make_pdf(docs / "a.pdf", "Hall a. See Figure 1.", image=image_file((300, 100), "red"))
    make_pdf(docs / "b.pdf", "Hall b. See Figure 1.", image=image_file((300, 100), "blue"))
    return docs


def captioner(server, cache, key):
    client = OpenAICaptions("teller", base_url=server.base_url, api_key=key, max_retries=0)
    return Captioner(client, cache=cache)


def step(server, tmp_path, key=None):
    cache = tmp_path / "captions.sqlite3"
    return Step(partial(captioner, server, cache, key or server.api_key), "teller")


def statuses(found):
    return {name: one[0] for name, one in found.items()}


@pytest.mark.slow
def test_captions_are_found_by_a_search(actor, outcomes, pictures, opened, tmp_path):
    with LocalChatServer(SAID) as server:
        given = step(server, tmp_path)
        assert statuses(outcomes(actor(captions=given))) == {"a.pdf": "written", "b.pdf": "written"}
        assert len(server.calls) == 2
        assert statuses(outcomes(actor(captions=given))) == {"a.pdf": "known", "b.pdf": "known"}
        assert len(server.calls) == 2
    hits = opened().search("sailing yacht", routes=["captions"])
    assert {Path(hit.source).name for hit in hits} == {"a.pdf", "b.pdf"}


def test_captions_of_documents_that_are_in_the_index(actor, outcomes, pictures, opened, tmp_path):
    outcomes(actor())
    with LocalChatServer(SAID) as server:
        outcomes(actor(captions=step(server, tmp_path)))
    assert opened().search("sailing yacht", routes=["captions"])


@pytest.mark.slow
def test_a_server_that_fails_leaves_the_documents_to_the_next_run(
    actor, outcomes, pictures, tmp_path
):
    with LocalChatServer(SAID, faults=[500, 500]) as server:
        found = outcomes(actor(captions=step(server, tmp_path)))
    assert statuses(found) == {"a.pdf": "failed", "b.pdf": "failed"}
    assert "no caption of 1 of its images" in found["a.pdf"][1]
    with LocalChatServer(SAID) as server:
        found = outcomes(actor(captions=step(server, tmp_path)))
        assert statuses(found) == {"a.pdf": "known", "b.pdf": "known"}
        assert len(server.calls) == 2


@pytest.mark.slow
def test_a_wrong_key_ends_the_work(actor, outcomes, pictures, tmp_path):
    with LocalChatServer(SAID) as server:
        found = outcomes(actor(captions=step(server, tmp_path, "another")))
    assert statuses(found) == {"a.pdf": "stopped", "b.pdf": "stopped"}


@pytest.mark.slow
@pytest.mark.parametrize("states", ["vision", "all"])
def test_warming_writes_states_that_another_machine_reads(
    actor, outcomes, pictures, opened, url, states
):
    from golden_cases import load

    from mmrerank.local import Reuse

    reuse = Reuse(remote=url, remote_states=states)
    warming = Step(partial(load, "jina-reranker-m0", reuse=reuse), f"m0 {states}")
    assert statuses(outcomes(actor(warming=warming))) == {"a.pdf": "written", "b.pdf": "written"}
    index = opened()
    with load("jina-reranker-m0", reuse=reuse) as reranker:
        with_states = index.search("hall", reranker)
        assert reranker.cache_info().remote_hits > 0
    with load("jina-reranker-m0") as reranker:
        without = index.search("hall", reranker)
    assert [hit.source for hit in with_states] == [hit.source for hit in without]
    for ours, theirs in zip(with_states, without, strict=True):
        assert ours.score == pytest.approx(theirs.score, abs=1e-5)
    again = actor(warming=warming)
    assert statuses(outcomes(again)) == {"a.pdf": "known", "b.pdf": "known"}
