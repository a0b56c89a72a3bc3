"""Pages in a real browser: they load nothing, run nothing, and can be read by everybody."""

from __future__ import annotations

import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from helpers import DATA
from shown import HOSTILE, QUERY, card, explanation, hostile_card, pdf_file

from mmrerank.display import ResultsPage

AXE = DATA / "axe-core" / "axe.min.js"

WIDTHS = (390, 1280)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    return request.param


@pytest.fixture
def opened(chromium, scheme, tmp_path):
    """Opens a page of results from a file, with a record of all that it asks for."""
    contexts = []

    def open_page(html: str, width: int = 1280):
        context = chromium.new_context(
            offline=True, viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.requests, page.errors = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("dialog", lambda dialog: page.errors.append("a dialog"))
        page.on("popup", lambda popup: page.errors.append("a window"))
        page.on("console", lambda message: page.errors.append(message.text))
        file = tmp_path / "page.html"
        file.write_text(html, encoding="utf-8")
        page.goto(file.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> ResultsPage:
    """A page that has all there is: figures, a framed page, an explanation, ranks before."""
    file = pdf_file(tmp_path_factory.mktemp("browser") / "report.pdf")
    first = card(source=str(file), can_open_source=True, explanation=explanation())
    second = card("One sentence about a turbine. " * 40, rank=2, retrieval_rank=1)
    return ResultsPage([first, second], QUERY, found=[second, first])


def outside(page) -> list[str]:
    return [url for url in page.requests if not url.startswith(("data:image/", "file:"))]


def violations(page) -> list[str]:
    """What axe-core finds, each with the element."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
    return [
        f"{rule['id']}: {node['html']}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_has_no_barrier_and_fits(opened, whole, width):
    page = opened(whole.html(), width)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.errors == []
    assert outside(page) == []
    broken = "[...document.images].filter(one => !one.naturalWidth || !one.alt).length"
    assert page.evaluate(broken) == 0


def test_the_output_of_a_notebook_has_no_barrier_either(opened, whole, scheme):
    body = whole._repr_mimebundle_()["text/html"]
    colors = {"light": "background: #fff; color: #000", "dark": "background: #111; color: #eee"}
    page = opened(
        '<!doctype html><html lang="en"><head><title>A notebook</title></head>'
        f'<body style="{colors[scheme]}"><main><h1>Notebook</h1><h2>Cell</h2>{body}</main></body></html>'
    )
    assert violations(page) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_hostile_documents_stay_texts(opened, width):
    cards = [hostile_card(text, rank) for rank, text in enumerate(HOSTILE, start=1)]
    page = opened(ResultsPage(cards, " ".join(HOSTILE)).html(), width)
    page.wait_for_timeout(200)
    assert page.errors == []
    assert outside(page) == []
    assert page.locator("script, iframe, svg, object, embed, link, a, form, input").count() == 0
    assert page.locator("main > article").count() == len(HOSTILE)
    assert page.title().startswith("Results for: <script>document.title = 'owned'</script>")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def test_what_is_on_demand_opens_by_keyboard(opened, whole):
    page = opened(whole.html())
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = false })")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")


@pytest.fixture
def visited():
    """The address of a server of images, and what it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("is_ours", [True, False], ids=["with our policy", "without it"])
def test_the_policy_stops_what_gets_in_all_the_same(chromium, whole, visited, is_ours):
    """If a text became markup by a mistake, it could still neither run nor load anything."""
    address, paths = visited
    attack = (
        "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
        f'<img src="{address}/a.png"><link rel=stylesheet href="{address}/a.css">'
        f'<iframe src="{address}/frame"></iframe><style>main {{ display: none }}</style>'
    )
    html = whole.html().replace("</main>", f"{attack}</main>")
    page = chromium.new_page()
    page.set_content(html if is_ours else html.replace("Content-Security-Policy", "x-none"))
    page.wait_for_timeout(300)
    assert (page.title() != "owned") is is_ours
    assert page.locator("main").is_visible() is is_ours
    assert (not paths) is is_ours  # the attack works where nothing stops it
    page.close()


def test_a_page_prints(chromium, whole, tmp_path):
    import pymupdf

    page = chromium.new_page()
    page.set_content(whole.html())
    file = Path(tmp_path / "printed.pdf")
    page.pdf(path=file)
    page.close()
    printed = pymupdf.open(file)
    text = "".join(sheet.get_text() for sheet in printed)
    assert "torque" in text
    assert "1. report.pdf, page 3" in " ".join(text.split())
