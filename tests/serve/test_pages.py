"""Every page in a real browser, as it is read: by eye, by keyboard, on a phone, in print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import a_browser, visit
from playwright.sync_api import Browser, Page, expect
from serve.world import FAILED, HOSTILE, UPLOADING

from argus_pipeline.database.engine import create_engine
from argus_pipeline.serve.tokens import add_token

CAMPAIGN = "2026-q4-brakes"
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}
PAGES = {
    "fleet": "/",
    "batches": "/batches",
    "report": "/batches/{report}",
    "arriving": f"/batches/{UPLOADING}",
    "failed": f"/batches/{FAILED}",
    "messages": f"/batches/{HOSTILE}/messages?recording=ecu1.dlt&offset=0",
    "campaign": f"/campaigns/{CAMPAIGN}",
    "compare": "/compare",
    "search": "/search?q=C0035",
    "sign in": "/sign-in",
}
# WCAG 2.1, levels A and AA: what a screen reader and weak eyes need.
_RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as started:
        yield started


def address(name: str, world) -> str:
    return PAGES[name].format(report=quote(world.reports[0]))


def settle(page: Page) -> None:
    """Wait until what the page shows is there; a stream of progress never ends."""
    page.wait_for_load_state("load")
    page.wait_for_function("[...document.images].every(image => image.complete)")


@pytest.mark.parametrize(("look", "language"), [("light", "en"), ("dark", "zh"), ("phone", "en")])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_can_be_read_in_every_look_and_language(
    browser, served, world, name, look, language
) -> None:
    with visit(browser, served.url, **LOOKS[look], locale=language) as seen:
        page = seen.page
        answer = page.goto(address(name, world))
        assert answer is not None
        assert answer.status == 200
        settle(page)

        expect(page.locator("h1")).to_have_count(1)
        expect(page.locator("h1")).to_be_visible()
        assert page.locator("html").get_attribute("lang") in {language, f"{language}-Hans"}
        # Nothing is cut off or has to be pushed sideways.
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0
        bright = page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
        )
        assert (bright < 64) == (look == "dark")
        found = Axe().run(page, options=_RULES)
        assert found.violations_count == 0, found.generate_report()


def test_by_keyboard_the_first_stop_skips_to_the_content_and_every_stop_is_seen(
    browser, served
) -> None:
    with visit(browser, served.url, **LOOKS["light"]) as seen:
        page = seen.page
        page.goto("/batches")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        expect(page.locator(".skip")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        for _ in range(12):
            page.keyboard.press("Tab")
            style = page.evaluate(
                "(() => { const s = getComputedStyle(document.activeElement);"
                " return s.outlineStyle + s.outlineWidth })()"
            )
            assert style != "none0px"


def test_in_print_there_is_the_report_and_nothing_to_click(browser, served, world) -> None:
    with visit(browser, served.url, **LOOKS["light"]) as seen:
        page = seen.page
        page.goto(address("report", world))
        page.emulate_media(media="print")
        expect(page.locator("h1")).to_be_visible()
        for hidden in (".bar", ".judge", ".forms"):
            for element in page.locator(hidden).all():
                expect(element).to_be_hidden()


def test_every_citation_of_a_report_opens_the_messages_around_it(browser, served, world) -> None:
    with visit(browser, served.url, **LOOKS["light"]) as seen:
        page = seen.page
        page.goto(address("report", world))
        links = page.locator("a[href*='/messages?']")
        targets = list(dict.fromkeys(str(one.get_attribute("href")) for one in links.all()))
        assert targets
        links.first.click()
        expect(page.locator("li.here")).to_be_visible()
        for target in targets:
            page.goto(target)
            wanted = re.search(r"offset=(\d+)", target)
            assert wanted is not None
            expect(page.locator("h1")).to_contain_text(f"{int(wanted[1]):,}")
            expect(page.locator("li.here")).to_have_count(1)


def test_the_text_of_a_report_is_there_before_any_chart_and_all_of_it_is_small(
    browser, served, world
) -> None:
    with visit(browser, served.url, **LOOKS["light"]) as seen:
        page = seen.page
        held = []
        page.route("**/charts/*.svg", lambda route: held.append(route))
        page.goto(address("report", world), wait_until="commit")
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator("#judge")).to_be_attached()
        page.evaluate("document.querySelectorAll('img').forEach(one => one.loading = 'eager')")
        page.wait_for_timeout(300)
        assert held
        for route in held:
            route.continue_()
        settle(page)
        sizes = page.evaluate(
            "performance.getEntries().map(one => one.transferSize || 0).reduce((a, b) => a + b)"
        )
        assert 10_000 < sizes < 1_500_000


def test_a_list_is_filtered_and_a_batch_of_it_opened(browser, served, world) -> None:
    with visit(browser, served.url, **LOOKS["light"]) as seen:
        page = seen.page
        page.goto("/")
        page.locator("nav a[href='/batches']").click()
        page.get_by_label("Stage").select_option("done")
        page.get_by_role("button", name="Show").click()
        rows = page.locator("tr[data-batch]")
        expect(rows).to_have_count(len(world.reports))
        rows.first.locator("a.row").click()
        expect(page.locator("#judge")).to_be_visible()


def test_a_code_is_searched_and_what_was_diagnosed_before_is_found(browser, served, world) -> None:
    with visit(browser, served.url, **LOOKS["light"]) as seen:
        page = seen.page
        page.goto("/search")
        page.locator("input[name=q]").fill("C0035")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Articles")).to_be_visible()
        expect(page.get_by_role("heading", name="Past diagnoses")).to_be_visible()
        page.locator("main a[href^='/batches/']").first.click()
        expect(page.locator("h1")).to_be_visible()


def test_two_firmwares_are_compared_from_the_list_of_updates(browser, served, world) -> None:
    with visit(browser, served.url, **LOOKS["light"]) as seen:
        page = seen.page
        page.goto("/compare")
        page.locator("main a[href^='/compare?']").first.click()
        expect(page.locator("h1")).to_contain_text("→")
        expect(page.locator("table.changes tbody tr").first).to_be_attached()


def test_a_language_that_was_chosen_stays(browser, served, world) -> None:
    with visit(browser, served.url, **LOOKS["light"], locale="en") as seen:
        page = seen.page
        page.goto(address("report", world))
        page.get_by_role("link", name="中文").click()
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        page.locator("nav a[href='/batches']").click()
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")


def test_a_diagnosis_is_confirmed_after_signing_in(browser, served, world) -> None:
    engine = create_engine(world.url)
    token = add_token(engine, "clara", ["judge", "vin"])
    engine.dispose()
    with visit(browser, served.url, **LOOKS["light"]) as seen:
        page = seen.page
        page.goto(address("report", world))
        expect(page.get_by_role("button", name="Confirm")).to_have_count(0)
        page.locator("#judge a[href^='/sign-in']").click()
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        # Back where the reader was.
        page.get_by_label("Note").fill("seen on the bench <b>twice</b>")
        page.get_by_role("button", name="Confirm").click()
        expect(page.locator("#judge")).to_contain_text("confirmed by clara")
        expect(page.locator("#judge")).to_contain_text("seen on the bench <b>twice</b>")
        page.get_by_role("button", name="Sign out clara").click()
        expect(page.get_by_label("Token")).to_be_visible()
        page.goto(address("report", world))
        expect(page.get_by_role("button", name="Confirm")).to_have_count(0)


@pytest.mark.parametrize("where", ["report", "messages", "list", "search"])
def test_what_a_log_says_is_shown_and_never_done(browser, served, where) -> None:
    paths = {
        "report": f"/batches/{HOSTILE}",
        "messages": f"/batches/{HOSTILE}/messages?recording=ecu1.dlt&offset=0",
        "list": "/batches",
        "search": "/search?q=" + quote("<script>alert(1)</script> C0035"),
    }
    with visit(browser, served.url, **LOOKS["light"]) as seen:
        page = seen.page
        page.goto(paths[where])
        settle(page)
        # One script of our own, none from a text, and no handler or address that would run.
        assert page.locator("script").count() == 1
        bad = page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(one => [...one.attributes])"
            ".filter(a => a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value)).length"
        )
        assert bad == 0
        assert page.locator("iframe, object, embed, base, meta[http-equiv]").count() == 0
