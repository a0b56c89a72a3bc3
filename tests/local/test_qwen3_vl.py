"""Qwen3-VL-Reranker: joint prompts, parts scored one by one, images read once."""

from __future__ import annotations

import pytest
from golden_cases import cases, content, golden_image, load, near

from mmrerank.types import Content

VL = "qwen3-vl-reranker"


def test_vl_can_score_parts_apart():
    texts = cases("qwen3-vl-reranker")[0]
    with load("qwen3-vl-reranker", joint=False) as reranker:
        document = Content(texts["documents"][0]["text"], [golden_image("0_56x56.png")])
        (result,) = reranker.rerank(texts["query"]["text"], [document])
        assert [part.kind for part in result.parts] == ["text", "image"]
        assert result.parts[0].score == pytest.approx(texts["scores"][0], abs=1e-4)


def small(documents: list[Content]) -> list[Content]:
    """Without the largest images, which are the golden tests' business and take seconds."""
    large = {"2_1200x900.png", "4_2000x1500.png"}
    return [d for d in documents if not large & {image.path.name for image in d.images}]


def test_qwen3_vl_reads_an_image_once(work):
    documents = small([content(d) for d in cases(VL)[1]["documents"]])
    with load(VL) as reranker:
        cold = reranker.score("one", documents)
        assert work.done()[0] > 0
        near(reranker.score("one", documents), cold)
        reranker.score("another", documents)
        assert work.done()[0] == 0


def test_an_image_shared_by_documents_is_read_once(loaded, monkeypatch):
    reranker = loaded("qwen3-vl-reranker", reuse=False)
    read = []
    tower = type(reranker._engine.tower)
    features = tower.features
    monkeypatch.setattr(
        tower, "features", lambda self, parts: read.extend(parts) or features(self, parts)
    )
    image, query = golden_image("1_300x200.png"), golden_image("0_56x56.png")
    documents = [Content(f"text {i}", [image]) for i in range(5)]
    reranker.score(Content("q", [query]), documents)
    assert sorted(part.image.path.name for part in read) == ["0_56x56.png", "1_300x200.png"]


def test_images_that_together_do_not_fit_are_shrunk_together():
    images = [golden_image(n) for n in ("2_1200x900.png", "4_2000x1500.png", "1_300x200.png")]
    with load("qwen3-vl-reranker", max_length=400, shrink_images=True) as reranker:
        (made,), _ = reranker._prompts(Content("q"), [Content("text", images)])
        assert len(made.images) == 3
        assert len(made) <= 400 + 5
        assert 0 <= reranker.score("q", [Content("text", images)])[0] <= 1
