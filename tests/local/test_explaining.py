"""Explanations of local models: true to the model, and without a trace in its scores and caches."""

from __future__ import annotations

import io
import json
import random
import statistics
import threading

import pytest
from golden_cases import CLASSES, golden_image, load, near, slow
from PIL import Image as Pillow
from PIL import ImageDraw

from mmrerank import Content, Image, InvalidInputError, UnsupportedOperationError, weighted_mean
from mmrerank.local.compute.explain import without_cache

QUERY = "How does RAG work?"
TEXT = "RAG combines retrieval with generation, 检索增强生成 too."
PICTURE = golden_image("1_300x200.png")
MODELS_OF_IMAGES = ["jina-reranker-m0", "qwen3-vl-reranker"]


def total(words, maps=()) -> float:
    return sum(word.weight for word in words) + sum(
        weight for one in maps for row in one.weights for weight in row
    )


@pytest.mark.parametrize("method", ["integrated_gradients", "leave_one_out"])
def test_words_are_those_of_the_texts(loaded, name, method):
    found = loaded(name).explain(QUERY, TEXT, method=method)
    for text, words in ((QUERY, found.query), (TEXT, found.document)):
        assert all(text[word.start : word.end] == word.text for word in words)
        assert "".join(text.split()) == "".join(word.text for word in words)
    assert [word.text for word in found.query] == ["How", "does", "RAG", "work", "?"]
    assert found.method == method
    assert found.score == pytest.approx(loaded(name).score(QUERY, [TEXT])[0], abs=1e-5)
    assert json.loads(json.dumps(found.to_dict()))["document"][0]["text"] == "RAG"


def test_weights_add_up(loaded, name):
    found = loaded(name).explain(QUERY, TEXT)
    assert total(found.document) == pytest.approx(found.output - found.baseline - found.gap)
    assert total(found.query) == pytest.approx(
        found.output - found.query_baseline - found.query_gap
    )
    assert any(word.weight for word in found.query)


def test_leaving_a_word_out_is_a_prompt_without_it(loaded, name):
    """In a text where a word is a token of its own, it is the score of the text without the word."""
    reranker = loaded(name, scores="logit")
    found = reranker.explain(QUERY, "alpha beta gamma", method="leave_one_out")
    whole, without = reranker.score(QUERY, ["alpha beta gamma", "alpha gamma"])
    (word,) = [word for word in found.document if word.text == "beta"]
    near(word.weight, whole - without)
    assert found.baseline is found.gap is None


@pytest.mark.parametrize("name", MODELS_OF_IMAGES)
def test_cells_cover_the_image(loaded, name):
    found = loaded(name).explain(QUERY, Content(images=[PICTURE]))
    (cells,) = found.images
    assert (cells.width, cells.height, cells.image) == (300, 200, 0)
    assert (len(cells.weights), len(cells.weights[0])) == (cells.rows, cells.columns)
    assert cells.box(0, 0)[:2] == (0, 0)
    assert cells.box(cells.rows - 1, cells.columns - 1)[2:] == pytest.approx((300, 200))
    assert total((), found.images) == pytest.approx(found.output - found.baseline - found.gap)


def test_the_parts_that_made_the_score_are_explained(loaded):
    reranker = loaded("jina-reranker-m0")
    document = Content(TEXT, [PICTURE, golden_image("0_56x56.png"), PICTURE])
    (result,) = reranker.rerank(QUERY, [document])
    found = reranker.explain(QUERY, document)
    assert [(p.kind, p.image) for p in found.parts] == [(p.kind, p.image) for p in result.parts]
    best = max(result.parts, key=lambda part: part.score)
    assert sum(part.share for part in found.parts) == pytest.approx(1)
    for part in found.parts:
        assert (part.share > 0) == (part.score == pytest.approx(best.score, abs=1e-6))
    explained = {part.image for part in found.parts if part.share and part.kind == "image"}
    assert {cells.image for cells in found.images} == explained
    assert bool(found.document) == (best.kind == "text")


def test_a_mean_of_parts_is_explained_by_all_of_them():
    document = Content(TEXT, [PICTURE, golden_image("0_56x56.png")])
    with load("jina-reranker-m0", fusion=weighted_mean(text=3, image=1)) as reranker:
        found = reranker.explain(QUERY, document)
        assert [part.share for part in found.parts] == [0.75, 0.125, 0.125]
        assert found.score == pytest.approx(reranker.score(QUERY, [document])[0], abs=1e-6)
        alone = reranker.explain(QUERY, TEXT)
    assert total(found.document) == pytest.approx(0.75 * total(alone.document), abs=1e-5)
    assert [cells.image for cells in found.images] == [0, 1]
    weights = total(found.document, found.images)
    assert weights == pytest.approx(found.output - found.baseline - found.gap)


