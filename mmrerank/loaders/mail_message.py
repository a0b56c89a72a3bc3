"""The parts of a mail or web archive: subject, addresses, text, images, and what is attached."""

from __future__ import annotations

import base64
import codecs
import contextlib
import email
import email.policy
import urllib.parse
from collections.abc import Iterator
from email.message import EmailMessage
from typing import cast

from mmrerank.errors import ImageError
from mmrerank.loaders.attachments import Attachment
from mmrerank.loaders.element_loader import ElementLoader
from mmrerank.loaders.elements import Element
from mmrerank.loaders.html_reader import FindImage, HTMLReader
from mmrerank.loaders.text import decoded, paragraphs
from mmrerank.types import Image

__all__ = ["Mail", "mail_elements", "read_mail"]

_LAYOUT = ("text/css", "text/javascript")  # of web pages, beside their HTML
_LONGEST_NAME = 200
_HEADERS = ("From", "To", "Cc", "Date")


def read_mail(data: bytes) -> EmailMessage:
    """The mail in a file."""
    return email.message_from_bytes(data, policy=email.policy.default)


def mail_elements(loader: ElementLoader, data: bytes) -> Iterator[Element]:
    """The elements of a mail within a document of another format; its attachments are named only."""
    mail = Mail(loader, read_mail(data))
    yield from mail.elements()
    for attachment in mail.attachments:
        yield _left_out(loader, attachment.name)


class Mail:
    """A mail, whose images `loader` saves. `attachments` is filled while `elements` are read."""

    def __init__(self, loader: ElementLoader, message: EmailMessage) -> None:
        self._loader, self._message = loader, message
        self._shown: set[int] = set()  # parts that the text has shown already
        self.attachments: list[Attachment] = []

    def elements(self) -> Iterator[Element]:
        """Subject, addresses, text and images, in order."""
        if subject := _header(self._message, "Subject"):
            yield Element(subject, level=1)
        headers = ((name, _header(self._message, name)) for name in _HEADERS)
        yield Element("\n".join(f"{name}: {text}" for name, text in headers if text))
        body = self._body()
        if body is not None:
            yield from self._text(body)
        for part in _leaves(self._message):
            if part is not body and id(part) not in self._shown:
                yield from self._beside(part)

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
            return decoded(str(self._loader.origin), data, part.get_content_charset())
        except LookupError:  # a charset that Python does not know
            return decoded(str(self._loader.origin), data)

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

    def _beside(self, part: EmailMessage) -> Iterator[Element]:
        """What stands beside the text: images and texts without a name belong to it."""
        kind, main = part.get_content_type(), part.get_content_maintype()
        attached = _is_attached(part)
        if main == "image" and not attached:
            image = Image.from_bytes(_payload(part))
            if element := self._loader.image_element(image, name=_name(part)):
                yield element
        elif kind in _LAYOUT and not attached:
            return
        elif main in ("text", "multipart") and not attached and not _file_name(part):
            yield from self._text(part)  # what is multipart without a boundary is text
        elif attachment := self._attachment(part):
            if attachment.message is not None or attachment.suffix:
                self.attachments.append(attachment)
            else:
                yield _left_out(self._loader, attachment.name, "its format is not known")

    def _attachment(self, part: EmailMessage) -> Attachment | None:
        """An attached file; None if it is empty."""
        name, kind = _name(part), part.get_content_type()
        if kind == "message/rfc822":
            inner = _inner_mail(part)
            name = _file_name(part) or _printable(_header(inner, "Subject")) or "mail"
            return Attachment(name, kind, message=inner)
        data = _payload(part)
        if part.get_content_maintype() == "text" and part.get_content_charset():
            data = codecs.BOM_UTF8 + self._decoded(part).encode("utf-8", "replace")
        return Attachment(name, kind, data) if data else None


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


def _inner_mail(part: EmailMessage) -> EmailMessage:
    """The mail in a part; some programs write it in base64, which the parser does not expect."""
    inner = cast("EmailMessage", part.get_payload(0))
    if _header(part, "Content-Transfer-Encoding").lower() == "base64":
        with contextlib.suppress(ValueError):
            return read_mail(base64.b64decode(str(inner.get_payload()), validate=False))
    return inner


def _is_attached(part: EmailMessage) -> bool:
    try:
        return part.get_content_disposition() == "attachment"
    except Exception:  # as in `_header`
        return False


def _file_name(part: EmailMessage) -> str:
    """The name that the mail gives a part, to be shown; "" without one."""
    try:
        return _printable(part.get_filename() or "")
    except Exception:  # as in `_header`
        return ""


def _name(part: EmailMessage) -> str:
    return _file_name(part) or part.get_content_type()


def _printable(name: str) -> str:
    """A name without line breaks, control characters and halves of surrogate pairs."""
    return "".join(letter for letter in name if letter.isprintable()).strip()[:_LONGEST_NAME]


def _left_out(loader: ElementLoader, name: str, reason: str = "") -> Element:
    loader.warn(f"the attachment {name!r} is left out" + (f": {reason}" if reason else ""))
    return Element(not_rendered=f"attachment {name}")
