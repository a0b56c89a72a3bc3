"""The lines of a prompt: labels of ours, and lines that others wrote, marked as such.

Documents are untrusted: every line that was read in one begins with "| ", so that no document can
end its own passage, or begin another one's. So are generated captions, whose model has read what is
in the image: each of their lines begins with "~ ".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from mmrerank.answers.chunks import Chunk, ChunkImage
from mmrerank.answers.citations import Citation, Citations, plain_label
from mmrerank.answers.images import Picked, Place
from mmrerank.answers.parts import ImagePart
from mmrerank.terminal import clean

__all__ = [
    "chunk_lines",
    "citations_of",
    "generated_lines",
    "image_labels",
    "image_parts",
    "quoted_words",
]

_NAME_LENGTH = 160  # characters of a file's name or a section in a label


def chunk_lines(i: int, chunk: Chunk) -> list[str]:
    """A chunk's label and its quoted text."""
    facts = [_name(re.split(r"[/\\]", chunk.source)[-1])]
    facts += [f"attachment {_name(chunk.attachment)}"] if chunk.attachment else []
    facts += [f"page {_name(str(chunk.page))}"] if chunk.page not in (None, "") else []
    facts += [f"section {_name(chunk.section)}"] if chunk.section else []
    facts += ["words read in an image"] if chunk.kind == "figure" else []
    return [f"[{i + 1}] {', '.join(fact for fact in facts if fact)}".rstrip(), *quoted(chunk.text)]


def image_parts(
    i: int, chunk: Chunk, picked: Picked, citations: Citations
) -> Iterator[str | ImagePart]:
    """The images of a chunk with their labels, or the words that were read in them."""
    for j, (image, label) in enumerate(zip(chunk.images, image_labels(chunk), strict=True)):
        alias = citations.aliases.get((i + 1, plain_label(label)))
        if alias is not None and (i, j) in picked.same:
            yield f"[{i + 1}, {label}] is the image {alias.label}"
        one = picked.images.get((i, j))
        if one is None:
            continue
        citation = _image_citation(i, chunk, image, label)
        page = f" on page {image.page}" if image.page else ""
        if one.encoded is not None or one.url is not None:
            yield f"{citation.label} an image{page}"
            yield from quoted(image.caption)
            yield from generated_lines(citation.label, image, is_whole=False)
            yield ImagePart(citation, one.encoded, one.url)
        else:
            yield f"{citation.label} what was read in an image{page}"
            yield from quoted_words(image, one.words)
            yield from generated_lines(citation.label, image)


def quoted_words(image: ChunkImage, words: str) -> list[str]:
    """What was read in an image: its caption and the words in it, marked as a document's."""
    words = " ".join(words.split())  # the engine leaves wide gaps
    caption = "" if image.caption in words else image.caption
    return quoted(f"{caption}\n{words}".strip()) or ["(no words were found in it)"]


def generated_lines(label: str, image: ChunkImage, *, is_whole: bool = True) -> list[str]:
    """What a model said of an image, marked as that; [] where none was asked.

    Beside an image that is sent, its first sentence is enough (`is_whole=False`).
    """
    said = image.generated_caption.strip()
    if not said:
        return []
    lines = _marked("~", said if is_whole else said.splitlines()[0])
    model = f" by {_name(image.generated_by)}" if image.generated_by else ""
    return [f"{label} a caption generated{model}, which is not in the document", *lines]


def image_labels(chunk: Chunk) -> list[str]:
    """What the images of a chunk are called in a prompt: "Figure 3", or "Image 2"; all different."""
    labels: dict[str, str] = {}  # by their plain forms
    named = {plain_label(image.label) for image in chunk.images}
    for j, image in enumerate(chunk.images):
        label = image.label
        if not label or plain_label(label) in labels:
            numbers = itertools.count(j + 1)
            made = (f"Image {n}" for n in numbers)  # a document may have an "Image 2" of its own
            label = next(one for one in made if plain_label(one) not in named | labels.keys())
        labels[plain_label(label)] = label
    return list(labels.values())


def citations_of(chunks: Sequence[Chunk], picked: Picked) -> Citations:
    """What an answer can cite: each chunk, followed by those of its images that are handed over."""
    known: list[Citation] = []
    of_place: dict[Place, Citation] = {}
    labels = [image_labels(chunk) for chunk in chunks]
    for i, chunk in enumerate(chunks):
        known.append(
            Citation(
                number=i + 1,
                source=chunk.source,
                attachment=chunk.attachment,
                page=chunk.page,
                section=chunk.section,
                kind=chunk.kind,
                box=chunk.box,
            )
        )
        for j, image in enumerate(chunk.images):
            if (i, j) in picked.images:
                of_place[i, j] = _image_citation(i, chunk, image, labels[i][j])
                known.append(of_place[i, j])
    aliases = {
        (i + 1, plain_label(labels[i][j])): of_place[place] for (i, j), place in picked.same.items()
    }
    return Citations(tuple(known), aliases)


def _image_citation(i: int, chunk: Chunk, image: ChunkImage, label: str) -> Citation:
    return Citation(
        number=i + 1,
        source=chunk.source,
        attachment=chunk.attachment,
        page=image.page or chunk.page,
        section=chunk.section,
        kind=image.kind or "image",
        figure=label,
        image=image.ref,
        file=str(image.image.path or ""),
        caption=image.caption,
        generated_caption=image.generated_caption,
        generated_by=image.generated_by,
        box=image.box,
    )


def quoted(text: str) -> list[str]:
    """The lines of an untrusted text, marked; without invisible characters, which could hide some."""
    return _marked("|", text)


def _marked(mark: str, text: str) -> list[str]:
    return [f"{mark} {line}" for line in clean("\n".join(text.splitlines())).splitlines()]


def _name(text: str) -> str:
    """A name out of a document, in a label: one line, without brackets."""
    line = " ".join(clean(" ".join(text.split())).split()).replace("[", "(").replace("]", ")")
    return line[:_NAME_LENGTH]
