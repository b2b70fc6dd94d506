"""Each state of the page: what it says, that it fits, and that axe finds nothing in it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import recorded
from tests.browser.test_page import FIRST, NUMBER

expect.set_options(timeout=30_000)


def error(route) -> None:
    route.fulfill(
        status=500, json={"error": {"message": "Traceback", "type": "server_error", "code": None}}
    )


def empty(page: Page) -> None:
    page.locator("#sf-wording").fill("")
    expect(page.locator(NUMBER)).to_have_count(0)


def typing(page: Page) -> None:
    page.route("**/page/v1/wording", lambda route: None)
    page.locator("#sf-wording").fill(FIRST)
    expect(page.locator("#sf-expect")).to_have_class("sf-part sf-late")


def busy(page: Page) -> None:
    page.route("**/page/v1/measure", lambda route: None)
    page.click("#sf-go")
    expect(page.locator("#sf-stop")).to_contain_text("Stop (0 of 128)")


def measured(page: Page) -> None:
    page.click("#sf-go")
    expect(page.locator("#sf-measure .sf-result")).to_contain_text("Aligned", timeout=120_000)


def stale(page: Page) -> None:
    measured(page)
    page.click("#sf-chip-3")
    expect(page.locator(".sf-stale")).to_be_visible()


def abstaining(page: Page) -> None:
    page.click("#sf-chip-6")
    expect(page.locator(NUMBER)).to_have_text("No guess")
    expect(page.locator("#sf-go")).to_be_enabled()


def conflict(page: Page) -> None:
    page.click("#sf-chip-5")
    expect(page.locator("#sf-fix")).to_be_visible()


def stopped(page: Page) -> None:
    busy(page)
    page.click("#sf-stop")
    expect(page.locator("#sf-measure")).to_contain_text("Stopped after")


def failed(page: Page) -> None:
    page.route("**/page/v1/wording", error)
    page.locator("#sf-wording").fill(FIRST)
    expect(page.locator("#sf-retry-look")).to_be_visible()
    assert "Traceback" not in page.inner_text("body")
    page.unroute("**/page/v1/wording")
    page.click("#sf-retry-look")
    expect(page.locator(NUMBER)).to_be_visible()
    page.route("**/page/v1/answers", error)
    page.locator("#sf-wording").fill(f"{FIRST} Please.")
    expect(page.locator("#sf-retry-answers")).to_be_visible()


def away(page: Page) -> None:
    page.route("**/page/v1/**", lambda route: route.abort())
    page.locator("#sf-wording").fill(FIRST)
    expect(page.locator("#sf-banner")).to_contain_text("The server is away")
    page.click("#sf-chip-2")
    expect(page.locator(NUMBER)).to_contain_text(recorded(1))
    expect(page.locator("#sf-answers .sf-bars")).to_have_count(2)


def single(page: Page) -> None:
    def alone(route) -> None:
        made = route.fetch().json()
        made["models"] = made["models"][:1]
        for question in made["questions"]:
            question["comparison"]["answers"] = question["comparison"]["answers"][:1]
        route.fulfill(json=made)

    page.route("**/page/v1/answers", alone)
    page.locator("#sf-wording").fill(FIRST)
    expect(page.locator("#sf-answers")).to_contain_text("There is one model only")


def sidebar(page: Page) -> None:
    page.click("#sf-more")
    expect(page.locator("#sf-side")).to_be_visible()


def shared(page: Page) -> None:
    page.click("#sf-qr")
    expect(page.locator("dialog[open]")).to_be_visible()


def presenting(page: Page) -> None:
    page.locator("body").press("p")
    expect(page.locator("html.sf-present")).to_have_count(1)


STATES = [
    empty, typing, busy, measured, stale, abstaining, conflict, stopped, failed, away, single,
    sidebar, shared, presenting,
]
SAYS = ("failed", "away")
"""States in which the browser itself says in its console that a request failed."""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_a_state_says_what_it_is_and_is_accessible(visit, axe, state, theme: str) -> None:
    page = visit.open(color_scheme=theme)
    state(page)
    page.wait_for_timeout(300)
    axe(page, f"{state.__name__}, {theme}")
    if state.__name__ in SAYS:
        page.close()  # it asks again and again
        assert all("Failed to load resource" in line for line in visit.said), visit.said
        visit.said.clear()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["Batch", "Findings", "About"])
def test_the_other_tabs_are_accessible(visit, axe, tab: str, theme: str) -> None:
    page = visit.open(color_scheme=theme)
    page.get_by_role("tab", name=tab).click()
    if tab == "Findings":
        expect(page.locator("#own-plot .points path").first).to_be_visible()
        expect(page.locator("#published-plot .points path").first).to_be_visible()
    page.wait_for_timeout(1500)
    axe(page, f"{tab}, {theme}")


@pytest.mark.parametrize("size", [(1440, 900), (1920, 1080)])
@pytest.mark.parametrize("state", [None, measured, conflict, abstaining])
def test_the_story_stands_above_the_fold(visit, size: tuple[int, int], state) -> None:
    page = visit.open(viewport={"width": size[0], "height": size[1]})
    if state is not None:
        state(page)
    bottoms = page.evaluate(
        "['ask', 'expect', 'close', 'answers', 'measure', 'visit'].map((name) => "
        "document.getElementById(`sf-${name}`).getBoundingClientRect().bottom)"
    )
    assert max(bottoms) <= size[1]
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_on_a_phone_the_cards_come_in_order_with_targets_for_fingers(visit, axe) -> None:
    page = visit.open(viewport={"width": 390, "height": 844})
    measured(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tops = page.evaluate(
        "['ask', 'expect', 'answers', 'close'].map((name) => "
        "document.getElementById(`sf-${name}`).getBoundingClientRect().top)"
    )
    assert tops == sorted(tops)
    small = page.evaluate(
        """() => [...document.querySelectorAll('.sf-root button, .sf-root select, '
          + '.sf-header button, .sf-root input')]
          .filter((e) => e.offsetParent && e.type !== 'checkbox')
          .map((e) => [e.id, e.getBoundingClientRect()])
          .filter(([, box]) => box.height < 43.5 || box.width < 43.5).map(([id]) => id)"""
    )
    assert small == []
    axe(page, "phone")


@pytest.mark.parametrize("width", [320, 390, 1440])
def test_a_share_of_all_stays_inside_its_bar_s_line(visit, width: int) -> None:
    page = visit.open(viewport={"width": width, "height": 844})
    cut = page.evaluate(
        """() => [...document.querySelectorAll('#sf-answers .sf-value')].map((e) => {
          e.textContent = '100%'; return e.scrollWidth - e.clientWidth; })"""
    )
    assert cut and max(cut) <= 0


def test_why_the_model_was_not_loaded_is_told_in_the_language_of_the_page(visit) -> None:
    page = visit.open(locale="de-DE")
    problem = "the model could not be loaded: the model m cannot be read: header too large"
    state = {"ready": False, "status": "unavailable", "problem": problem, "loaded": [],
             "loading": [], "public": None}
    page.route("**/page/v1/state", lambda route: route.fulfill(json=state))
    page.reload()
    expect(page.locator("#sf-banner")).to_contain_text(
        "Der Grund: Das Modell m kann nicht gelesen werden: header too large"
    )


def test_nothing_jumps_while_the_page_opens_and_while_it_is_used(visit) -> None:
    page = visit.open()
    page.wait_for_timeout(1000)
    moved = """() => new Promise((done) => new PerformanceObserver((list) =>
      done(list.getEntries().filter((e) => !e.hadRecentInput)
        .reduce((sum, e) => sum + e.value, 0)))
      .observe({type: 'layout-shift', buffered: true}) || setTimeout(() => done(0), 1000))"""
    assert page.evaluate(moved) < 0.05


def test_the_focus_is_never_lost(page: Page) -> None:
    page.locator("#sf-task").focus()
    page.locator("#sf-task").select_option("giver")
    page.wait_for_timeout(1500)
    assert page.evaluate("document.activeElement.id") == "sf-task"
    page.locator("#sf-more").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "sf-side-title"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "sf-more"
    page.locator("#sf-next").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert page.evaluate("document.activeElement.id") == "sf-next"


def test_the_api_is_described_without_anything_from_outside(visit, axe) -> None:
    page = visit.open("docs", ready=False)
    page.locator("summary", has_text="/robustness/v1/predict").click()
    expect(page.locator("details[open] pre").first).to_contain_text("instruction: string")
    axe(page, "docs")


def test_the_page_can_be_installed(page: Page) -> None:
    manifest = page.request.get("/manifest.json").json()
    assert manifest["icons"]
    icon = page.request.get("/pwa_icon/192")
    assert icon.headers["content-type"].startswith("image/png")
