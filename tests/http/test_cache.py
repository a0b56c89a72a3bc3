"""The score cache, in memory and on disk."""

from __future__ import annotations

import contextlib
import os
import pickle
import sqlite3
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from calling import reranker_for, scores_of
from helpers import png
from hypothesis import given
from hypothesis import strategies as st

from mmrerank import (
    APIError,
    Content,
    Image,
    InvalidInputError,
    JinaReranker,
    RerankWarning,
    ScoreCache,
    VLLMReranker,
)
from mmrerank.http.limits import Limits
from mmrerank.testing import LocalRerankServer

QWEN = "Qwen/Qwen3-VL-Reranker-2B"


@pytest.fixture(params=["memory", "disk"])
def cache(request, tmp_path):
    made = ScoreCache(None if request.param == "memory" else tmp_path / "scores.sqlite")
    yield made
    made.close()


def cached_reranker(server, cache, kind=JinaReranker, **options):
    return reranker_for(server, kind, cache=cache, **options)


def test_what_is_known_is_not_sent(cache, mode, tmp_path):
    path = tmp_path / "figure.png"
    path.write_bytes(png("first"))
    documents = ["turbine", Content("a chunk", [Image.from_path(path)]), ""]
    seen = []
    with (
        LocalRerankServer() as server,
        cached_reranker(server, cache, on_usage=seen.append) as reranker,
    ):
        first = scores_of(reranker, mode, "turbine", documents)
        assert scores_of(reranker, mode, "turbine", documents) == first
        scores_of(reranker, mode, "turbine", [*documents, "one more"])
        assert [len(body["documents"]) for body in server.requests] == [3, 1]
        assert [usage.cache_hits for usage in seen] == [0, 3, 3]
        assert [usage.requests for usage in seen] == [1, 0, 1]

        path.write_bytes(png("second"))  # a changed image is a miss
        changed = scores_of(reranker, mode, "turbine", documents)
        assert len(server.requests[-1]["documents"]) == 1
        assert changed[0] == first[0]
        assert seen[-1].cache_hits == 2


@pytest.mark.parametrize(
    "change", [{"model": "other/Qwen3-VL-Reranker"}, {"instruction": "i"}, {"max_pixels": 99}]
)
def test_another_model_instruction_or_size_is_a_miss(cache, change):
    with LocalRerankServer(dialect="vllm") as server:
        for options in ({"model": QWEN}, {"model": QWEN, **change}, {"model": QWEN, **change}):
            with cached_reranker(server, cache, VLLMReranker, **options) as reranker:
                reranker.score("turbine", ["turbine"])
        assert len(server.requests) == 2


def test_another_query_is_a_miss(cache):
    with LocalRerankServer() as server, cached_reranker(server, cache) as reranker:
        assert reranker.score("turbine", ["turbine"]) == [1.0]
        assert reranker.score("else", ["turbine"]) == [0.0]


def test_scores_that_depend_on_the_other_documents_are_known_for_these_only(cache):
    with LocalRerankServer() as server, cached_reranker(server, cache, model="jina-reranker-v3") as reranker:  # fmt: skip
        for documents in (["a", "b"], ["a", "b"], ["a", "c"], ["a"]):
            reranker.score("turbine", documents)
        assert [len(body["documents"]) for body in server.requests] == [2, 2, 1]


def test_images_behind_urls_are_not_remembered(cache):
    document = Content(images=[Image.from_url("https://example.org/a.png")])
    with LocalRerankServer(lambda query, item: 0.5) as server:
        with cached_reranker(server, cache, send_urls=True) as reranker:
            reranker.score("turbine", [document, "text"])
            reranker.score("turbine", [document, "text"])
        assert [len(body["documents"]) for body in server.requests] == [2, 1]


def test_scores_paid_for_by_a_failed_call_are_cached(cache, mode):
    with LocalRerankServer(faults=[None, 400]) as server:
        with cached_reranker(server, cache, max_concurrency=1) as reranker:
            reranker.limits = Limits(documents=2)
            documents = [f"turbine {i}" for i in range(4)]
            with pytest.raises(APIError):
                scores_of(reranker, mode, "turbine", documents)
            assert scores_of(reranker, mode, "turbine", documents) == [1.0] * 4
        assert [len(body["documents"]) for body in server.requests] == [2, 2, 2]


def test_a_file_serves_several_rerankers_and_the_next_process(tmp_path):
    path = tmp_path / "scores.sqlite"
    with LocalRerankServer() as server:
        for cache in (ScoreCache(path), ScoreCache(path), pickle.loads(pickle.dumps(ScoreCache(path)))):  # fmt: skip
            with cached_reranker(server, cache) as reranker:
                assert reranker.score("turbine", ["turbine"]) == [1.0]
            cache.close()
        assert len(server.requests) == 1


