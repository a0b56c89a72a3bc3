"""The error for an object of one framework that was given to the adapter of the other."""

from __future__ import annotations

from langchain_core.documents import Document
from llama_index.core.schema import TextNode

from mmrerank.frameworks import LANGCHAIN, LLAMA_INDEX, wrong_type


def test_an_object_of_the_other_framework_is_told_where_it_belongs():
    class Mine(TextNode):
        """A class of the user's own."""

    for node in (TextNode(text="x"), Mine(text="x")):
        message = str(wrong_type("documents[0]", node, "Document", framework=LANGCHAIN))
        assert message.startswith(f"documents[0] is LlamaIndex's {type(node).__name__}")
        assert "llama_index_mmrerank with LlamaIndex" in message
    message = str(wrong_type("nodes[0]", Document("x"), "NodeWithScore", framework=LLAMA_INDEX))
    assert "langchain_mmrerank with LangChain" in message


def test_another_object_is_only_named():
    for value in ("x", TextNode(text="x"), None, TextNode):
        message = str(wrong_type("nodes[0]", value, "NodeWithScore", framework=LLAMA_INDEX))
        expected = f"nodes[0] is a {type(value).__name__}, not LlamaIndex's NodeWithScore"
        assert message == expected
