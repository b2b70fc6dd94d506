"""Names of the models beside their numbers, and a browser that keeps nothing."""

from playwright.sync_api import Page, expect

from tests.browser.test_page import NUMBER

expect.set_options(timeout=15_000)
ALIGNED = "steadfast-mini+pt-kl"
BLOCKED = """Object.defineProperty(window, 'localStorage', {
    get() { throw new DOMException('The operation is insecure.', 'SecurityError'); },
});"""


def test_another_model_is_called_by_its_own_name(page: Page) -> None:
    page.click("#sf-more")
    page.locator("summary", has_text="Models and evidence").click()
    page.select_option("#sf-model", ALIGNED)
    title = page.locator("#sf-answers h3").first
    expect(title).to_contain_text("pt-kl")
    expect(title).not_to_contain_text("Original")
    tried = page.locator(".sf-tried li")
    expect(tried).to_have_count(2)
    expect(tried.nth(0)).to_contain_text("pt-kl")
    expect(tried.nth(1)).not_to_contain_text("pt-kl")
    page.click("#sf-go")
    expect(page.locator("#sf-measure .sf-result")).to_contain_text("Measured", timeout=120_000)
    expect(page.locator("#sf-measure .sf-ladder")).to_contain_text("pt-kl, counted on 128")
    expect(page.locator("#sf-measure .sf-ladder")).not_to_contain_text("Original")


def test_a_page_whose_storage_is_blocked_works(visit) -> None:
    page = visit.open("about", ready=False)  # any address of the site; the script runs from here on
    visit.said.clear()
    page.add_init_script(BLOCKED)
    page.goto("/?attract=0")
    page.wait_for_selector("#sf-go:not([disabled])")
    expect(page.locator(NUMBER)).to_contain_text("right out of 100")
    expect(page.locator(".sf-tried li")).to_have_count(1)
    page.click("#sf-more")
    page.locator("summary", has_text="Settings").click()
    page.select_option("#sf-theme", "dark")
    expect(page.locator("body")).to_have_class("dark")
    page.select_option("#sf-language", "de")
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_a_trained_wording_is_compared_as_counted(page: Page) -> None:
    page.click("#sf-take")
    expect(page.locator("#sf-expect")).to_contain_text("counted on all its questions")
    expect(page.locator(".sf-tried li")).to_have_count(2)
    page.locator("#sf-pick-0").check()
    page.locator("#sf-pick-1").check()
    page.click("#sf-compare")
    column = page.locator("dialog[open] .sf-two > div").first
    expect(column).to_contain_text("Counted on all questions")
    expect(column).not_to_contain_text("not measured")
    expect(column.locator(".sf-big")).not_to_contain_text("about")


def test_options_of_an_own_question_are_counted_and_told(visit) -> None:
    page = visit.open()
    page.locator("#sf-task").select_option("own")
    page.locator("#sf-wording").fill("Which letter is it?")
    page.fill("#sf-own-text", "The first one.")
    page.fill("#sf-own-options", "yes | no | yes")
    expect(page.locator("#sf-answers")).to_contain_text("An option that is given twice counts once")
    expect(page.locator("#sf-answers .sf-bars").first.locator("li")).to_have_count(2)
    page.fill("#sf-own-options", "|".join(f"word{n}" for n in range(10)))
    expect(page.locator("#sf-answers .sf-bars").first).to_contain_text("4 more options:")
    page.fill("#sf-own-options", "|".join(f"word{n}" for n in range(27)))
    expect(page.locator("#sf-answers")).to_contain_text("an input can have 26 options")
    visit.said.clear()  # the browser notes the replies' status 400
