"""Explanations on cards: words with weights, and images with numbered places."""

from __future__ import annotations

import io
import re

import pytest
from helpers import png
from PIL import Image as Pillow
from shown import HOSTILE, QUERY, card, explanation, word_weights
from test_markup import Reader
from test_page import ALLOWED, text_of

from mmrerank import Image, InvalidInputError
from mmrerank.display import ResultsPage
from mmrerank.display.overlay import overlaid, strongest_marks
from mmrerank.explanation import ImageMap, ImageWord


def page_of(**known) -> str:
    return ResultsPage([card(explanation=explanation(**known))], QUERY).html()


def test_words_have_their_weights_in_numbers():
    page = page_of()
    assert '<span class="plus shade4">torque<sub class="weight">+0.400</sub></span>' in page
    assert '<span class="minus shade1">turbine.<sub class="weight">-0.100</sub></span>' in page
    assert "torque+0.300 of the turbine-0.050" in text_of(page)


def test_only_the_strongest_words_have_numbers():
    text = " ".join(f"word{i}" for i in range(100))
    weights = word_weights(text, [(f"word{i}", i / 100) for i in range(100)])
    shown = card(text, explanation=explanation(document=weights, query=(), images=()))
    assert ResultsPage([shown]).html().count('<sub class="weight">') == 12


def test_what_is_said_of_the_score_is_no_more_than_is_known():
    said = text_of(page_of())
    assert "By integrated gradients, for m0: score 0.750, 1.250 on the model's own scale" in said
    assert "0.250 without the words and images. The weights do not explain +0.100, 10%" in said
    assert "Made by: image 1 (score 0.750, share 100%)." in said
    exact = text_of(page_of(method="bm25", output=0.75, baseline=0.0, gap=0.0))
    assert "which are exact, for m0: score 0.750. The weights add up to the score." in exact
    alone = text_of(page_of(method="leave_one_out", baseline=None, gap=None))
    assert "Each weight is what would be lost without that word alone." in alone


def test_places_of_an_image_are_numbered_and_listed():
    page = page_of()
    said = text_of(page)
    assert "1row 1, column 2+0.4002row 1, column 3-0.2003row 1, column 1+0.100" in said
    assert 'alt="Figure 1: The gauge., with 4 places numbered"' in page
    assert page.count('src="data:image/') == 2


def test_words_that_were_read_in_an_image_are_numbered():
    words = (
        ImageWord(image=0, text="torque", weight=0.4, box=(10.0, 20.0, 120.0, 70.0)),
        ImageWord(image=0, text="gauge", weight=0.1),
    )
    said = text_of(page_of(images=(), image_words=words))
    assert "1torque+0.4002gauge+0.100" in said


def test_the_strongest_cell_is_tinted_and_framed():
    white = Image.from_bytes(png("", (600, 300)))
    one = ImageMap(image=0, rows=1, columns=3, width=600, height=300, weights=((0.0, 1.0, -0.5),))
    drawn = overlaid(white, explanation(images=(one,)), 0, 300)
    with Pillow.open(io.BytesIO(drawn.data)) as picture:
        assert picture.size == (300, 150)
        left, middle, right = (picture.convert("RGB").getpixel((x, 100)) for x in (50, 150, 250))
    assert left == (255, 255, 255)
    assert middle[0] > middle[1] + 60  # red
    assert right[2] > right[0] + 20  # blue
    assert [mark.number for mark in strongest_marks(explanation(images=(one,)), 0)] == [1, 2]


def test_a_map_that_does_not_fit_is_refused():
    one = ImageMap(image=0, rows=2, columns=2, width=60, height=30, weights=((1.0,),))
    with pytest.raises(InvalidInputError, match="2 x 2 cells"):
        overlaid(Image.from_bytes(png()), explanation(images=(one,)), 0, 300)


def test_an_explanation_of_another_text_shows_no_wrong_words():
    shown = card("Something else.", explanation=explanation())
    assert "torque+0.400" not in text_of(ResultsPage([shown], QUERY).html())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_stay_words(text):
    weights = word_weights(text, [(text, 0.5)])
    words = (ImageWord(image=0, text=text, weight=0.4),)
    own = explanation(model=text, document=weights, image_words=words, images=())
    page = ResultsPage([card(text, explanation=own)], text).html()
    read = Reader(re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL))
    assert {tag for tag, _ in read.tags} <= ALLOWED | {"sub"}
