"""Which device and number format are picked."""

from __future__ import annotations

import pytest
import torch

from mmrerank.errors import InvalidInputError
from mmrerank.local.device import pick_device, pick_dtype


def test_auto_is_cuda_then_mps_then_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto").type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"


@pytest.mark.parametrize(("device", "match"), [("tpu", "auto, cpu"), ("meta", "not available")])
def test_a_device_that_cannot_be_used(device, match):
    with pytest.raises(InvalidInputError, match=match):
        pick_device(device)


def test_number_formats():
    cpu = torch.device("cpu")
    assert pick_dtype("auto", cpu) is torch.float32
    assert pick_dtype("bf16", cpu) is torch.bfloat16
    assert pick_dtype("auto", torch.device("mps")) is torch.float16
    with pytest.raises(InvalidInputError, match="dtype is auto"):
        pick_dtype("int3", cpu)
