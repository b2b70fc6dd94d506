"""The focus stays on the page when the element that had it is replaced."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_other_texts import held

expect.set_options(timeout=15_000)


def focused(page: Page) -> str:
    """The id of the element that has the focus; `BODY` where none has."""
    return page.evaluate("document.activeElement.id || document.activeElement.tagName")


def settled(page: Page, at: str) -> None:
    """The focus comes to an element and stays there."""
    expect(page.locator(f"#{at}")).to_be_focused()
    page.wait_for_timeout(600)
    assert focused(page) == at


def test_measuring_and_its_end_keep_the_focus(page: Page) -> None:
    with held(page, "**/page/v1/measure"):
        page.locator("#sf-go").press("Enter")
        settled(page, "sf-stop")
        page.locator("#sf-stop").press("Enter")
        settled(page, "sf-go")


@pytest.mark.parametrize(("chip", "button"), [(1, "sf-take"), (5, "sf-fix")])
def test_a_wording_that_is_taken_gives_the_focus_to_its_card(
    page: Page, chip: int, button: str
) -> None:
    page.click(f"#sf-chip-{chip}")
    before = page.locator("#sf-wording").input_value()
    page.locator(f"#{button}").press("Enter")
    expect(page.locator("#sf-wording")).not_to_have_value(before)
    settled(page, "sf-ask-title")


def test_what_was_found_out_has_the_focus(page: Page) -> None:
    page.click("#sf-more")
    page.locator("#sf-rely").press("Enter")
    expect(page.locator("#sf-relied")).to_be_visible(timeout=120_000)
    settled(page, "sf-relied")


def test_a_suggestion_that_is_taken_gives_the_focus_back(page: Page) -> None:
    page.locator("#sf-better").press("Enter")
    page.locator(".sf-suggested button").first.press("Enter")
    settled(page, "sf-better")


def test_a_job_that_is_stopped_keeps_the_focus(page: Page) -> None:
    page.get_by_role("tab", name="Batch").click()
    page.fill("#sf-paste", "\n".join(f"Where is {{name}}? {{story}} Number {n}" for n in range(40)))
    page.click("#sf-use-paste")
    page.locator("#sf-start").press("Enter")
    expect(page.locator("#sf-run-title")).to_be_focused()
    page.locator("#sf-cancel").press("Enter")
    expect(page.locator("#sf-state")).to_contain_text("stopped")
    settled(page, "sf-run-title")
