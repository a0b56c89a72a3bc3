"""Mail (EML) and web archives (MHT): subject, addresses, text, images; what is attached is named."""

from __future__ import annotations

import email
import email.policy
import urllib.parse
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any, cast

from mmrerank.errors import ImageError, warn
from mmrerank.loaders.element_loader import ElementLoader
from mmrerank.loaders.elements import Element
from mmrerank.loaders.html_reader import FindImage, HTMLReader
from mmrerank.loaders.text import decoded, paragraphs, read_document
from mmrerank.types import Image

__all__ = ["MailLoader", "mail_elements"]

_MAX_BYTES = 128 * 2**20  # attachments are in base64
_MAX_DEPTH = 8  # of mails within mails
_LAYOUT = ("text/css", "text/javascript")  # of web pages, beside their HTML
_HEADERS = ("From", "To", "Cc", "Date")


class MailLoader(ElementLoader):
    """Loads an EML file, or a web page saved as MHT, with the images inside.

    Of a text in several formats, HTML is read. Forwarded mails and attached texts follow. Other attachments are left out with a `RerankWarning`, and named
    under `not_rendered`. Keywords are those of `LoaderOptions`. Raises as `ElementLoader`.
    """

    def elements(self) -> Iterator[Element]:
        """The parts of the mail, in order."""
        yield from mail_elements(self, read_document(self.path, _MAX_BYTES))


def mail_elements(loader: ElementLoader, data: bytes) -> Iterator[Element]:
    """The elements of a mail, for a loader that saves its images."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    yield from _Mail(loader, message, depth=0).elements()


class _Mail:
    """A mail, or one within another."""

    def __init__(self, loader: ElementLoader, message: EmailMessage, depth: int) -> None:
        self._loader, self._message, self._depth = loader, message, depth
        self._shown: set[int] = set()  # parts that the text has shown already

    def elements(self) -> Iterator[Element]:
        if subject := _header(self._message, "Subject"):
            yield Element(subject, level=min(self._depth + 1, 6))
        headers = ((name, _header(self._message, name)) for name in _HEADERS)
        yield Element("\n".join(f"{name}: {text}" for name, text in headers if text))
        body = self._body()
        if body is not None:
            yield from self._text(body)
        for part in _leaves(self._message):
            if part is not body and id(part) not in self._shown:
                yield from self._attached(part)

    def _body(self) -> EmailMessage | None:
        """The text to read; plain text that is offered beside HTML is not read again."""
        offered = [self._message.get_body((kind,)) for kind in ("html", "plain")]
        self._shown.update(id(part) for part in offered if part is not None)
        body = next((part for part in offered if part is not None), None)
        return cast("EmailMessage | None", body)

    def _text(self, part: EmailMessage) -> Iterator[Element]:
        text = self._decoded(part)
        if part.get_content_type() == "text/html":
            yield from HTMLReader(self._loader, self._finder()).elements(text)
        else:
            yield from paragraphs(text)

    def _decoded(self, part: EmailMessage) -> str:
        data = _payload(part)
        try:
            return decoded(self._loader.path, data, part.get_content_charset())
        except LookupError:  # a charset that Python does not know
            return decoded(self._loader.path, data)

    def _finder(self) -> FindImage:
        """Finds images by their Content-ID (`cid:`) or their Content-Location."""
        named: dict[str, EmailMessage] = {}
        for part in _leaves(self._message):
            if identity := _header(part, "Content-ID").strip("<> "):
                named[f"cid:{identity}"] = part
            if location := _header(part, "Content-Location"):
                named[location] = part
        body = self._body()
        base = _header(body, "Content-Location") if body is not None else ""
        elsewhere = HTMLReader(self._loader).find_image

        def find(source: str) -> tuple[str, Image]:
            part = named.get(source) or named.get(urllib.parse.urljoin(base, source))
            if part is None:
                if source.startswith("cid:"):
                    raise ImageError(source, "is not in the file")
                return elsewhere(source)
            self._shown.add(id(part))
            return _name(part), Image.from_bytes(_payload(part))

        return find

    def _attached(self, part: EmailMessage) -> Iterator[Element]:
        """What stands beside the text: mails, images and texts are read, others named."""
        kind = part.get_content_type()
        if kind == "message/rfc822" and self._depth < _MAX_DEPTH:
            inner: Any = part.get_payload(0)
            yield from _Mail(self._loader, inner, self._depth + 1).elements()
        elif part.get_content_maintype() == "image":
            image = Image.from_bytes(_payload(part))
            if element := self._loader.image_element(image, name=_name(part)):
                yield element
        elif kind in _LAYOUT:
            return
        elif part.get_content_maintype() in ("text", "multipart"):  # without a boundary it is text
            yield from self._text(part)
        elif _payload(part) or kind == "message/rfc822":
            warn(f"{self._loader.path}: the attachment {_name(part)!r:.100} is left out")
            yield Element(not_rendered=f"attachment {_name(part)[:200]}")


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """The parts that are not made of others; a mail within is one part."""
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        yield message
        return
    for part in message.iter_parts():
        yield from _leaves(cast("EmailMessage", part))


def _payload(part: EmailMessage) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _header(message: EmailMessage, name: str) -> str:
    """A header on one line; "" if it is missing or cannot be read."""
    try:
        return " ".join(str(message.get(name) or "").split())
    except Exception:  # the standard library's parser of headers raises many kinds on damaged ones
        return ""


def _name(part: EmailMessage) -> str:
    try:
        return part.get_filename() or part.get_content_type()
    except Exception:  # as in `_header`
        return part.get_content_type()
