"""The HTML report in a real browser."""

from __future__ import annotations

import shutil

import pytest
from documents import case, everything, failing, hostile, report, requirement

from conformance.report.html import render

# In a real browser.


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    if not (path := shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a document's page; what the console or the network said is in `page.complaints`."""
    contexts = []

    def open_page(document, fragment="", **options):
        file = tmp_path / "report.html"
        file.write_text(render(document), encoding="utf-8")
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (page.complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda r: page.complaints.append(r.url) if not r.url.startswith("file:") else None)
        page.goto(file.as_uri() + fragment)
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_browser_opens_hostile_page_without_a_word(opened):
    page = opened(hostile())
    assert page.complaints == []
    assert page.evaluate("document.documentElement.className") == "scripted"


def test_browser_refuses_script_that_is_not_the_pages_own(opened):
    page = opened(everything())
    page.evaluate("document.body.append(Object.assign(document.createElement('div'), {id: 'probe'}))")
    ran = page.evaluate(
        """() => { const s = document.createElement('style'); s.textContent = '#probe { width: 7px }';
        document.head.append(s);
        return getComputedStyle(document.querySelector('#probe')).width === '7px' }"""
    )
    assert not ran
    assert any("Content Security Policy" in complaint for complaint in page.complaints)


def test_browser_filters_by_outcome_and_words(opened):
    page = opened(everything())
    page.select_option("select[name=outcome]", "failed")
    assert page.locator(".row:visible").count() == 2
    page.fill("input[name=search]", "ACCEPT-VALUE")
    assert page.locator(".row:visible").count() == 1
    assert page.locator("#shown").inner_text() == "1 of 10 requirements shown"
    page.click("button[type=reset]")
    page.locator(".row:visible").nth(9).wait_for()  # the form is empty a moment after the click
    assert page.locator("#shown").inner_text() == "10 of 10 requirements shown"


def test_browser_opens_what_a_deep_link_names(opened):
    page = opened(everything(), "#req-r.advised")
    assert page.locator("#req-r\\.advised").evaluate("card => card.open")


def test_browser_copies_the_command(opened):
    page = opened(failing(), permissions=["clipboard-read", "clipboard-write"])
    page.locator("button.copy").first.click()
    page.wait_for_function("document.querySelector('#said').textContent === 'Command copied'")
    assert page.evaluate("navigator.clipboard.readText()") == failing()["tests"][0]["repeat"]


def test_browser_shows_everything_without_script(opened):
    page = opened(everything(), java_script_enabled=False)
    assert page.locator(".row:visible").count() == 10
    assert page.locator("button.copy:visible, #filters:visible").count() == 0


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_browser_never_scrolls_sideways(opened, width):
    document = hostile()
    document["verdict"]["reason"] = "W" * 500
    page = opened(document, viewport={"width": width, "height": 844})
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_script_is_folded_whole_and_has_a_button():
    failed = case(outcome="failed", script="# <b>\nprint('&')\n")
    page = render(report("non-conformant", [requirement(outcome="failed")], [failed]))
    assert "<pre><code># &lt;b&gt;\nprint(&#39;&amp;&#39;)\n</code></pre>" in page
    assert page.count('aria-label="Copy the script"') == 1
    assert '<details class="script">' in page


def test_script_that_does_not_fit_is_left_out_whole():
    failed = case(outcome="failed", script="x" * 100_000)
    page = render(report("non-conformant", [requirement(outcome="failed")], [failed]))
    assert '<details class="script">' not in page
    assert "xxx" not in page
