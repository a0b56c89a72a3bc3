"""The walk through the layers: scores with gradients, attention of the caller's own, states."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from golden_cases import cases, content, options

from mmrerank.fusion import sigmoid
from mmrerank.local.compute.attention import sdpa
from mmrerank.local.compute.states import Block, State

CASES = {"jina-reranker-m0": 1, "qwen3-reranker": 0, "qwen3-vl-reranker": 1}


@pytest.fixture
def packed(loaded, name):
    """A model, two of its golden prompts in one batch, and the usual scores of these.

    Scored before they are packed, so that the images' features come from the cache.
    """
    case = cases(name)[CASES[name]]
    reranker = loaded(name, **options(case))
    query, documents = content(case["query"]), [content(d) for d in case["documents"][:2]]
    usual = reranker.score(query, documents)
    prompts, _ = reranker._prompts(query, documents)
    return reranker, reranker._engine.pack_whole(prompts), usual


def test_gradients_flow_to_the_embeddings(packed):
    reranker, batch, usual = packed
    engine = reranker._engine
    embeddings = batch.embeddings.detach().clone().requires_grad_()
    hidden = engine.decoder.last_hidden(replace(batch, embeddings=embeddings))
    logits = engine.head(hidden.float())
    logits.sum().backward()
    assert [sigmoid(logit) for logit in logits.tolist()] == pytest.approx(usual, abs=1e-5)
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()
    rows = [rectangle.width for rectangle in batch.rectangles]
    for tokens in embeddings.grad[: sum(rows)].split(rows):  # of every prompt, every token
        assert (tokens.abs().sum(dim=1) > 0).all()
    assert not embeddings.grad[sum(rows) :].any()  # what only fills the batch has no influence


def test_the_attention_may_be_the_callers_own(packed):
    """Written out, so that the weights can be looked at and have gradients."""
    reranker, batch, usual = packed
    engine, seen = reranker._engine, []

    def attend(q, k, v, *, mask=None, causal=False):
        group = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
        if causal:
            mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril()
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = scores.softmax(dim=3).requires_grad_()
        seen.append(weights)
        return weights @ v

    logits = engine.head(engine.decoder.last_hidden(batch, attend=attend).float())
    assert [sigmoid(logit) for logit in logits.tolist()] == pytest.approx(usual, abs=1e-5)
    gradients = torch.autograd.grad(logits.sum(), seen)
    assert len(gradients) == len(engine.decoder._model.layers) * len(batch.rectangles)
    assert all(torch.isfinite(g).all() and g.any() for g in gradients)


def test_the_default_attention_is_that_of_torch(packed):
    reranker, batch, _ = packed
    decoder = reranker._engine.decoder
    with torch.inference_mode():
        given = decoder.last_hidden(batch, attend=sdpa)
        assert torch.equal(given, decoder.last_hidden(batch))


def test_a_state_in_int8_is_close():
    torch.manual_seed(0)
    state = State(torch.randn(2, 2, 3, 5, 8))
    small = state.in_int8()
    assert (small.kv.dtype, small.tokens) == (torch.int8, 5)
    assert torch.allclose(small.dense(torch.float32), state.kv, atol=0.02)
    keys, values = small.layer(1, torch.float32)
    assert torch.equal(torch.stack((keys, values)), small.dense(torch.float32)[1])


def test_the_head_of_a_state_is_not_copied():
    state = State(torch.randn(1, 2, 1, 5, 4))
    assert state.head(5) is state
    assert state.head(2).tokens == 2
    assert state.head(2).kv.data_ptr() == state.kv.data_ptr()


def test_a_block_aligns_states_to_the_right():
    states = [State(torch.ones(1, 2, 1, tokens, 4)) for tokens in (3, 1)]
    block = Block.of(states, (2, 1), torch.float32)
    assert block.kv.shape == (1, 2, 2, 1, 5, 4)
    assert block.kv[0, 0, :, 0, :, 0].tolist() == [[1, 1, 1, 0, 0], [0, 0, 1, 0, 0]]
    assert block.mask[1, 0].tolist() == [
        [False, False, True, True, False],
        [False, False, True, True, True],
    ]
    assert block.last[:, 0, 0].tolist() == [
        [True, True, True, True, True],
        [False, False, True, True, False],  # behind its only token is padding
    ]
