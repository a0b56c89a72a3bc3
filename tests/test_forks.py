"""A library that cannot be used in a fork of a process that has used it."""

from __future__ import annotations

import os

import pytest

from mmrerank.errors import StoreError
from mmrerank.forks import ForkGuard

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def refused_in_fork(guard):
    child = os.fork()
    if child == 0:
        try:
            guard.check()
        except StoreError as error:
            os._exit(1 if str(error) == "not here" else 2)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return {0: False, 1: True}[os.waitstatus_to_exitcode(status)]


def test_a_fork_is_refused_once_its_parent_has_used_the_library():
    guard = ForkGuard(StoreError, "not here")
    assert not refused_in_fork(guard)
    guard.check()
    guard.check()
    assert refused_in_fork(guard)
