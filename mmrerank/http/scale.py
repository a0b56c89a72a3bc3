"""What a service's scores are: probabilities, logits, or the service's own numbers."""

from __future__ import annotations

from typing import Literal

from mmrerank.errors import InvalidInputError, warn
from mmrerank.fusion import sigmoid

__all__ = ["Scale", "ScaleOption", "check_scale", "to_probabilities"]

Scale = Literal["probability", "logit", "given"]
"""`given` scores have no fixed range and are passed on as they are."""

ScaleOption = Literal["auto", "probability", "logit"]

_ROUNDING = 1e-3  # a probability in half precision may come out a little over 1


def check_scale(scale: str | None) -> None:
    """Raise `InvalidInputError` for a `scale=` that there is not; None is the default."""
    if scale not in (None, "auto", "probability", "logit"):
        raise InvalidInputError(f"scale must be 'auto', 'probability' or 'logit', not {scale!r}")


def to_probabilities(scores: list[float], scale: Scale, model: str) -> list[float]:
    """Logits through a sigmoid; other scores as they are.

    Warns of scores that should be probabilities and are not: they keep their order, but do not
    compare with a `min_score` between 0 and 1.
    """
    if scale == "logit":
        return [sigmoid(score) for score in scores]
    outside = [score for score in scores if not -_ROUNDING <= score <= 1 + _ROUNDING]
    if scale == "probability" and outside:
        warn(
            f"{model}: a score is {outside[0]:.6g}, so these are no probabilities; pass "
            "scale='logit' where the reranker has that option"
        )
    return scores
