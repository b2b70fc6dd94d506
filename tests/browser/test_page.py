"""What a visitor does: type, see the card, ask, upload, download."""

from playwright.sync_api import Page, expect

expect.set_options(timeout=30_000)


def retype(page: Page, text: str) -> None:
    """Replaces the instruction key by key, as a person does."""
    box = page.locator("#instruction textarea")
    box.fill("")
    box.press_sequentially(text)


def test_typing_shows_the_nearest_observed_instruction_and_the_exact_prompt(page: Page) -> None:
    retype(page, "Kindly tell me the colour")
    expect(page.locator("#prompt")).to_contain_text("Kindly tell me the colour")
    expect(page.locator("#nearest")).to_contain_text("distance")
    expect(page.locator("#prediction")).to_contain_text("Evidence")


def test_what_is_typed_is_text_and_never_markup(page: Page) -> None:
    retype(page, "<img src=x onerror=alert(1)> which colour?")
    expect(page.locator("#prompt")).to_contain_text("<img src=x")
    expect(page.locator("#prompt img")).to_have_count(0)


def test_asking_shows_option_probabilities_an_answer_and_the_history(page: Page) -> None:
    page.click("#run")
    expect(page.locator("#bars-original")).to_contain_text("%")
    expect(page.locator("#history td").first).to_be_visible()


def test_nothing_is_wider_than_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
