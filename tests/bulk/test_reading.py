"""One file, as a process of the pipeline reads it."""

from __future__ import annotations

from cli_helpers import make_pdf
from helpers import image_file

from mmrerank.bulk.reading import Reading, read_document
from mmrerank.ocr.words import loader_facts
from mmrerank.types import Image


def test_a_copy_is_known_by_the_name_of_its_document(tmp_path):
    reading, root = Reading(ocr=False, metadata=(("team", "north"),)), tmp_path / "images"
    chunks = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "hall.pdf"
        make_pdf(path, "Hall a. See Figure 1.", image=image_file((300, 100)))
        found, warned = read_document(path, "s3://bucket/hall.pdf", reading, root)
        chunks.append(found)
        assert warned == []
    assert chunks[0] == chunks[1]  # whatever the name of the copy
    assert len({chunk.id for chunk in chunks[0]}) == len(chunks[0]) == 2
    assert {chunk.source for chunk in chunks[0]} == {"s3://bucket/hall.pdf"}
    assert {chunk.metadata["team"] for chunk in chunks[0]} == {"north"}
    ref = chunks[0][1].links[0].figure.ref
    facts = loader_facts(Image(path=root / ref, root=root), "s3://bucket/hall.pdf")
    assert facts["caption"].startswith("Figure 1")


def test_options_are_those_of_a_sync(tmp_path):
    assert Reading(ocr=False).options() != Reading(ocr=True).options()
    assert Reading(ocr=False).options() == Reading(ocr=False).options()
