"""The rotary positions of a prompt are those of transformers."""

from __future__ import annotations

from golden_cases import cases, content

from mmrerank.local.prompt.prompt import ImagePart, PlacedImage, Prompt
from mmrerank.types import Image


def test_positions_are_those_of_transformers(loaded):
    """`positions()` against `get_rope_index` of the native models."""
    import torch

    for model, i in (("jina-reranker-m0", 7), ("qwen3-vl-reranker", 3)):
        reranker = loaded(model)
        case = cases(model)[i]
        made, _ = reranker._prompts(content(case["query"]), [content(d) for d in case["documents"]])
        native = reranker._engine.tower._visual
        owner = _native(model)
        for one in made:
            ids = torch.tensor([one.ids])
            kinds = (ids == owner.config.image_token_id).int()
            grids = [[1, p.part.rows * 2, p.part.columns * 2] for p in one.images]
            if not grids:
                continue
            wanted, _ = owner.get_rope_index(ids, kinds, image_grid_thw=torch.tensor(grids))
            assert torch.equal(torch.from_numpy(one.positions()), wanted[:, 0])
        assert native is not None


def _native(model: str):
    """A native model of that config without useful weights: only its positions are asked for."""
    import transformers
    from golden_cases import GOLDEN

    config = transformers.AutoConfig.from_pretrained(GOLDEN / model)
    kind = "Qwen2VLModel" if "m0" in model else "Qwen3VLModel"
    return getattr(transformers, kind)(config)


def test_text_counts_on_behind_an_image():
    """An image of 2 x 3 tokens between one token of text and two."""
    part = ImagePart(Image.from_bytes(b"x"), rows=2, columns=3, height=56, width=84)
    prompt = Prompt([1, *[9] * 6, 2, 3], (PlacedImage(part, 1),))
    assert (part.tokens, len(prompt)) == (6, 9)
    assert prompt.positions().tolist() == [
        [0, 1, 1, 1, 1, 1, 1, 4, 5],
        [0, 1, 1, 1, 2, 2, 2, 4, 5],
        [0, 1, 2, 3, 1, 2, 3, 4, 5],
    ]