@pytest.mark.parametrize("name", MODELS_OF_IMAGES)
def test_a_query_of_text_and_image(loaded, name):
    query = Content(QUERY, [PICTURE])
    found = loaded(name).explain(query, TEXT)
    assert [cells.image for cells in found.query_images] == [0]
    assert found.query
    weights = total(found.query, found.query_images)
    assert weights == pytest.approx(found.output - found.query_baseline - found.query_gap)


def test_text_and_image_in_one_prompt(loaded):
    found = loaded("qwen3-vl-reranker").explain(QUERY, Content(TEXT, [PICTURE, PICTURE]))
    assert found.parts == ()
    assert [cells.image for cells in found.images] == [0, 1]
    assert found.document


@pytest.mark.parametrize("text", ["", " \n ", "x"])
def test_documents_with_next_to_nothing(loaded, name, text):
    found = loaded(name).explain(QUERY, text)
    assert [word.text for word in found.document] == text.split()
    assert all(word.weight for word in found.document)


def test_words_that_were_cut_off_are_not_explained():
    with load("qwen3-reranker", max_length=160) as reranker, pytest.warns(match="cut to fit"):
        found = reranker.explain(QUERY, "alpha beta " * 500)
    assert 0 < len(found.document) < 1000


def test_equal_documents_are_explained_equally(loaded, name):
    first, second = (loaded(name).explain(QUERY, "".join(TEXT)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("method", ["integrated_gradients", "leave_one_out"])
def test_scores_and_caches_stay_as_they_are(name, method):
    document = Content(TEXT) if name == "qwen3-reranker" else Content(TEXT, [PICTURE])
    with load(name) as reranker:
        before = [reranker.score(QUERY, [document, "other"]) for _ in range(2)]
        info = reranker.cache_info()
        reranker.explain(QUERY, document, method=method)
        assert reranker.cache_info() == info
        assert reranker.score(QUERY, [document, "other"]) == before[1]


def test_scores_by_other_threads_stay_as_they_are():
    """Another reranker scores meanwhile; no switch of the process is touched."""
    document = Content(images=[golden_image("1_300x200.png")])
    with load("jina-reranker-m0", reuse=False) as one, load("jina-reranker-m0") as other:
        wanted, done, wrong = one.score(QUERY, [document, TEXT]), threading.Event(), []

        def score() -> None:
            while not done.is_set():
                if one.score(QUERY, [document, TEXT]) != wanted:
                    wrong.append(True)

        thread = threading.Thread(target=score)
        thread.start()
        alone = other.explain(QUERY, document)
        assert all(other.explain(QUERY, document) == alone for _ in range(3))
        done.set()
        thread.join()
    assert not wrong


def test_what_cannot_be_explained_says_why(loaded):
    reranker = loaded("qwen3-reranker")
    with pytest.raises(InvalidInputError, match="integrated_gradients or leave_one_out"):
        reranker.explain(QUERY, TEXT, method="bm25")
    with pytest.raises(InvalidInputError, match="empty"):
        reranker.explain(" ", TEXT)


def test_quantised_weights_have_no_gradients(monkeypatch, loaded):
    reranker = loaded("qwen3-reranker")
    monkeypatch.setattr(reranker, "_quantization", "int4")
    with pytest.raises(UnsupportedOperationError, match="leave_one_out"):
        reranker.explain(QUERY, TEXT)
    assert reranker.explain(QUERY, TEXT, method="leave_one_out").document


# Faithfulness: what is deleted first lowers the logit more than what is deleted in a random order.

TEXTS = [
    "The turbine in the second hall produced more power than the old steam engine did in winter.",
    "Interest rates rose by two percent, so the bank lent less money to small companies this year.",
    "A causal model reads from left to right and never sees the words that follow the current one.",
    "Patients with a high fever were given water, rest and a mild medicine three times each day.",
    "Die Brücke über den Fluss wurde im Jahr 1923 gebaut und später zweimal erneuert.",
    "Figure 4 shows the mean temperature of the ocean at a depth of nine hundred metres since 1950.",
    "To install the package, create an environment, activate it and run the command shown below.",
    "The court decided that the contract was void because neither party had signed the last page.",
    "Bees find their way home by the sun, by landmarks and by the smell of their own hive.",
    "Our revenue fell in Europe but grew in Asia, where we opened eleven stores during the year.",
]
QUERIES = [
    "How much power does the turbine produce?",
    "Why did banks lend less?",
    "How does RAG work?",
    "fever treatment",
    "Wann wurde die Brücke gebaut?",
]
RANDOM_ORDERS = 20
T_95 = {10: 2.262, 20: 2.093}  # Student's t, for that many pairs


def lower_end(gains) -> float:
    """The lower end of the 95 % interval of a mean of paired differences."""
    error = statistics.stdev(gains) / len(gains) ** 0.5
    return statistics.mean(gains) - T_95[len(gains)] * error


def gain(mean_logit, order, seed) -> float:
    """How much lower the mean logit is while deleting in this order than in random ones."""
    rnd = random.Random(seed)
    others = [mean_logit(rnd.sample(order, len(order))) for _ in range(RANDOM_ORDERS)]
    return statistics.mean(others) - mean_logit(order)


def word_gain(reranker, query, text, seed, owner) -> float:
    """Of the tokens of words, which are removed from the prompt one word after the other."""
    from mmrerank.local.explaining import _words

    asked, document = Content(query), Content(text)
    (prompt,), _ = reranker._prompts(asked, [document])
    places = reranker._places(asked, document)
    tokens = [own for one, _, own in _words(places, asked, document) if one == owner]
    found = reranker.explain(asked, document)
    words = found.document if owner == "document" else found.query
    engine = without_cache(reranker._engine)

    def mean_logit(order) -> float:
        removed, prompts = set(), []
        for word in order[:-1]:
            removed |= set(tokens[word])
            prompts.append(prompt.without(removed))
        return statistics.mean(engine.compute(prompts))

    order = sorted(range(len(words)), key=lambda word: -words[word].weight)
    return gain(mean_logit, order, seed)


@pytest.mark.parametrize("owner", slow("document", "query"))
def test_top_words_matter_more_than_random_ones(loaded, name, owner):
    reranker = loaded(name)
    pairs = [
        (QUERIES[(i + j) % 5], text) if owner == "document" else (text, TEXTS[i - j - 1])
        for j in range(2)
        for i, text in enumerate(TEXTS)
    ]
    gains = [word_gain(reranker, *pair, seed, owner) for seed, pair in enumerate(pairs)]
    assert lower_end(gains) > 0


def picture(seed) -> Pillow.Image:
    """Shapes and words at random places."""
    rnd = random.Random(seed)
    made = Pillow.new("RGB", (280, 224), "white")
    draw = ImageDraw.Draw(made)
    for _ in range(14):
        x, y, side = rnd.randrange(280), rnd.randrange(224), rnd.randrange(15, 70)
        shape = draw.rectangle if rnd.random() < 0.5 else draw.ellipse
        shape((x, y, x + side, y + side), fill=tuple(rnd.randrange(256) for _ in range(3)))
    for _ in range(4):
        word = rnd.choice(["Figure 4", "power 23 MW", "winter", "RAG"])
        draw.text((rnd.randrange(200), rnd.randrange(200)), word, fill="black")
    return made


def as_document(made: Pillow.Image) -> Content:
    file = io.BytesIO()
    made.save(file, "PNG")
    return Content(images=[Image.from_bytes(file.getvalue())])


def cell_gain(reranker, query, seed) -> float:
    """Of cells, whose pixels become grey before the tower reads the image again."""
    made = picture(seed)
    (cells,) = reranker.explain(query, as_document(made)).images
    places = [(row, column) for row in range(cells.rows) for column in range(cells.columns)]

    def mean_logit(order) -> float:
        left, done, documents = made.copy(), 0, []
        for tenth in range(1, 6):
            until = round(len(order) * tenth / 10)
            for cell in order[done:until]:
                x0, y0, x1, y1 = map(round, cells.box(*cell))
                ImageDraw.Draw(left).rectangle((x0, y0, x1 - 1, y1 - 1), fill="#808080")
            done = until
            documents.append(as_document(left))
        return statistics.mean(reranker.score(query, documents))

    order = sorted(places, key=lambda cell: -cells.weights[cell[0]][cell[1]])
    return gain(mean_logit, order, seed)


@pytest.mark.parametrize("name", slow(*MODELS_OF_IMAGES))
def test_top_cells_matter_more_than_random_ones(name):
    with load(name, scores="logit", reuse=False) as reranker:
        gains = [cell_gain(reranker, QUERIES[seed % 5], seed) for seed in range(10)]
    assert lower_end(gains) > 0


def test_every_local_model_is_tested_here():
    assert {*MODELS_OF_IMAGES, "qwen3-reranker"} == set(CLASSES)
