"""An entry knows what it costs, and moves only where it has to."""

from __future__ import annotations

import torch

from mmrerank.local.cache.entry import CacheEntry


def test_what_an_entry_costs():
    entry = CacheEntry({"a": torch.zeros(100), "b": torch.zeros(8, dtype=torch.int8)})
    assert entry.nbytes == 400 + 8 + 1024


def test_an_entry_that_is_there_already_is_not_copied():
    entry = CacheEntry({"a": torch.zeros(3)}, {"tokens": 3})
    assert entry.to(torch.device("cpu")) is entry
    moved = entry.to(torch.device("meta"))
    assert moved.tensors["a"].device.type == "meta"
    assert moved.facts == {"tokens": 3}
