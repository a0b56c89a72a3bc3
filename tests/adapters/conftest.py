"""Fixtures of the contract that both adapters keep."""

from __future__ import annotations

import pytest
from adapters.drivers import Adapter, Item, LangChain, LlamaIndex, figures

from mmrerank import OCRReranker

__all__ = ["figures"]


@pytest.fixture(params=[LangChain, LlamaIndex], ids=lambda driver: driver.name)
def driver(request):
    return request.param


@pytest.fixture
def adapter(driver):
    """Each adapter, called without async: enough where the async code is the same."""
    return Adapter(driver, "sync")


@pytest.fixture
def any_way(driver, mode):
    """Each adapter, with and without async."""
    return Adapter(driver, mode)


@pytest.fixture
def items():
    """The answer is in a figure of the second; the text of the fourth only comes near."""
    return [
        Item("a cat sleeps on the mat", "cat", {"source": "cats", "tags": ["x"]}, 0.9),
        Item(
            "see the picture for this",
            "figure",
            {"images": '["blank.png", "words.png"]', "page": 3, "deep": {"list": [1]}},
            0.8,
        ),
        Item("", "empty"),
        Item("a torque wrench", "torque", {}, 0.5),
    ]


@pytest.fixture
def documents(driver, items):
    """The items as the framework's own documents."""
    return driver.make(items)


@pytest.fixture
def rerank(driver, figures):
    return driver.MultimodalRerank(reranker=OCRReranker(ocr=False), image_root=figures)
