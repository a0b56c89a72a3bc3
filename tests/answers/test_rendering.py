"""Labels of images in a prompt."""

from __future__ import annotations

import pytest

from mmrerank import Image
from mmrerank.answers.chunks import Chunk, ChunkImage, read_chunk
from mmrerank.answers.images import Picked
from mmrerank.answers.rendering import chunk_lines, citations_of, image_labels


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["", "Figure 3", ""], ["Image 1", "Figure 3", "Image 3"]),
        (["Figure 3", "Fig. 3"], ["Figure 3", "Image 2"]),
        (["Image 2", "", "Image 2"], ["Image 2", "Image 3", "Image 4"]),
        (["", "Image 1"], ["Image 2", "Image 1"]),
    ],
)
def test_no_two_images_of_a_chunk_have_one_label(labels, shown):
    images = [ChunkImage(image=Image(data=b"x"), ref="a.png", label=label) for label in labels]
    assert image_labels(Chunk(text="", images=tuple(images))) == shown


def test_an_attached_file_is_named_with_its_page():
    metadata = {"source": "/mails/a.eml", "attachment": "report.pdf", "page": 3}
    chunk = read_chunk("The pump leaks.", metadata)
    assert chunk_lines(0, chunk)[0] == "[1] a.eml, attachment report.pdf, page 3"
    (citation,) = citations_of([chunk], Picked())
    assert (citation.source, citation.attachment, citation.page) == (
        "/mails/a.eml",
        "report.pdf",
        3,
    )
