"""Captions of many images: each once, several at a time, within a budget, and none asked twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from pathlib import Path

from mmrerank.captioning.budget import Budget, CaptionCost, estimate_tokens
from mmrerank.captioning.cache import CaptionCache, caption_key
from mmrerank.captioning.caption import (
    Caption,
    UnusableAnswerError,
    plain_caption,
    read_caption,
)
from mmrerank.captioning.model import CaptionModel, CaptionReply, CaptionRequest, checked_reply
from mmrerank.captioning.prompt import PROMPT, RETRY, full_prompt
from mmrerank.errors import (
    APIError,
    AuthenticationError,
    CaptionError,
    ImageError,
    InvalidInputError,
    RerankError,
    StoreError,
)
from mmrerank.images.encode import encode_within
from mmrerank.images.facts import image_facts
from mmrerank.ocr.words import default_cache_dir
from mmrerank.progress import progress_bar
from mmrerank.threads import run_all
from mmrerank.types import Image

__all__ = ["Captioned", "Captioner"]

_MAX_BYTES = 8 * 2**20  # of an image as it is sent; services take 10 MB and more
_ENDS_ALL = (AuthenticationError, InvalidInputError, StoreError)
"""Errors that each further request would have too."""


@dataclass(frozen=True, slots=True)
class Captioned:
    """What became of one image: a caption, or the error; neither where it was not asked about.

    It was not asked about if the budget or the deadline came first. `is_known` says that the answer
    was kept from an earlier time; `key` is the one under which it is kept.
    """

    caption: Caption | None = None
    error: RerankError | None = None
    is_known: bool = False
    key: str = ""


class Captioner:
    """Asks a vision model for captions, one image a request.

    ::

        captioner = Captioner(OpenAICaptions("gpt-5-mini"), language="German")
        print(captioner.cost(images))
        for image, found in zip(images, captioner.caption(images)):
            print(image.name, found.caption or found.error)

    `prompt` takes the place of `mmrerank.captioning.PROMPT`. `cache` is the file that keeps all
    answers, by image, model, prompt and language; None for one in the user's cache folder.
    `max_concurrency` requests run at once. No request begins after `deadline` seconds, after
    `max_images` images or once `max_tokens` tokens (read and written, estimated ahead) are spent;
    what is left is asked about next time. `max_answer_tokens` bounds an answer, `max_pixels` an
    image as it is sent.

    If an answer has no usable caption (prose, a refusal, cut off, a loop), the model is asked once
    more. Prose is then kept as plain text (`Caption.is_plain`), a refusal as a `CaptionError`; both
    are answers, and not asked for again unless the cache's file is deleted.
    """

    def __init__(
        self,
        model: CaptionModel,
        *,
        language: str | None = None,
        prompt: str = PROMPT,
        cache: CaptionCache | str | Path | None = None,
        max_concurrency: int = 8,
        deadline: float | None = None,
        max_images: int | None = None,
        max_tokens: int | None = None,
        max_answer_tokens: int = 2000,
        max_pixels: int = 2_000_000,
    ) -> None:
        numbers = {
            "max_concurrency": max_concurrency,
            "max_images": max_images,
            "max_tokens": max_tokens,
            "max_answer_tokens": max_answer_tokens,
            "max_pixels": max_pixels,
        }
        for name, number in numbers.items():
            if number is not None and (type(number) is not int or number < 1):
                raise InvalidInputError(f"{name} must be a whole number from 1 on, not {number!r}")
        if deadline is not None and not deadline > 0:
            raise InvalidInputError(f"deadline must be more than 0 seconds, not {deadline!r}")
        self.model, self.language = model, language
        self.prompt = full_prompt(prompt, language)
        self.max_concurrency, self.deadline = max_concurrency, deadline
        self.max_images, self.max_tokens = max_images, max_tokens
        self.max_answer_tokens, self.max_pixels = max_answer_tokens, max_pixels
        if not isinstance(cache, CaptionCache):
            cache = CaptionCache(cache or default_cache_dir() / "captions.sqlite3")
        self.cache = cache

    def made(self, key: str | None, image: Image) -> bool:
        """Is this the key of the answer about this image? Not if the image cannot be read."""
        try:
            return key == self._key(image)
        except ImageError:
            return False

    def cost(self, images: Iterable[Image]) -> CaptionCost:
        """What captions of these images would cost. Nothing is sent.

        An image that cannot be read costs nothing.
        """
        by_key: dict[str, Image] = {}
        for image in images:
            try:
                by_key.setdefault(self._key(image), image)
            except ImageError:
                continue
        known = self.cache.get(list(by_key))
        new = [image for key, image in by_key.items() if key not in known]
        asked = new if self.max_images is None else new[: self.max_images]
        read = sum(estimate_tokens(image, self.prompt, self.max_pixels) for image in asked)
        return CaptionCost(
            images=len(by_key),
            known=len(by_key) - len(new),
            requests=len(asked),
            input_tokens=read,
            max_output_tokens=len(asked) * self.max_answer_tokens,
        )

    def caption(self, images: Sequence[Image], *, show_progress: bool = False) -> list[Captioned]:
        """What became of each image, in order; equal images are asked about once.

        Raises what every further request would raise too (a wrong key, an unknown model, one that
        does not read images), and the last error where many requests in a row fail. Answers that
        came before are kept.
        """
        keys: list[str] = []
        found: dict[str, Captioned] = {}
        wanted: dict[str, Image] = {}
        for i, image in enumerate(images):
            try:
                key = self._key(image)
            except ImageError as error:
                key = f"unreadable {i}"
                found[key] = Captioned(error=error)
            keys.append(key)
            wanted.setdefault(key, image)
        known = self.cache.get([key for key in wanted if key not in found])
        found |= {key: replace(_kept(answer), is_known=True) for key, answer in known.items()}
        left = {key: image for key, image in wanted.items() if key not in found}
        found |= _Run(self, left).results(show_progress=show_progress)
        return [replace(found.get(key, Captioned()), key=key) for key in keys]

    def _key(self, image: Image) -> str:
        digest = image_facts(image).digest
        return caption_key(digest, self.model.name, self.prompt, self.max_pixels)


def _kept(answer: Caption | str) -> Captioned:
    if isinstance(answer, Caption):
        return Captioned(answer)
    return Captioned(error=CaptionError(answer))


class _Run:
    """One call of `Captioner.caption`: the images that are not known, by key."""

    def __init__(self, captioner: Captioner, images: dict[str, Image]) -> None:
        self._captioner, self._images = captioner, images
        self._stop = threading.Event()
        self._ends = None if captioner.deadline is None else time.monotonic() + captioner.deadline
        self._budget = Budget(captioner.max_images, captioner.max_tokens)
        self._failures = 0  # requests that failed since one succeeded
        self._most_failures = max(10, 2 * captioner.max_concurrency)

    def results(self, *, show_progress: bool) -> dict[str, Captioned]:
        """What became of the images that were asked about. Raises what ends all the work."""
        jobs = [lambda key=key: self._one(key) for key in self._images]
        futures = run_all(jobs, self._captioner.max_concurrency, self._stop)
        done: dict[str, Captioned] = {}
        try:
            with progress_bar(show_progress, len(futures), "Captions") as advance:
                for key, future in zip(self._images, futures, strict=True):
                    if (result := self._wait(future)) is not None:
                        done[key] = result
                    if advance is not None:
                        advance(1)
        finally:
            self._stop.set()  # also where the caller is interrupted
        return done

    def _wait(self, future: Future[Captioned | None]) -> Captioned | None:
        left = None if self._ends is None else max(0.0, self._ends - time.monotonic())
        try:
            return future.result(left)
        except TimeoutError:
            self._stop.set()
            return None
        except CancelledError:
            return None

    def _one(self, key: str) -> Captioned | None:
        """Ask about one image; None where the budget is spent."""
        image = self._images[key]
        try:
            result = self._asked(key, image)
        except _ENDS_ALL:
            self._stop.set()
            raise
        except APIError as error:
            self._failures += 1
            if self._failures >= self._most_failures:
                self._stop.set()
                raise
            return Captioned(error=error)
        except RerankError as error:
            return Captioned(error=error)
        self._failures = 0
        return result

    def _asked(self, key: str, image: Image) -> Captioned | None:
        captioner = self._captioner
        expected = estimate_tokens(image, captioner.prompt, captioner.max_pixels)
        expected += captioner.max_answer_tokens // 4
        if not self._budget.take(expected):
            return None
        encoded = encode_within(image, captioner.max_pixels, _MAX_BYTES)
        request = CaptionRequest(
            image=encoded, prompt=captioner.prompt, max_tokens=captioner.max_answer_tokens
        )
        spent = 0
        try:
            reply = checked_reply(captioner.model, request)
            spent += _tokens(reply, expected)
            answer = _read(reply)
            if not isinstance(answer, Caption):
                reply = checked_reply(
                    captioner.model,
                    replace(
                        request,
                        prompt=request.prompt + RETRY.format(reason=answer),
                        max_tokens=max(1, request.max_tokens // 2),
                    ),
                )
                spent += _tokens(reply, expected)
                answer = _read(reply, is_last=True)
        finally:
            self._budget.settle(expected, spent)
        captioner.cache.put(key, answer)
        return _kept(answer)


def _tokens(reply: CaptionReply, expected: int) -> int:
    if reply.input_tokens is None or reply.output_tokens is None:
        return expected
    return reply.input_tokens + reply.output_tokens


def _read(reply: CaptionReply, *, is_last: bool = False) -> Caption | str:
    """The caption in a reply, or why there is none; if it is the last one, plain text will do."""
    if reply.refusal:
        return f"refused: {reply.refusal}"
    reason, is_refusal = "the answer was cut off at its limit", False
    if not reply.is_cut:
        try:
            return read_caption(reply.content)
        except UnusableAnswerError as error:
            reason, is_refusal = str(error), error.is_refusal
    plain = plain_caption(reply.content) if is_last and not is_refusal else None
    return plain or reason
