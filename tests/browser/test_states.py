"""Each state of the page: what it says, that it fits, and that axe finds nothing in it."""

import pytest
from playwright.sync_api import Page, expect

from server.page import head
from tests.browser.conftest import recorded
from tests.browser.test_page import FIRST, NUMBER

expect.set_options(timeout=30_000)


def said(page: Page, key: str, **values: object) -> str:
    """What the page says for a key, up to the first value that is not given, in its language."""
    words = head.words(page.evaluate("document.documentElement.lang"))[key]
    for name, value in values.items():
        words = words.replace(f"{{{name}}}", str(value))
    told = words.partition("{")[0].strip()
    assert told, f"{key} begins with a value that is not given; every text would contain it"
    return told


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
    expect(page.locator("#sf-stop")).to_contain_text(said(page, "measure.stop", done=0, total=128))


def measured(page: Page) -> None:
    page.click("#sf-go")
    expect(page.locator("#sf-measure .sf-result")).to_contain_text(
        said(page, "measure.result"), timeout=120_000
    )


def stale(page: Page) -> None:
    measured(page)
    page.click("#sf-chip-3")
    expect(page.locator(".sf-stale")).to_be_visible()


def abstaining(page: Page) -> None:
    page.click("#sf-chip-6")
    expect(page.locator(NUMBER)).to_have_text(said(page, "expect.none"))
    expect(page.locator("#sf-go")).to_be_enabled()


def conflict(page: Page) -> None:
    page.click("#sf-chip-5")
    expect(page.locator("#sf-fix")).to_be_visible()
    expect(page.locator("#sf-answers")).to_contain_text("sport")


def stopped(page: Page) -> None:
    busy(page)
    page.click("#sf-stop")
    expect(page.locator("#sf-measure")).to_contain_text(said(page, "measure.stopped"))


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
    expect(page.locator("#sf-banner")).to_contain_text(said(page, "state.away"))
    page.click("#sf-chip-2")
    expect(page.locator(NUMBER)).to_contain_text(recorded(1).rpartition(" ")[2])
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
    expect(page.locator("#sf-answers")).to_contain_text(said(page, "answers.single"))


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


def fits(page: Page, what: str) -> None:
    """Nothing of the story lies below the screen, and nothing scrolls."""
    width, height = page.viewport_size["width"], page.viewport_size["height"]
    bottoms = page.evaluate(
        "['ask', 'expect', 'close', 'answers', 'measure', 'visit'].map((name) => "
        "document.getElementById(`sf-${name}`).getBoundingClientRect().bottom)"
    )
    assert max(bottoms) <= height, f"{what}: {bottoms}"
    whole = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    assert page.evaluate(whole) <= [width, height], what


def fits_presenting_too(page: Page, what: str) -> None:
    """As `fits`, and when everything is enlarged for presenting."""
    fits(page, what)
    big = page.locator("#sf-expect")
    size = "e => parseFloat(getComputedStyle(e).fontSize)"
    before = big.evaluate(size)
    page.click("#sf-present")
    assert big.evaluate(size) > 1.1 * before
    fits(page, f"{what}, presenting")
    page.click("#sf-present")


def guessed(page: Page) -> None:
    page.locator("#sf-guess").fill("30")
    measured(page)


def conflict_measured(page: Page) -> None:
    conflict(page)
    measured(page)


LANGUAGES = ("en-US", "de-DE")
ON_THE_PAGE = [
    state for state in STATES if state not in (empty, sidebar, shared, presenting)
] + [guessed, conflict_measured]


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("state", ON_THE_PAGE)
def test_the_story_stands_above_the_fold_in_every_state(visit, state, locale: str) -> None:
    page = visit.open(locale=locale)
    state(page)
    page.wait_for_timeout(300)
    fits_presenting_too(page, f"{state.__name__}, {locale}")
    if state.__name__ in SAYS:
        page.close()  # it asks again and again
        visit.said.clear()


@pytest.mark.parametrize("size", [(1440, 900), (1920, 1080)])
@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_example_and_every_task_stands_above_the_fold(
    visit, locale: str, size: tuple[int, int]
) -> None:
    page = visit.open(locale=locale, viewport={"width": size[0], "height": size[1]})
    for chip in range(1, 7):
        page.click(f"#sf-chip-{chip}")
        expect(page.locator("#sf-answers .sf-bars")).to_have_count(2)
        fits_presenting_too(page, f"example {chip}, {locale}")
    page.locator("#sf-wording").fill("Is it true or false? Answer True or False.")
    expect(page.locator("#sf-expect .sf-big")).to_be_visible()
    for task in ("question_type", "dialogue_act", "scene_several", "pros_cons"):
        page.locator("#sf-task").select_option(task)
        expect(page.locator("#sf-answers .sf-bars")).to_have_count(2)
        expect(page.locator("#sf-expect .sf-big")).to_be_visible()
        fits_presenting_too(page, f"{task}, {locale}")


CUT = """() => [...document.querySelectorAll('.sf-root button, .sf-header button, .sf-option, '
  + '.sf-value, .sf-conflict, .sf-conflict *, .sf-result-table *')]
  .filter((e) => e.offsetParent && e.clientWidth && !e.closest('.sf-chips, .sf-tried, .sf-quote'))
  .filter((e) => { const box = e.getBoundingClientRect(); return box.right > innerWidth + 0.5
    || e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 2; })
  .map((e) => `${e.tagName} ${e.className} ${e.id} ${e.textContent.slice(0, 40)}`)"""


@pytest.mark.parametrize("width", [320, 390])
@pytest.mark.parametrize("locale", LANGUAGES)
def test_on_a_phone_nothing_is_cut_and_nothing_overflows(visit, locale: str, width: int) -> None:
    page = visit.open(locale=locale, viewport={"width": width, "height": 844})

    def whole(what: str) -> None:
        found = page.evaluate("document.documentElement.scrollWidth")
        assert found <= width, f"{what}, {locale}: {found}"
        assert page.evaluate(CUT) == [], f"{what}, {locale}"

    for chip in range(1, 7):
        page.locator(f"#sf-chip-{chip}").click()
        expect(page.locator("#sf-answers .sf-bars")).to_have_count(2)
        whole(f"example {chip}")
        if chip == 5:
            strip = page.locator(".sf-conflict").bounding_box()
            button = page.locator("#sf-fix").bounding_box()
            assert button["y"] + button["height"] <= strip["y"] + strip["height"]
    guessed(page)
    whole("measured")
    for tab in ("batch", "findings", "about", "try"):
        page.click(f"#sf-tab-{tab}")
        whole(tab)
    page.click("#sf-more")
    page.click("#sf-to-own")
    page.fill("#sf-wording", "Is this praise or blame?")
    page.fill("#sf-own-text", "A warm film.")
    page.fill("#sf-own-options", "incomprehensibility | praise of the actors and the music")
    expect(page.locator("#sf-answers .sf-bars")).to_have_count(2)
    page.keyboard.press("Escape")
    whole("own question")


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
