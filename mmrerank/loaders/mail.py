"""Mail (EML) and web archives (MHT) as chunks, followed by those of the files attached to them."""

from __future__ import annotations

import codecs
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import MISSING, fields, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar, Unpack, cast

from mmrerank.errors import DocumentError, MissingDependencyError
from mmrerank.loaders.attachments import Attachment, AttachmentLimits, LeftOutError
from mmrerank.loaders.base import Chunk, Origin, chunk_id
from mmrerank.loaders.element_loader import ElementLoader, LoaderOptions
from mmrerank.loaders.elements import Element
from mmrerank.loaders.file_options import FileOptions
from mmrerank.loaders.files import LOADERS, Loader, loader_for
from mmrerank.loaders.mail_message import Mail, read_mail
from mmrerank.loaders.pdf.options import PDFSettings
from mmrerank.loaders.text import read_document
from mmrerank.worker import WorkerLostError

__all__ = ["MailLoader"]

_MAX_BYTES = 128 * 2**20  # attachments are in base64

_OF_THE_MAIL = ("figure_chunks", "pages", "urls", "assets")
"""Options that attachments do not take: their figures get chunks with those of the mail, a number
of a page is of no use for several files, and nobody's mail may name files or addresses to open."""


class MailLoader(ElementLoader):
    """Loads an EML file, or a web page saved as MHT, with the images inside, and what is attached.

    Of a text in several formats, HTML is read. The chunks of attached files and mails follow, read
    by the loaders of their formats: `source` is the mail, `attachment` in the metadata the name of
    the file, and `page` the page in it. At most 200 attachments of 96 MiB together are read, in at
    most five minutes, of mails within mails to a depth of eight; what is left out is named in a
    `RerankWarning`. Keywords are those of `FileOptions`, for the attachments; `pages`, `urls` and
    `assets` have no effect. Raises as `ElementLoader`.
    """

    options: ClassVar[type] = FileOptions
    defaults: ClassVar[Mapping[str, Any]] = {
        **{
            field.name: field.default
            for field in fields(PDFSettings)
            if field.name not in ElementLoader.defaults and field.default is not MISSING
        },
        "urls": "refuse",
        "assets": "none",
        "encoding": None,
    }

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Unpack[FileOptions],
    ) -> None:
        super().__init__(path, image_root=image_root, **cast("LoaderOptions", options))
        self._given = {name: value for name, value in options.items() if name not in _OF_THE_MAIL}
        self._attachments: list[Attachment] = []
        self._message: EmailMessage | None = None  # of a mail within another
        self._outer_limits: AttachmentLimits | None = None
        self._limits = AttachmentLimits()

    def attach_to(self, limits: AttachmentLimits, message: EmailMessage | None) -> None:
        """Load a mail within another: its `message`, or that in the file, within the same limits."""
        self._outer_limits, self._message = limits, message

    def elements(self) -> Iterator[Element]:
        """The parts of the mail itself, in order."""
        message = self._message or read_mail(read_document(self.path, _MAX_BYTES))
        mail = Mail(self, message)
        yield from mail.elements()
        self._attachments = mail.attachments

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one, those of the mail first; raises as `ElementLoader.lazy_load`."""
        self._limits = self._outer_limits or AttachmentLimits()
        yield from super().lazy_load()

    def _document_chunks(self) -> Iterator[Chunk]:
        position = 0
        for chunk in super()._document_chunks():
            yield chunk
            position += 1
        for attachment in self._attachments:
            first = position
            try:
                for chunk in self._attached_chunks(attachment):
                    yield _moved(chunk, position)
                    position += 1
            except LeftOutError as error:
                rest = "the rest of " if position > first else ""
                self.warn(f"{rest}the attachment {attachment.name!r} is left out: {error}")

    def _attached_chunks(self, attachment: Attachment) -> Iterator[Chunk]:
        """The chunks of an attached file; raises `LeftOutError` where it cannot be read.

        Raises `InvalidInputError` for options that cannot be used, and `ImageError` where an image
        cannot be written.
        """
        self._limits.add(attachment)
        with ExitStack() as stack:
            try:
                loader = self._loader(attachment, stack)
                chunks = loader.lazy_load()
                is_mail = isinstance(loader, MailLoader)
                yield from (self._limits.within if is_mail else self._limits.timed)(chunks)
            except DocumentError as error:
                raise LeftOutError(error.reason.replace(error.path, attachment.name)) from error
            except (MissingDependencyError, WorkerLostError) as error:
                raise LeftOutError(str(error)) from error

    def _loader(self, attachment: Attachment, stack: ExitStack) -> Loader:
        """The loader of an attachment, whose file is removed with the `stack`."""
        loader: Loader
        if attachment.message is not None:
            loader = MailLoader(self.path, image_root=self._root, **self._options_for(attachment))
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mmrerank-"))
            path = Path(folder, f"attachment{attachment.suffix}")
            path.write_bytes(attachment.data)
            options = self._options_for(attachment)
            loader = loader_for(path, image_root=self._root, **options)
        if isinstance(loader, MailLoader):
            loader.attach_to(self._limits, attachment.message)
        names = (self.origin.attachment, attachment.name)
        loader.origin = Origin(self.origin.source, " > ".join(filter(None, names)))
        return loader

    def _options_for(self, attachment: Attachment) -> dict[str, Any]:
        options = {**self._given, "assets": "none"}
        if attachment.data.startswith(codecs.BOM_UTF8):  # its encoding is known
            options.pop("encoding", None)
        if LOADERS.get(attachment.suffix) == LOADERS[".png"]:
            options["min_size"] = self._min_size  # signatures hold tiny images
        return options


def _moved(chunk: Chunk, position: int) -> Chunk:
    """A chunk of an attachment at its position among all chunks of the mail."""
    return replace(chunk, position=position, id=chunk_id(chunk.source, position, chunk.id))
