"""Gradients along a path: exact against differences, bounded in memory, and without any cache."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from golden_cases import golden_image
from torch.multiprocessing.reductions import StorageWeakRef

from mmrerank.errors import RerankError
from mmrerank.local.compute import decoder as decoder_module
from mmrerank.local.compute.attention import sdpa
from mmrerank.local.compute.explain import Gradients, _blurred, _difference, without_cache
from mmrerank.types import Content

QUERY, TEXT = Content("How does RAG work?"), "RAG combines retrieval with generation."
PICTURE = golden_image("1_300x200.png")
DOCUMENTS = {
    "jina-reranker-m0": Content(images=[PICTURE]),
    "qwen3-reranker": Content(TEXT),
    "qwen3-vl-reranker": Content(TEXT, [PICTURE]),
}


@pytest.fixture
def prompt(loaded, name):
    """An engine without a cache, a prompt (with an image, if the model reads them), its places."""
    reranker, document = loaded(name), DOCUMENTS[name]
    (made,), _ = reranker._prompts(QUERY, [document])
    return without_cache(reranker._engine), made, reranker._places(QUERY, document)


def owned(places, owner):
    return [i for i, place in enumerate(places) if place is not None and place.owner == owner]


@pytest.mark.parametrize("owner", ["document", "query"])
def test_one_step_of_a_path_is_what_differences_say(prompt, owner):
    """Weights of one step are the slope in its middle, which two nearby logits show as well."""
    engine, made, places = prompt
    rows = owned(places, owner)
    gradients = Gradients(engine, made)
    found = gradients.along(rows, rows, 1)
    far = _difference(gradients._packed, rows, rows)
    near = 0.02
    with torch.no_grad():
        high, low = (
            float(gradients._logit(_blurred(gradients._packed, far, 0.5 + side * near), None))
            for side in (-1, 1)
        )
    assert sum(found.weights) == pytest.approx((high - low) / (2 * near), rel=0.05, abs=0.02)
    assert {i for i, weight in enumerate(found.weights) if weight} <= set(rows)


def test_more_steps_close_the_gap(prompt):
    engine, made, places = prompt
    rows = owned(places, "document")
    (logit,) = engine.compute([made])
    gradients = Gradients(engine, made)
    few, many = (gradients.along(rows, rows, steps) for steps in (1, 64))
    gaps = [abs(logit - one.baseline - sum(one.weights)) for one in (few, many)]
    assert gaps[1] <= max(0.02, 0.2 * gaps[0])
    assert few.baseline == many.baseline


def test_layers_that_are_computed_again_give_the_same_gradients(prompt, monkeypatch):
    engine, made, places = prompt
    rows = owned(places, "document")
    kept = Gradients(engine, made).along(rows, rows, 2)
    monkeypatch.setattr("mmrerank.local.compute.explain._KEPT_BYTES", 0)
    again = Gradients(engine, made).along(rows, rows, 2)
    assert again.weights == pytest.approx(kept.weights, abs=1e-5)


def test_with_recompute_the_memory_of_one_layer_is_enough(prompt):
    """What attention returns is kept by autograd, layer by layer, or not at all."""
    engine, made, _ = prompt
    packed, alive = Gradients(engine, made)._packed, {}
    for recompute in (False, True):
        seen = []

        def attend(*args, seen=seen, **kwargs):
            out = sdpa(*args, **kwargs)
            seen.append(StorageWeakRef(out.untyped_storage()))
            return out

        point = replace(packed, embeddings=packed.embeddings.clone().requires_grad_())
        hidden = engine.decoder.last_hidden(point, attend=attend, recompute=recompute)
        alive[recompute] = sum(not one.expired() for one in seen)
        assert len(seen) == len(engine.decoder._model.layers)
        assert hidden.requires_grad
    assert alive[True] == 0
    assert alive[False] > 0


def test_activations_are_not_more_than_estimated(prompt):
    """The last layer, one of the two here, needs little."""
    engine, made, _ = prompt
    packed, kept = Gradients(engine, made)._packed, {}

    def count(tensor):
        storage = tensor.untyped_storage()
        if not isinstance(tensor, torch.nn.Parameter):
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    point = replace(packed, embeddings=packed.embeddings.clone().requires_grad_())
    weights = {p.untyped_storage().data_ptr() for p in engine.decoder._model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        hidden = engine.decoder.last_hidden(point)
    total = sum(size for place, size in kept.items() if place not in weights)
    estimate = engine.decoder.activation_bytes(point.embeddings)
    assert hidden.requires_grad
    assert 0.8 < estimate / total < 3


def test_full_memory_is_an_error_that_says_what_to_do(prompt, monkeypatch):
    engine, made, places = prompt

    def full(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    gradients = Gradients(engine, made)
    monkeypatch.setattr(decoder_module.Decoder, "_walk", full)
    with pytest.raises(RerankError, match="leave_one_out"):
        gradients.along(owned(places, "document"), owned(places, "document"), 4)
