"""Infinity's own server on loopback, with a tiny random checkpoint on a CPU.

Its requirements (transformers < 4.49, numpy < 2) do not go with ours, so it lives in an environment
of its own: `make infinity` sets it up and runs this file. Without it these tests are skipped.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from calling import scores_of
from letter_bert import random_cross_encoder

from mmrerank import APIError, InfinityReranker
from mmrerank.http.limits import Limits

ROOT = Path(__file__).parents[2]
COMMAND = Path(
    os.environ.get("MMRERANK_INFINITY", ROOT / ".venv-infinity" / "bin" / "infinity_emb")
)
DOCUMENTS = [
    "the torque of a turbine",
    "a gauge",
    "",
    "turbine 😀 été",
    "x" * 3000,
    "a gauge",
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not COMMAND.exists(), reason="Infinity is not there: make infinity"),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A cross-encoder of two layers with random weights and letters for words."""
    folder = tmp_path_factory.mktemp("checkpoint")
    return random_cross_encoder(folder, hidden=32, layers=2, heads=2, initializer_range=1.0)


@pytest.fixture(scope="module")
def server(checkpoint):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--model-id {checkpoint} --served-model-name tiny --engine torch --device cpu --no-bettertransformer --no-model-warmup --host 127.0.0.1 --port {port} --api-key test-key"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
    with subprocess.Popen(
        [COMMAND, "v2", *options.split()],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield _when_ready(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()


def _when_ready(url, process):
    for _ in range(240):
        try:
            if httpx.get(f"{url}/health", timeout=1).status_code == 200:
                return url
        except httpx.HTTPError:
            assert process.poll() is None, "Infinity has ended"
        time.sleep(0.25)
    pytest.fail("Infinity did not start within a minute")


@pytest.fixture(scope="module")
def expected(checkpoint):
    """The scores by the model itself: the sigmoid of its logit for each pair."""
    import torch
    from transformers import BertForSequenceClassification, BertTokenizer

    model = BertForSequenceClassification.from_pretrained(checkpoint).eval()
    tokenizer = BertTokenizer(str(checkpoint / "vocab.txt"))
    scores = []
    for text in DOCUMENTS:
        pair = tokenizer(
            "turbine torque", text, truncation=True, max_length=512, return_tensors="pt"
        )
        with torch.no_grad():
            scores.append(float(torch.sigmoid(model(**pair).logits)) if text else 0.0)
    return scores


def test_scores_are_those_of_the_model(server, expected, mode):
    with InfinityReranker("tiny", base_url=server, api_key="test-key") as reranker:
        assert scores_of(reranker, mode, "turbine torque", DOCUMENTS) == pytest.approx(expected, abs=1e-5)  # fmt: skip


def test_splitting_changes_no_score(server, expected, mode):
    seen = []
    with InfinityReranker(
        "tiny", base_url=server, api_key="test-key", on_usage=seen.append
    ) as reranker:
        reranker.limits = Limits(documents=2)
        assert scores_of(reranker, mode, "turbine torque", DOCUMENTS) == pytest.approx(expected, abs=1e-5)  # fmt: skip
    assert seen[0].requests == 2  # five texts, one of them twice, one blank
    assert seen[0].total_tokens > 0


@pytest.mark.parametrize(
    ("path", "key", "status"), [("", "wrong", (401, 403)), ("/nowhere", "test-key", (404,))]
)
def test_errors_are_read(server, mode, path, key, status):
    with (
        InfinityReranker("tiny", base_url=server + path, api_key=key) as reranker,
        pytest.raises(APIError) as caught,
    ):
        scores_of(reranker, mode, "turbine", DOCUMENTS)
    assert caught.value.status_code in status
    assert "no reason given" not in str(caught.value)
