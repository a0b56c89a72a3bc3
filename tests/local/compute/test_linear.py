"""Layers computed by oneDNN are those of torch; what is not float32 on a CPU is left alone."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn.functional import linear
from transformers import Qwen3Config
from transformers.models.qwen3.modeling_qwen3 import Qwen3MLP

from mmrerank.local.compute import linear as module
from mmrerank.local.compute.linear import OneDnnLinear, gated, use_onednn

pytestmark = pytest.mark.skipif(module._linear is None, reason="torch without oneDNN")


@pytest.fixture(autouse=True)
def avx512(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    torch.manual_seed(0)


def model(**options):
    layer = torch.nn.Linear(48, 32, **options)
    return torch.nn.Sequential(layer, torch.nn.ReLU()).requires_grad_(False)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "x",
    [
        torch.ones(48),
        torch.arange(48.0 * 5).view(5, 48) / 99,
        torch.randn(2, 3, 48),
        torch.randn(7, 96)[:, ::2],
        torch.randn(48, 7).T,
        torch.randn(9, 48)[4:6],
        torch.empty(0, 48),
    ],
)
def test_a_layer_is_that_of_torch(bias, x):
    made = model(bias=bias)
    use_onednn(made)
    layer = made[0]
    assert type(layer) is OneDnnLinear
    expected = linear(x, layer.weight, layer.bias)
    assert layer(x).shape == expected.shape
    assert torch.allclose(layer(x), expected, atol=1e-5)
    with torch.backends.mkldnn.flags(enabled=False):
        assert torch.equal(layer(x), expected)


@pytest.mark.parametrize("activation", ["silu", "gelu"])
def test_a_gated_layer_is_that_of_transformers(activation):
    config = Qwen3Config(hidden_size=48, intermediate_size=80, hidden_act=activation)
    mlp = Qwen3MLP(config).requires_grad_(False)
    x = torch.randn(11, 48)
    expected = copy.deepcopy(mlp)(x)
    use_onednn(mlp)
    assert torch.allclose(gated(mlp, x), expected, atol=1e-6)
    assert gated(mlp, x[:0]).shape == (0, 48)


def test_other_dtypes_and_classes_and_machines_are_left_alone(monkeypatch):
    class Quantised(torch.nn.Linear):
        pass

    half, own = model(dtype=torch.bfloat16), torch.nn.Sequential(Quantised(4, 4))
    use_onednn(half)
    use_onednn(own)
    assert type(half[0]) is torch.nn.Linear
    assert type(own[0]) is Quantised
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    slow = model()
    use_onednn(slow)
    assert type(slow[0]) is torch.nn.Linear


def test_a_gradient_comes_from_torch():
    """oneDNN's product has none."""
    layer = model()[0]
    x = torch.randn(5, 48, requires_grad=True)
    (expected,) = torch.autograd.grad(linear(x, layer.weight, layer.bias).sum(), x)
    layer.__class__ = OneDnnLinear
    out = layer(x)
    assert torch.equal(torch.autograd.grad(out.sum(), x)[0], expected)
    with torch.inference_mode():
        assert torch.allclose(layer(x), out, atol=1e-5)


def test_a_gated_layer_has_a_gradient():
    mlp = Qwen3MLP(Qwen3Config(hidden_size=48, intermediate_size=80)).requires_grad_(False)
    x = torch.randn(11, 48, requires_grad=True)
    (expected,) = torch.autograd.grad(mlp(x).sum(), x)
    use_onednn(mlp)
    assert torch.allclose(torch.autograd.grad(gated(mlp, x).sum(), x)[0], expected, atol=1e-6)