def test_a_file_holds_neither_text_nor_key(tmp_path):
    path = tmp_path / "scores.sqlite"
    with LocalRerankServer() as server, cached_reranker(server, ScoreCache(path)) as reranker:
        reranker.score("confidential question", ["confidential document"])
        reranker.cache.close()
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"confidential" not in held
    assert server.api_key.encode() not in held


def test_threads_share_it(cache):
    def work(i):
        cache.put({bytes([i, j]): i + j / 100 for j in range(50)})
        return cache.get([bytes([i, j]) for j in range(50)])

    with ThreadPoolExecutor(8) as pool:
        for i, found in enumerate(pool.map(work, range(30))):
            assert found == {bytes([i, j]): i + j / 100 for j in range(50)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_the_file_itself(tmp_path):
    cache = ScoreCache(tmp_path / "scores.sqlite")
    cache.put({b"parent": 1.0})
    with cache._file.lock:  # as if another thread were writing
        child = os.fork()
        if child == 0:
            right = cache.get([b"parent"]) == {b"parent": 1.0}
            cache.put({b"child": 2.0})
            os._exit(0 if right else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert cache.get([b"parent", b"child"]) == {b"parent": 1.0, b"child": 2.0}
    cache.close()


def test_the_oldest_go_first():
    cache = ScoreCache(max_entries=3)
    for i in range(5):
        cache.put({bytes([i]): float(i)})
    assert set(cache.get(bytes([i]) for i in range(5))) == {b"\x02", b"\x03", b"\x04"}
    cache.close()


@given(
    st.dictionaries(
        st.binary(max_size=20), st.floats(allow_nan=False, allow_infinity=False), max_size=1500
    )
)
def test_it_gives_back_what_it_was_given(scores):
    cache = ScoreCache()
    cache.put(scores)
    assert cache.get([*scores, b"unknown" * 9]) == scores
    cache.close()


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be taken for one " * 50)
    for path in (tmp_path / "notes.txt", tmp_path, tmp_path / "no" / "folder" / "x.sqlite"):
        with pytest.raises(InvalidInputError, match="cannot be used as a score cache"):
            ScoreCache(path)
    with pytest.raises(InvalidInputError):
        ScoreCache(max_entries=0)


def test_a_cache_that_fails_costs_a_warning_and_no_score(tmp_path):
    cache = ScoreCache(tmp_path / "scores.sqlite")
    other = sqlite3.connect(tmp_path / "scores.sqlite")
    other.execute("DROP TABLE scores")
    other.close()
    with (
        LocalRerankServer() as server,
        cached_reranker(server, cache) as reranker,
        pytest.warns(RerankWarning, match="score cache"),
    ):
        assert reranker.score("turbine", ["turbine"]) == [1.0]
    cache.close()


@pytest.mark.parametrize("value", ["NULL", "'high'", "CAST(x'ff' AS TEXT)", "x'ff00'", "9e999"])
def test_what_is_no_finite_number_counts_as_unknown(tmp_path, value):
    cache = ScoreCache(tmp_path / "scores.sqlite")
    with LocalRerankServer() as server, cached_reranker(server, cache) as reranker:
        assert reranker.score("turbine", ["turbine", "x"]) == [1.0, 0.0]
        with contextlib.closing(sqlite3.connect(tmp_path / "scores.sqlite")) as other, other:
            other.execute(f"UPDATE scores SET score = {value}")
        assert reranker.score("turbine", ["turbine", "x"]) == [1.0, 0.0]
        assert len(server.requests) == 2
    cache.close()


def test_a_damaged_file_gives_scores_or_a_typed_error(tmp_path):
    """Bytes anywhere in the file, among them names that are no UTF-8."""
    path = tmp_path / "scores.sqlite"
    cache = ScoreCache(path)
    keys = [bytes([i]) * 16 for i in range(200)]
    cache.put(dict.fromkeys(keys, 0.5))
    cache.close()
    sound = path.read_bytes()
    places = [*range(0, 100, 3), sound.find(b"scores"), sound.find(b"CREATE"), len(sound) // 2]
    for place in places:
        path.write_bytes(sound[:place] + b"\xff\xfe\x80" + sound[place + 3 :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RerankWarning)
            try:
                damaged = ScoreCache(path)
            except InvalidInputError:
                continue
            damaged.put({keys[0]: 0.5})
            assert set(damaged.get(keys).values()) <= {0.5}
            damaged.close()


def test_a_name_that_is_no_path_is_refused():
    with pytest.raises(InvalidInputError, match="cannot be used as a score cache"):
        ScoreCache("a\0b.sqlite")


def test_keys_of_any_number_are_looked_up():
    cache = ScoreCache()
    keys = [i.to_bytes(2) for i in range(1201)]
    cache.put(dict.fromkeys(keys, 0.5))
    assert cache.get(keys) == dict.fromkeys(keys, 0.5)
    cache.close()
