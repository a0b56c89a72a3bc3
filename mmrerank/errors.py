"""Every error mmrerank raises.

::

    Exception
    └── RerankError
        ├── InvalidInputError (also ValueError)   a query, document or option that cannot be used
        │   └── UnsupportedModalityError          text or images that a model cannot read
        ├── UnsupportedOperationError (also NotImplementedError)  what a reranker cannot do at all
        ├── ImageError                            an image reference or file that cannot be used
        ├── DocumentError                         a PDF or other file that cannot be loaded
        ├── CaptionError                          an image that a vision model gives no caption for
        ├── StoreError                            an index that is missing or cannot be used
        ├── MissingDependencyError (also ImportError)  an optional package is not installed
        ├── ModelLoadError                        a local model that cannot be loaded
        └── APIError                              a rerank service refused, failed or did not answer
            ├── AuthenticationError               401, 403: the key is unknown or not allowed
            ├── RateLimitError                    429
            ├── APITimeoutError                   no answer in time
            ├── APIConnectionError                the service could not be reached
            └── InvalidResponseError              an answer that is not one score per document
"""

from __future__ import annotations

import sys
import warnings

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AuthenticationError",
    "CaptionError",
    "DocumentError",
    "ImageError",
    "InvalidInputError",
    "InvalidResponseError",
    "MissingDependencyError",
    "ModelLoadError",
    "RateLimitError",
    "RerankError",
    "RerankWarning",
    "StoreError",
    "UnsupportedModalityError",
    "UnsupportedOperationError",
    "warn",
]


_LONGEST_NAME = 200
_OURS = ("mmrerank", "langchain_mmrerank", "llama_index_mmrerank")
_BETWEEN = ("langchain_core", "langchain_classic", "llama_index", "pydantic")
"""Packages that may stand between a caller's line and ours."""


class RerankError(Exception):
    """Base of every error of this package."""


class RerankWarning(UserWarning):
    """Something was left out of a score or a document, and the work went on without it."""


class InvalidInputError(RerankError, ValueError):
    """A query, a document or an option cannot be used; the message says which and why."""


class UnsupportedModalityError(InvalidInputError):
    """A model was given text or images that it cannot read."""


class UnsupportedOperationError(RerankError, NotImplementedError):
    """A reranker was asked for something that it cannot do; the message says which one can."""


class ImageError(RerankError):
    """An image cannot be used. `reference` names it, `reason` says why."""

    def __init__(self, reference: str, reason: str) -> None:
        if len(reference) > _LONGEST_NAME:  # it may be image bytes, passed in place of a name
            reference = f"{reference[:_LONGEST_NAME]}…"
        super().__init__(reference, reason)
        self.reference = reference
        self.reason = reason

    def __str__(self) -> str:
        return f"image {self.reference!r}: {self.reason}"


class DocumentError(RerankError):
    """A file cannot be loaded. `path` names it, `page` (from 1) says where if that is known."""

    def __init__(self, path: str, reason: str, *, page: int | None = None) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason
        self.page = page

    def __str__(self) -> str:
        place = f", page {self.page}" if self.page is not None else ""
        return f"{self.path}{place}: {self.reason}"


class CaptionError(RerankError):
    """A vision model gave no caption of an image; the message says what it did instead."""


class StoreError(RerankError):
    """An index does not exist or cannot be read."""


class MissingDependencyError(RerankError, ImportError):
    """An optional package is not installed. `extra` names what to install.

    `instead` says how to do without, empty where there is no way.
    """

    def __init__(self, package: str, extra: str, purpose: str, instead: str = "") -> None:
        super().__init__(package, extra, purpose, instead)
        self.package = package
        self.extra = extra
        self.purpose = purpose
        self.instead = instead

    def __str__(self) -> str:
        return (
            f"{self.purpose} needs {self.package}, which is not installed; "
            f'install it with: pip install "mmrerank[{self.extra}]"'
            f"{self.instead and f' ({self.instead})'}"
        )


class ModelLoadError(RerankError):
    """A local model cannot be loaded; the message says what there is and what is needed."""


class APIError(RerankError):
    """A rerank service refused a request, failed, or did not answer.

    `status_code` is the HTTP status (None if there was no answer), `code` the service's own name
    for the error, `request_id` what to quote to its support.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.code = code
        self.request_id = request_id

    def __str__(self) -> str:
        details = {
            "status": self.status_code,
            "code": self.code,
            "request_id": self.request_id,
        }
        facts = ", ".join(f"{name} {value}" for name, value in details.items() if value is not None)
        message = super().__str__()
        return f"{message} ({facts})" if facts else message


class AuthenticationError(APIError):
    """The key is missing, unknown, not allowed to do this, or out of credit (401, 403)."""


class RateLimitError(APIError):
    """Too many requests (429). `retry_after` is in seconds, None if the service did not say."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, status_code=429, code=code, request_id=request_id)
        self.retry_after = retry_after


class APITimeoutError(APIError):
    """The service did not answer in time."""


class APIConnectionError(APIError):
    """The service could not be reached, or the connection broke."""


class InvalidResponseError(APIError):
    """The answer does not have exactly one finite score for each document that was sent."""


def warn(message: str) -> None:
    """Issue a `RerankWarning` that points at the caller's line, outside of ours and the frameworks."""
    frame, level = sys._getframe(), 1  # noqa: SLF001 - warnings has skip_file_prefixes from 3.12 on
    while frame.f_back is not None and _is_skipped(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, RerankWarning, stacklevel=level)


def _is_skipped(module: str) -> bool:
    return module.partition(".")[0] in (*_OURS, *_BETWEEN)
