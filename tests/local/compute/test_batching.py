"""Batches stay within their budget, and a shared prefix is what all prompts have."""

from __future__ import annotations

from mmrerank.local.compute.batching import plan_batches, shared_prefix
from mmrerank.local.prompt.prompt import ImagePart, PlacedImage, Prompt
from mmrerank.types import Image


def test_the_prefix_leaves_a_token_of_each_prompt():
    assert shared_prefix([Prompt([1, 2, 3]), Prompt([1, 2, 4, 5])]) == 2
    assert shared_prefix([Prompt([1, 2]), Prompt([1, 2, 3])]) == 1
    assert shared_prefix([Prompt([1]), Prompt([2])]) == 0
    assert shared_prefix([Prompt([1, 2, 3])]) == 0
    assert shared_prefix([]) == 0


def test_images_are_compared_by_content():
    """Every image has the same placeholder tokens."""
    one, other = (
        ImagePart(Image.from_bytes(data), 1, 2, 28, 56, data.hex()) for data in (b"a", b"b")
    )
    prompts = [Prompt([7, 9, 9, 8, 1], (PlacedImage(part, 1),)) for part in (one, one, other)]
    assert shared_prefix(prompts[:2]) == 4
    assert shared_prefix(prompts) == 1


def test_longest_first_within_the_budget():
    lengths = [5, 9, 2, 9, 30, 3]
    batches = plan_batches(lengths, 20)
    planned = [row for batch in batches for rectangle in batch for row in rectangle.rows]
    assert [lengths[row] for row in planned] == sorted(lengths, reverse=True)
    assert batches[0][0].tokens == 30  # a longer prompt is a batch of its own
    assert all(sum(rectangle.tokens for rectangle in batch) <= 20 for batch in batches[1:])
    assert all(len(set(rectangle.lengths)) == 1 for batch in batches for rectangle in batch)


def test_slack_pads_rows_and_rows_choose_prompts():
    (batch,) = plan_batches([10, 9, 8, 100], 1000, slack=0.1, rows=[0, 1, 2])
    assert [rectangle.rows for rectangle in batch] == [(0, 1), (2,)]
    assert (batch[0].width, batch[0].tokens) == (10, 20)
    assert plan_batches([], 10) == []
