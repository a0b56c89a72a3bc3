"""A packed batch has each prompt's own tokens, positions and images."""

from __future__ import annotations

import torch
from golden_cases import golden_image

from mmrerank.local.compute.batching import Rectangle
from mmrerank.local.compute.packing import pack
from mmrerank.types import Content


def test_rows_follow_each_other(loaded):
    reranker = loaded("jina-reranker-m0")
    engine = reranker._engine
    documents = [Content("a text"), Content(images=[golden_image("0_56x56.png")])]
    prompts, _ = reranker._prompts(Content("q"), documents)
    lengths = [len(prompt) - 2 for prompt in prompts]
    features = engine._features(prompts)
    features.read([0, 1])
    batch = pack(
        engine.decoder,
        prompts,
        [Rectangle((1,), (lengths[1],)), Rectangle((0,), (lengths[0],))],
        features,
        device=engine.device,
        skip=2,
        starts=[0, 5],
        total=sum(lengths) + 7,
    )
    assert batch.embeddings.shape[0] == sum(lengths) + 7
    assert batch.last.tolist() == [lengths[1] - 1, sum(lengths) - 1]
    (placed,) = prompts[1].images
    begin = placed.start - 2
    assert batch.image_rows.tolist() == list(range(begin, begin + placed.part.tokens))
    assert torch.equal(batch.embeddings[batch.image_rows], features[placed.part].tokens)
    positions = batch.positions.numpy()
    assert (positions[:, : lengths[1]] == prompts[1].positions()[:, 2:] + 5).all()
    text = engine.decoder.embed(torch.tensor(prompts[0].ids[2:]))
    assert torch.equal(batch.embeddings[lengths[1] : sum(lengths)], text)


def test_an_image_may_be_cut_in_two(loaded):
    """A prefix may end inside of an image."""
    reranker = loaded("qwen3-vl-reranker")
    engine = reranker._engine
    image = Content(images=[golden_image("1_300x200.png")])
    prompts, _ = reranker._prompts(Content("q"), [image])
    (placed,) = prompts[0].images
    features = engine._features(prompts)
    features.read([0])
    skip = placed.start + 3
    row = Rectangle((0,), (len(prompts[0]) - skip,))
    batch = pack(engine.decoder, prompts, [row], features, device=engine.device, skip=skip)
    assert batch.image_rows.tolist() == list(range(placed.part.tokens - 3))
    assert torch.equal(batch.embeddings[batch.image_rows], features[placed.part].tokens[3:])
    assert [layer.shape[0] for layer in batch.deepstack] == [placed.part.tokens - 3] * len(
        batch.deepstack
    )
