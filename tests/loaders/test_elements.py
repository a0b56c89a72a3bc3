"""Elements become chunks: captions, sections, sizes and links."""

from __future__ import annotations

from mmrerank.loaders.base import Figure
from mmrerank.loaders.elements import (
    Element,
    add_captions,
    figures_by_label,
    link_figures,
    pack_elements,
)
from mmrerank.loaders.splitting import Sizes


def figure(ref="a.png", caption="", label=""):
    return Figure(ref, "a.docx", 0, (0, 0, 80, 60), "raster", caption=caption, label=label)


def texts(elements, limit=1000):
    sizes = None if limit is None else Sizes(limit)
    return [chunk.text for chunk in pack_elements(elements, sizes)]


def test_a_caption_below_goes_before_one_above():
    above, below = Element("Figure 1: Above."), Element("Figure 2: Below.")
    _, element, _ = add_captions([above, Element(figure=figure()), below])
    assert (element.figure.label, element.figure.caption) == ("figure 2", "Figure 2: Below.")
    _, element = add_captions([above, Element(figure=figure())])
    assert element.figure.label == "figure 1"


def test_a_caption_of_its_own_goes_before_those_beside_it():
    image = Element(figure=figure(caption="Fig. 3: Mine"))
    element, _ = add_captions([image, Element("Figure 2: Below.")])
    assert element.figure.label == "figure 3"


def test_text_that_is_not_a_numbered_caption_stays_text():
    element, _ = add_captions([Element(figure=figure(caption="a belt")), Element("Words.")])
    assert (element.figure.label, element.figure.caption) == ("", "a belt")


def test_the_first_figure_of_a_label_counts():
    elements = [Element(figure=figure(ref, label="figure 1")) for ref in ("a.png", "b.png")]
    assert figures_by_label([*elements, Element("x")]) == {"figure 1": elements[0].figure}


def test_elements_fill_a_chunk_up_to_its_size():
    assert texts([Element("aaaa"), Element("bbbb"), Element("cccc")], 10) == [
        "aaaa\n\nbbbb",
        "cccc",
    ]
    assert texts([Element("aaaa bbbb cccc")], 10) == ["aaaa bbbb", "cccc"]
    assert texts([Element(" "), Element("a")]) == ["a"]
    assert texts([]) == []


def test_a_heading_opens_a_chunk_after_text():
    elements = [Element("A", level=1), Element("one"), Element("B", level=2), Element("two")]
    chunks = list(pack_elements(elements, Sizes(1000)))
    assert [(c.text, c.section) for c in chunks] == [("A\n\none", "A"), ("B\n\ntwo", "A > B")]


def test_a_page_opens_a_chunk_and_is_one_without_sizes():
    elements = [Element("a" * 50, page=1), Element("T", level=1, page=1), Element("b", page=2)]
    chunks = list(pack_elements(elements, None))
    assert [(c.page, c.section) for c in chunks] == [(1, "T"), (2, "T")]
    assert chunks[0].text == "a" * 50 + "\n\nT"
    assert texts(elements, 1000) == ["a" * 50, "T", "b"]


def test_images_stand_where_the_text_ended():
    image, missing = Element(figure=figure()), Element(not_rendered="chart 1")
    (chunk,) = pack_elements([Element("abc"), image, missing], Sizes(1000))
    assert chunk.figures == [(3, image.figure)]
    assert chunk.not_rendered == ["chart 1"]
    (alone,) = pack_elements([missing], Sizes(1000))
    assert (alone.text, alone.not_rendered) == ("", ["chart 1"])


def test_a_mention_is_the_strongest_link():
    plain, captioned = figure("a.png"), figure("b.png", caption="a belt")
    links = link_figures([(0, plain), (0, captioned)], [(9, plain)])
    assert [(link.figure.ref, link.kind) for link in links] == [
        ("a.png", "reference"),
        ("b.png", "caption"),
    ]
    (link,) = link_figures([(0, plain)], [])
    assert link.kind == "column"
