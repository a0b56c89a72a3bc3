"""Work as a run of its own in LangChain's traces, with the usage of its rerank calls as events."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from langchain_core.callbacks import (
    Callbacks,
    adispatch_custom_event,
    dispatch_custom_event,
)
from langchain_core.runnables import RunnableConfig, RunnableLambda

from mmrerank.base import collected_usage

__all__ = ["USAGE_EVENT", "arun", "run"]

USAGE_EVENT = "mmrerank_usage"
"""The name of the custom event that reports the counts of a `mmrerank.Usage` to callbacks."""

T = TypeVar("T")


def run(
    name: str,
    inputs: dict[str, Any],
    work: Callable[[], tuple[T, dict[str, Any]]],
    callbacks: Callbacks | None,
) -> T:
    """Do `work`, which returns a result and an output for the trace, as a run named `name`.

    Returns the result; a trace shows `inputs` and the output. Needed because a retriever around a
    compressor does not start a run for it.
    """
    done: list[T] = []

    def step(_: dict[str, Any]) -> dict[str, Any]:
        with collected_usage() as usage:
            try:
                value, output = work()
            finally:
                for call in usage:
                    dispatch_custom_event(USAGE_EVENT, dataclasses.asdict(call))
        done.append(value)
        return output

    RunnableLambda(step, name=name).invoke(inputs, _config(callbacks))
    return done[0]


async def arun(
    name: str,
    inputs: dict[str, Any],
    work: Callable[[], Awaitable[tuple[T, dict[str, Any]]]],
    callbacks: Callbacks | None,
) -> T:
    """As `run`, without blocking the event loop."""
    done: list[T] = []

    async def step(_: dict[str, Any]) -> dict[str, Any]:
        with collected_usage() as usage:
            try:
                value, output = await work()
            finally:
                for call in usage:
                    await adispatch_custom_event(USAGE_EVENT, dataclasses.asdict(call))
        done.append(value)
        return output

    lambda_: RunnableLambda[dict[str, Any], dict[str, Any]] = RunnableLambda(step, name=name)
    await lambda_.ainvoke(inputs, _config(callbacks))
    return done[0]


def _config(callbacks: Callbacks | None) -> RunnableConfig:
    return RunnableConfig() if callbacks is None else RunnableConfig(callbacks=callbacks)
