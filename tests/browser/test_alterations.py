"""The page's perturbations panel: whether the model uses the instruction."""

import re

from playwright.sync_api import Page, expect


def test_the_panel_measures_and_fits_a_phone(page: Page) -> None:
    page.get_by_role("button", name="Does the model use the instruction").click()
    limit = page.locator("#alterations-limit input[type=number]")
    limit.fill("16")
    limit.press("Tab")
    page.click("#alter")
    shown = page.locator("#altered")
    # An index of another version is said in words; what is predicted is not this test's business.
    expect(shown).to_contain_text(
        re.compile("on 16 labelled inputs|make it again"), timeout=120_000
    )
    if shown.locator("table").count():
        shown.locator("summary").click()
        expect(shown.locator("td", has_text="negated [S1]")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
