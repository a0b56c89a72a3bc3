"""RapidOCR as it is set up here, and how it notices that a picture is turned.

A turned picture is noticed by a few of its lines, before the others are read: by the shape of the
lines, that it lies on its side; by the certainty with which they are read, that it is upside down.
Only RapidOCR's own steps are used: to find the lines, and to read some of them once more.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from typing import Any

from mmrerank.optional import require

__all__ = ["Turned", "engine"]

_LONG = 1.5  # times as long as wide: a word, or more

_UNSURE = 0.85  # lines that are upside down have a mean certainty below this, most others above

_SURER = 0.1  # turned upside down, it must read better by this

_NO_WORSE = 0.02  # turned on its side, it may read worse by this

_FEW_LINES = 3  # too few to say which way up they are

_SAMPLE = 8  # lines that say which way up the others are


class Turned(Exception):  # noqa: N818 - not an error: turn the picture and read it
    """The picture must be turned by `angle` degrees, counter-clockwise, to be read."""

    def __init__(self, angle: int) -> None:
        super().__init__(angle)
        self.angle = angle


def engine(*, may_turn: bool) -> Any:
    """The engine; a call with pixels raises `Turned` if `may_turn` and if they are turned.

    There is one, with one thread: in a second one onnxruntime waits as much as it works, and takes
    three quarters more processor time. Not to be called from two threads at a time.
    """
    made = _engine()
    made.may_turn = may_turn
    return made


@functools.cache
def _engine() -> Any:
    rapidocr = require("rapidocr")

    class Engine(_Turning, rapidocr.RapidOCR):  # type: ignore[misc, name-defined]
        """RapidOCR that notices turned pictures."""

    return Engine(params=_parameters(rapidocr))


def _parameters(rapidocr: Any) -> dict[str, Any]:
    parameters = {
        # The orientation classifier doubles the memory and finds next to nothing on figures.
        "Global.use_cls": False,
        "Global.log_level": "error",
        # Pictures come in the size in which they are searched for lines.
        "Det.limit_type": "max",
        "Det.limit_side_len": 100_000,
        # Lines in a batch are padded to the longest: one by one takes a quarter less time.
        "Rec.rec_batch_num": 1,
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        # Without it, a quarter of the time goes into allocating memory for each line.
        "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
    }
    if importlib.util.find_spec("openvino") is not None:
        require("openvino")
        openvino = rapidocr.EngineType.OPENVINO
        parameters |= {
            "Det.engine_type": openvino,
            "Rec.engine_type": openvino,
            "EngineConfig.openvino.inference_num_threads": 1,
        }
    return parameters


class _Turning:
    """What is added to RapidOCR's steps. They pass on `crops`, the pictures of the lines; those of
    lines that run up or down the page are turned counter-clockwise, so that all are wide.
    """

    may_turn = True

    def detect_and_crop(self, *args: Any, **options: Any) -> Any:
        """The lines of a picture, found; raises `Turned` if most run up or down the page."""
        crops, found = super().detect_and_crop(*args, **options)  # type: ignore[misc]
        if self.may_turn and (angle := self._angle_of_tall_lines(crops, found.boxes)):
            raise Turned(angle)
        return crops, found

    def recognize_txt(self, crops: Sequence[Any]) -> Any:
        """The lines of a picture, read; raises `Turned` if they are upside down."""
        read = self._read(crops)
        if self.may_turn and self._are_upside_down(crops, read):
            raise Turned(180)
        return read

    def _read(self, crops: Sequence[Any]) -> Any:
        return super().recognize_txt(list(crops))  # type: ignore[misc]

    def _certainty(self, crops: Sequence[Any]) -> Any:
        """How surely (0 to 1) each of the lines is read."""
        return require("numpy").array(self._read(crops).scores)

    def _angle_of_tall_lines(self, crops: Sequence[Any], boxes: Any) -> int:
        """The angle to turn by if most words run up or down the page, 0 if they read well so."""
        np = require("numpy")
        widths, heights = np.ptp(boxes, axis=1).T
        tall, wide = heights > _LONG * widths, widths > _LONG * heights
        if tall.sum() + wide.sum() < _FEW_LINES or tall.sum() <= wide.sum():
            return 0
        words = np.flatnonzero(tall | wide)
        sample = words[np.argsort(-np.maximum(widths, heights)[words])][:_SAMPLE]
        upright = self._certainty([crops[i] for i in sample])
        over = self._certainty([_upside_down(crops[i]) for i in sample])
        # The engine reads lines that run up or down the page, but in the wrong order. Turned
        # counter-clockwise, those that run down read the same, and the others are upside down.
        by_angle = {
            90: np.where(tall[sample], upright, over).mean(),
            270: np.where(tall[sample], over, upright).mean(),
        }
        best = max(by_angle, key=lambda angle: by_angle[angle])
        return best if by_angle[best] > upright.mean() - _NO_WORSE else 0

    def _are_upside_down(self, crops: Sequence[Any], read: Any) -> bool:
        scores = [score for score in read.scores if score >= self.text_score]  # type: ignore[attr-defined]
        lengths = [crop.shape[1] / crop.shape[0] for crop in crops]
        words = [i for i, length in enumerate(lengths) if length > _LONG]
        if len(words) < _FEW_LINES or not scores or sum(scores) >= _UNSURE * len(scores):
            return False
        sample = sorted(words, key=lambda i: -lengths[i])[:_SAMPLE]
        over = self._certainty([_upside_down(crops[i]) for i in sample])
        return bool(over.sum() > sum(read.scores[i] + _SURER for i in sample))


def _upside_down(crop: Any) -> Any:
    return crop[::-1, ::-1]
