"""Searching the server's index: the library's results, and a page for people."""

from __future__ import annotations

import re
import shutil
import threading
from html import unescape

import httpx
import pytest

pytest.importorskip("chromadb")

from helpers import DATA, png

from mmrerank.index.index import Index
from mmrerank.ocr.reranker import OCRReranker
from mmrerank.serve.keys import Keys
from mmrerank.testing import FakeReranker

TEXTS = {
    "pumps.md": "# Pumps\n\nThe feed pump ran hot in May: 81 degrees.\n",
    "turbines.md": "# Turbines\n\nThe torque of the turbine is 40 kNm.\n\n![t](figure.png)\n",
    "hostile.md": "# Notes\n\nA pump `<script>alert(1)</script>`\n",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    files = folder / "files"
    files.mkdir()
    (files / "figure.png").write_bytes(png("turbine torque"))
    for name, text in TEXTS.items():
        (files / name).write_text(text, encoding="utf-8")
    with Index(folder / "index", ocr=False) as index:
        index.sync(files)
    return folder / "index"


@pytest.fixture
def searching(serve, store):
    def start(reranker, **options):
        return serve(reranker, open_index=lambda: Index(store, create=False, ocr=False), **options)

    return start


@pytest.mark.parametrize("make", [FakeReranker, lambda: OCRReranker(ocr=False)])
def test_results_are_those_of_the_library(searching, store, make):
    running = searching(make())
    found = httpx.post(f"{running.url}/v1/search", json={"query": "pump", "top_n": 3}).json()
    with Index(store, create=False, ocr=False) as index:
        wanted = index.stages("pump", make(), top_n=3)
    for name in ("found", "results"):
        hits = getattr(wanted, name)
        assert [one["text"] for one in found[name]] == [one.text for one in hits]
        assert [one["score"] for one in found[name]] == pytest.approx([one.score for one in hits])
        assert [one["retrieval_rank"] for one in found[name]] == [
            one.retrieval_rank for one in hits
        ]
    assert str(store) not in str(found)


def test_conditions(searching):
    running = searching(FakeReranker())
    body = {"query": "pump", "where": ["file=turbines.md"], "routes": ["words", "vectors"]}
    found = httpx.post(f"{running.url}/v1/search", json=body).json()["results"]
    assert {one["source"].rpartition("/")[2] for one in found} == {"turbines.md"}


@pytest.mark.parametrize(
    "body",
    [{}, {"query": " "}, {"query": 1}, {"query": "a", "top_n": 0}, {"query": "a", "top_n": 101},
     {"query": "a", "routes": ["none"]}, {"query": "a", "where": ["nonsense"]},
     {"query": "a", "unknown": 1}, []],
)  # fmt: skip
def test_searches_that_cannot_be_done(searching, body):
    answer = httpx.post(f"{searching(FakeReranker()).url}/v1/search", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


def test_without_an_index_there_is_no_search(serve):
    running = serve(FakeReranker())
    assert httpx.post(f"{running.url}/v1/search", json={"query": "a"}).status_code == 404
    assert httpx.get(running.url).status_code == 404


def test_too_many_searches(searching, gated):
    running = searching(gated, max_searches=1)
    first = threading.Thread(
        target=lambda: httpx.post(f"{running.url}/v1/search", json={"query": "pump"}, timeout=30)
    )
    first.start()
    assert gated.entered.wait(20)
    answer = httpx.post(f"{running.url}/v1/search", json={"query": "pump"})
    assert answer.status_code == 429
    assert answer.headers["retry-after"]
    gated.gate.set()
    first.join()


def test_the_page_shows_both_ranks_and_stays_text(searching):
    running = searching(FakeReranker())
    page = httpx.get(running.url, params={"q": 'pump "><script>alert(2)</script>'})
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "before reranking" in page.text
    assert not re.search(r'(src|href|action)="(?!data:image/|[?#/])', page.text)
    assert "<script>alert(2)</script>" in unescape(page.text)
    others = httpx.get(running.url, params={"q": "pump"}).text
    assert "<script" not in others
    assert "<script>alert(1)</script>" in unescape(others)


def test_the_page_without_a_question_and_with_a_wrong_one(searching):
    running = searching(FakeReranker())
    start = httpx.get(running.url)
    assert start.status_code == 200
    assert "<form" in start.text
    for parameters in ({"q": "a", "explain": "x"}, {"q": "a", "explain": "99"}, {"q": "a" * 3000}):
        wrong = httpx.get(running.url, params=parameters)
        assert wrong.status_code == 422
        assert "<form" in wrong.text


def test_a_browser_gives_the_key_as_a_password(searching):
    running = searching(FakeReranker(), keys=Keys(["one"]))
    refused = httpx.get(running.url)
    assert refused.status_code == 401
    assert "Basic" in refused.headers["www-authenticate"]
    assert httpx.get(running.url, params={"q": "pump"}, auth=("me", "one")).status_code == 200


# -- in a browser


@pytest.fixture
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium is installed")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(searching, browser, width, scheme):
    running = searching(FakeReranker())
    axe = (DATA / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    # The page's own policy lets no script in, the checks' neither.
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(running.url)
    page.keyboard.press("Tab")
    page.keyboard.type("turbine torque")
    page.keyboard.press("Enter")
    page.wait_for_selector("article")
    assert "turbines.md" in page.locator("article h2").first.inner_text()
    assert page.locator("article img").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for url in (
        page.url,
        f"{running.url}/",
        f"{running.url}/docs",
        f"{running.url}/?q=a&explain=x",
    ):
        page.goto(url)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        page.evaluate(axe)
        found = page.evaluate("axe.run()")
        assert [one["id"] for one in found["violations"]] == [], url
    others = [one for one in requests if not one.startswith((f"{running.url}/", "data:"))]
    assert others == []
    context.close()


@pytest.mark.slow
def test_an_explanation_on_demand(searching, browser):
    pytest.importorskip("torch")
    from mmrerank import JinaM0Reranker

    model = str(DATA / "golden" / "jina-reranker-m0")
    running = searching(lambda: JinaM0Reranker(model, device="cpu"))
    page = browser.new_page()
    page.goto(f"{running.url}/?q=turbine+torque")
    page.get_by_role("link", name="Explain the score of result 1", exact=True).click()
    page.get_by_text("What made this score").click()
    page.wait_for_selector("text=integrated gradients")
