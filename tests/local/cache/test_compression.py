"""Entries as bytes: exact in every dtype, smaller, and refused when damaged."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.local.cache.compression import _LENGTH, _MAGIC, pack_entry, unpack_entry
from mmrerank.local.cache.entry import CacheEntry

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.int8, torch.uint8]


def entry(dtype=torch.bfloat16) -> CacheEntry:
    made = torch.Generator().manual_seed(0)
    values = torch.randn((2, 30, 8), generator=made) * 20
    return CacheEntry({"kv": values.to(dtype), "none": torch.empty(0)}, {"tokens": 30, "cut": 0})


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_was_packed_is_equal_to_the_bit(dtype):
    before = entry(dtype)
    after = unpack_entry("k", pack_entry("k", before))
    assert after.facts == before.facts
    for name, tensor in before.tensors.items():
        assert after.tensors[name].dtype == tensor.dtype
        assert after.tensors[name].shape == tensor.shape
        assert torch.equal(
            after.tensors[name].contiguous().view(-1).view(torch.uint8),
            tensor.contiguous().view(-1).view(torch.uint8),
        )


def test_nan_infinities_and_views_survive():
    values = torch.tensor([[float("nan"), float("inf")], [-0.0, 1e-45]]).t()
    after = unpack_entry("k", pack_entry("k", CacheEntry({"x": values}))).tensors["x"]
    assert torch.equal(after.view(torch.int32), values.contiguous().view(torch.int32))


def test_bfloat16_like_a_models_takes_a_third_less():
    values = torch.randn((64, 1024), generator=torch.Generator().manual_seed(1)).bfloat16()
    packed = pack_entry("k", CacheEntry({"kv": values}))
    assert 0.6 < len(packed) / values.nbytes < 0.72


@given(st.data())
def test_no_damage_is_taken_for_an_entry(data):
    packed = bytearray(pack_entry("k", entry()))
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(packed) - 1))
        packed[place] ^= data.draw(st.integers(1, 255))
    else:
        packed = packed[: data.draw(st.integers(0, len(packed) - 1))]
    try:
        after = unpack_entry("k", bytes(packed))
    except ValueError:
        return
    # A changed byte may be one that zstd or JSON do not look at; what is read is right anyway.
    assert torch.equal(after.tensors["kv"], entry().tensors["kv"])


def test_another_key_and_a_header_that_lies_are_refused():
    packed = pack_entry("k", entry())
    with pytest.raises(ValueError, match="hash"):
        unpack_entry("other", packed)
    header = {"key": "k", "facts": "{}", "hash": "", "tensors": [["kv", "float32", [2**40], [4]]]}
    made = json.dumps(header).encode()
    with pytest.raises(ValueError, match="too large"):
        unpack_entry("k", _MAGIC + _LENGTH.pack(len(made)) + made + b"1234")
    header["tensors"] = [["kv", "__class__", [1], [4]]]
    made = json.dumps(header).encode()
    with pytest.raises(ValueError, match="dtype"):
        unpack_entry("k", _MAGIC + _LENGTH.pack(len(made)) + made + b"1234")
