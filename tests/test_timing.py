"""Timers: stages add up, and reports reach every timer that collects."""

from __future__ import annotations

import asyncio

import pytest

from mmrerank.timing import Timer, report_time


def test_stages_add_up():
    timer = Timer()
    timer.add("load", 1.0)
    timer.add("load", 0.5)
    with pytest.raises(ValueError, match="lost"), timer.stage("index"):
        raise ValueError("lost")
    assert timer.timings["load"] == 1.5
    assert timer.timings["index"] > 0


def test_reports_reach_all_timers_that_collect_also_from_threads():
    outer, inner = Timer(), Timer()
    report_time("search", 9.0)  # nobody collects
    with outer.collecting():
        report_time("search", 1.0)
        with inner.collecting():
            asyncio.run(asyncio.to_thread(report_time, "rerank", 2.0))
    assert outer.timings == {"search": 1.0, "rerank": 2.0}
    assert inner.timings == {"rerank": 2.0}


def test_tasks_collect_their_own():
    async def work(seconds):
        timer = Timer()
        with timer.collecting():
            await asyncio.sleep(0)
            report_time("search", seconds)
            await asyncio.sleep(0)
        return timer.timings["search"]

    async def both():
        return await asyncio.gather(work(1.0), work(2.0))

    assert asyncio.run(both()) == [1.0, 2.0]
