"""The console in a real Chromium: chat, citations, documents, retrieval test; no script or style from elsewhere."""
import re
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from conftest import MARIGOLD

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page whose every error and refused resource fails the test."""
    context = browser.new_context()
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda request: faults.append(request.url) if not request.failure or "ABORTED" not in request.failure else None)
    yield page
    context.close()
    assert faults == []


def test_a_question_streams_and_its_source_opens_at_the_span(page, marigold):
    page.goto(marigold.url)
    page.get_by_label("Question").fill("How many days of annual leave do full-time staff get?")
    page.keyboard.press("Enter")
    pill = page.locator(".answer .text .pill").first
    expect(pill).to_be_visible(timeout=30_000)
    expect(page.locator(".answer .text")).to_contain_text("27")
    pill.click()
    expect(page.locator(".source-pane mark")).to_contain_text("27 days")
    page.get_by_role("link", name="Open the whole document").click()
    expect(page.locator("article mark")).to_contain_text("27 days")
    expect(page.locator("article mark")).to_be_in_viewport()


def test_a_new_question_stands_at_the_top_with_its_answer_in_view(page, marigold):
    page.goto(marigold.url)
    for question in ("How many days of annual leave do full-time staff get?", "Who approves travel?", "What does a hotel in Oslo cost?"):
        page.get_by_label("Question").fill(question)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Ask")).to_be_visible(timeout=30_000)
    last = page.locator(".turn").last
    expect(last.locator("details.sources")).to_be_attached()
    assert 40 < last.locator(".question").bounding_box()["y"] < 200
    expect(last.locator(".answer .text")).to_be_in_viewport(ratio=1)


def test_documents_are_added_shown_and_deleted(page, start):
    server = start()
    page.goto(server.url + "/#/documents")
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
    page.locator("input[type=file]").set_input_files(
        [{"name": "gate.txt", "mimeType": "text/plain", "buffer": b"The gate opens at seven."},
         {"name": "empty.txt", "mimeType": "text/plain", "buffer": b""}])
    expect(page.get_by_role("row").filter(has_text="gate.txt")).to_be_visible(timeout=30_000)
    attention = page.get_by_label("Needs attention")
    expect(attention).to_contain_text("empty.txt")
    expect(attention.get_by_role("button", name="Retry")).to_be_visible()
    page.get_by_role("button", name="Delete gate.txt").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("Nothing yet.")).to_be_visible()


def test_retrieval_test_shows_scores(page, marigold):
    page.goto(marigold.url + "/#/search")
    page.get_by_label("Query").fill("hotel in Oslo")
    page.keyboard.press("Enter")
    first = page.locator(".hit").first
    expect(first).to_contain_text("Travel policy")
    expect(first.locator(".scores")).to_contain_text("Meaning")
    assert re.search(r"\d\.\d{3}", first.locator(".scores").inner_text())


def test_hostile_documents_stay_text(page, start):
    server = start()
    server.ingest({"evil.md": "# <script>alert(1)</script>\n\nThe gate <img src=x onerror=alert(2)> opens at seven <b>sharp</b>."})
    page.goto(server.url + "/#/search")
    page.get_by_label("Query").fill("gate")
    page.keyboard.press("Enter")
    expect(page.locator(".hit").first).to_contain_text("opens at seven")
    assert page.locator(".hit script, .hit img, .hit b").count() == 0


def test_keyboard_reaches_everything_and_the_phone_width_fits(page, marigold):
    page.set_viewport_size({"width": 375, "height": 700})
    for place in ("#/chat", "#/documents", "#/search"):
        page.goto(f"{marigold.url}/{place}")
        page.wait_for_selector("main h1")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
    page.goto(marigold.url + "/#/chat")
    page.get_by_label("Question").focus()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement !== document.body")


def test_dark_mode_follows_the_system(browser, marigold):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(marigold.url)
    page.wait_for_selector("h1")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 27)"
    context.close()


def test_pages_have_a_strict_policy(marigold):
    reply = marigold.get("/")
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_api_page_shows_the_routes(page, marigold):
    page.goto(marigold.url + "/docs")
    expect(page.get_by_text("/v1/chatqna").first).to_be_visible()
