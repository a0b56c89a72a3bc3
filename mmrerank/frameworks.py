"""The error for an object of one framework that was given to the adapter of the other."""

from __future__ import annotations

from typing import NamedTuple

from mmrerank.errors import InvalidInputError

__all__ = ["LANGCHAIN", "LLAMA_INDEX", "Framework", "wrong_type"]


class Framework(NamedTuple):
    """A framework: its name, how its modules begin, and the package that is its adapter."""

    name: str
    modules: str
    adapter: str


LANGCHAIN = Framework("LangChain", "langchain", "langchain_mmrerank")
LLAMA_INDEX = Framework("LlamaIndex", "llama_index", "llama_index_mmrerank")


def wrong_type(
    argument: str, value: object, expected: str, *, framework: Framework
) -> InvalidInputError:
    """The error for an argument that is not what was expected by the adapter of `framework`.

    For an object of the other framework it names the packages to use.
    """
    name = type(value).__name__
    other = LLAMA_INDEX if framework is LANGCHAIN else LANGCHAIN
    if any(base.__module__.startswith(other.modules) for base in type(value).__mro__):
        return InvalidInputError(
            f"{argument} is {other.name}'s {name}, not {framework.name}'s {expected}: use "
            f"{framework.adapter} with {framework.name}, {other.adapter} with {other.name}"
        )
    return InvalidInputError(f"{argument} is a {name}, not {framework.name}'s {expected}")
