"""How long a call may take."""

from __future__ import annotations

import time

import pytest

from mmrerank import APITimeoutError
from mmrerank.http.bounds import Bounds
from mmrerank.http.limits import Slots


def test_the_deadline():
    late = Bounds("some-model", Slots(1), 1, time.monotonic() - 1)
    assert late.seconds_left() == 0
    with pytest.raises(APITimeoutError, match=r"^some-model: "):
        late.check_deadline()
    early = Bounds("some-model", Slots(1), 1, time.monotonic() + 9)
    early.check_deadline()
    assert 8 < early.seconds_left() <= 9
