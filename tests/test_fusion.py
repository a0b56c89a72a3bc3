from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank import (
    Content,
    Image,
    InvalidResponseError,
    Modalities,
    PartScore,
    RerankWarning,
    UnsupportedModalityError,
    max_score,
    weighted_mean,
)
from mmrerank.fusion import fan_out, split_query

PARTS = Modalities(image=True)
JOINT = Modalities(image=True, text_and_image=True, several_images=True)
IMAGES = [Image.from_path(f"{name}.png") for name in "abcdef"]

texts = st.none() | st.sampled_from(["", "  ", "one", "two", "three"])
contents = st.builds(
    lambda text, images: Content("" if text is None and not images else text, images),
    texts,
    st.lists(st.sampled_from(IMAGES), max_size=5),
)
modalities = st.builds(
    Modalities,
    image=st.just(True),
    text_and_image=st.booleans(),
    several_images=st.booleans(),
    blank_text=st.booleans(),
)


@given(st.lists(contents, max_size=8), modalities, st.booleans(), st.integers(1, 5))
def test_nothing_is_lost_and_nothing_is_scored_twice(documents, takes, joint, most):
    plan = fan_out(documents, takes, max_images=most, joint=joint)
    assert len(set(plan.items)) == len(plan.items)
    for item in plan.items:
        assert takes.text_and_image or not (item.text and item.images)
        assert takes.several_images or len(item.images) <= 1
        assert takes.blank_text or item.images or (item.text or "").strip()
    scores = [float(i + 1) for i in range(len(plan.items))]
    fused = plan.fuse(scores)
    assert len(fused) == len(documents)
    for document, scored in zip(documents, fused, strict=True):
        if scored.parts:
            assert scored.score == max(part.score for part in scored.parts)
            named = [part.image for part in scored.parts if part.kind == "image"]
            assert named == list(range(min(most, len(document.images))))
        elif document.is_blank and not takes.blank_text:
            assert scored.score == 0.0


@given(st.lists(contents, min_size=1, max_size=6))
def test_equal_documents_get_equal_scores_in_any_order(documents):
    def scores(listed):
        plan = fan_out(listed, PARTS)
        values = [len(item.text or "") + 10.0 * len(item.images) for item in plan.items]
        return [scored.score for scored in plan.fuse(values)]

    assert scores(documents) == list(reversed(scores(list(reversed(documents)))))


def test_a_joint_prompt_names_no_parts():
    plan = fan_out([Content("text", IMAGES[:2])], JOINT)
    assert plan.items == [Content("text", IMAGES[:2])]
    assert plan.fuse([0.5])[0].parts == ()


def test_weighted_mean_shares_the_image_weight():
    parts = [PartScore("text", 1.0), PartScore("image", 0.0, 0), PartScore("image", 0.4, 1)]
    assert max_score(parts) == 1.0
    assert weighted_mean()(parts) == pytest.approx((1.0 + 0.2) / 2)
    assert weighted_mean(text=0.0)(parts) == pytest.approx(0.2)
    assert weighted_mean(image=0.0)([PartScore("image", 0.3, 0)]) == 0.3


def test_text_only_models_say_what_they_leave_out():
    text_only = Modalities()
    with pytest.warns(RerankWarning, match="1 documents have images"):
        plan = fan_out([Content("text", IMAGES[:1]), Content("other")], text_only)
    assert plan.items == [Content("text"), Content("other")]
    with pytest.raises(UnsupportedModalityError, match=r"documents\[1\]"):
        fan_out([Content("text"), Content(images=IMAGES[:1])], text_only)


def test_a_query_is_split_only_where_it_must_be():
    both = Content("text", IMAGES[:1])
    assert split_query(Content("text"), Modalities()) == [Content("text")]
    assert split_query(both, Modalities(image=True, query_image=True)) == [
        Content("text"),
        Content(images=IMAGES[:1]),
    ]
    whole = Modalities(image=True, query_image=True, query_text_and_image=True)
    assert split_query(both, whole) == [both]
    with pytest.raises(UnsupportedModalityError, match="query"):
        split_query(both, Modalities(image=True))


@pytest.mark.parametrize("scores", [[], [1.0, 2.0], [float("nan")], [float("inf")]])
def test_wrong_scores_are_refused(scores):
    with pytest.raises(InvalidResponseError):
        fan_out([Content("text")], PARTS).fuse(scores)
