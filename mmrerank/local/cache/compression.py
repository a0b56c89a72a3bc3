"""Entries of the state cache as bytes for slow storage: exact, and about a third smaller.

The bytes of a float are split: first all first bytes of a tensor, then all second ones, and so on.
Sign and exponent vary little from value to value and compress well; the rest hardly compresses.
Level 1 of zstd is as small here as level 9 and several times as fast.

::

    magic | length of the header | header (JSON) | zstd frames: one a byte of each tensor's values
"""

from __future__ import annotations

import itertools
import json
import math
import struct
from typing import Any

from mmrerank.local.cache.entry import CacheEntry, entry_hash
from mmrerank.optional import require

__all__ = ["pack_entry", "unpack_entry"]

_MAGIC = b"MMRERANK-STATE-1"

_LENGTH = struct.Struct("<I")

_LARGEST_HEADER = 2**20  # bytes

_LARGEST_TENSOR = 2**31  # values; a state of m0's longest prompt takes 300 million

_DTYPES = ("float32", "float16", "bfloat16", "int8", "uint8")

_LEVEL = 1


def pack_entry(key: str, entry: CacheEntry) -> bytes:
    """An entry as bytes that `unpack_entry` reads. Its tensors may be on any device."""
    zstd = require("zstandard")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in entry.tensors.items()}
    facts = json.dumps(dict(entry.facts))
    compressor = zstd.ZstdCompressor(level=_LEVEL)
    frames = [[compressor.compress(plane) for plane in _split(t)] for t in tensors.values()]
    about = [
        [name, str(t.dtype).removeprefix("torch."), list(t.shape), [len(one) for one in planes]]
        for (name, t), planes in zip(tensors.items(), frames, strict=True)
    ]
    hashed = entry_hash(key, facts, tensors)
    header = json.dumps({"key": key, "facts": facts, "hash": hashed, "tensors": about}).encode()
    return b"".join([_MAGIC, _LENGTH.pack(len(header)), header, *itertools.chain(*frames)])


def unpack_entry(key: str, data: bytes) -> CacheEntry:
    """The entry that was packed under `key`, on the CPU.

    Raises ValueError for bytes that are damaged or belong to another key. Nothing larger than the
    header says is ever allocated, and nothing in the data is executed.
    """
    try:
        return _unpack(key, memoryview(data))
    except ValueError:
        raise
    except Exception as error:  # what is damaged may be of any type, or break zstd
        raise ValueError(f"damaged: {error}") from error


def _unpack(key: str, data: memoryview) -> CacheEntry:
    start = len(_MAGIC) + _LENGTH.size
    if bytes(data[: len(_MAGIC)]) != _MAGIC:
        raise ValueError("not a state")
    (length,) = _LENGTH.unpack(data[len(_MAGIC) : start])
    if length > _LARGEST_HEADER:
        raise ValueError("the header is too large")
    header = json.loads(bytes(data[start : start + length]))
    start += length
    tensors = {}
    for name, dtype, shape, sizes in header["tensors"]:
        ends = list(itertools.accumulate(sizes, initial=start))
        frames = [data[begin:end] for begin, end in itertools.pairwise(ends)]
        tensors[str(name)] = _joined(frames, dtype, shape)
        start = ends[-1]
    if start != len(data) or header["hash"] != entry_hash(key, header["facts"], tensors):
        raise ValueError("the hash does not fit")
    facts = {str(name): int(value) for name, value in json.loads(header["facts"]).items()}
    return CacheEntry(tensors, facts)


def _split(tensor: Any) -> Any:
    """The bytes of a tensor as a numpy array (bytes of a value, values)."""
    import torch

    size = tensor.element_size()
    return tensor.view(-1).view(torch.uint8).view(-1, size).t().contiguous().numpy()


def _joined(frames: list[memoryview], dtype: str, shape: list[int]) -> Any:
    import torch

    if dtype not in _DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}")
    kind = getattr(torch, dtype)
    values = math.prod(shape)
    if min(shape, default=0) < 0 or values > _LARGEST_TENSOR or len(frames) != kind.itemsize:
        raise ValueError("a tensor is too large, or has not one frame a byte")
    planes = torch.empty((kind.itemsize, values), dtype=torch.uint8)
    for plane, frame in zip(planes, frames, strict=True):
        plane.copy_(_decompressed(frame, values))
    return planes.t().contiguous().view(-1).view(kind).view(shape)


def _decompressed(frame: memoryview, size: int) -> Any:
    import torch

    zstd = require("zstandard")
    if zstd.frame_content_size(frame) != size:
        raise ValueError("a tensor has another size")
    data = bytearray(zstd.ZstdDecompressor().decompress(frame, max_output_size=size))
    return torch.frombuffer(data, dtype=torch.uint8) if size else torch.empty(0, dtype=torch.uint8)
