"""What is said of workers that cannot be."""

from __future__ import annotations

import pytest

from mmrerank import InvalidInputError
from mmrerank.bulk import Workers


@pytest.mark.parametrize("count", [0, -1, 1.5, True])
def test_counts_that_cannot_be_used(count):
    with pytest.raises(InvalidInputError, match="workers"):
        Workers(count=count)


def test_gpus_that_cannot_be_used():
    with pytest.raises(InvalidInputError, match="gpus"):
        Workers(gpus=-1)


def test_the_address_of_ray_s_client_is_refused():
    with pytest.raises(InvalidInputError, match="auto or HOST:6379"):
        Workers("ray://head:10001")
