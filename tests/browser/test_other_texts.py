"""A reply that belongs to another text than that in the box is never shown, judged or applied."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import counted, recorded
from tests.browser.test_page import FIRST, NUMBER

expect.set_options(timeout=15_000)
WORDING = "**/page/v1/wording"


@contextmanager
def held(page: Page, path: str) -> Iterator[list[Route]]:
    """Keeps the requests of a path in a list until the block ends, and then sends them."""
    kept: list[Route] = []
    free: list[bool] = []
    page.route(path, lambda route: route.continue_() if free else kept.append(route))
    yield kept
    free.append(True)
    for route in kept:
        route.continue_()


def arrived(page: Page, kept: list[Route]) -> None:
    """Waits for a held request."""
    for _ in range(200):
        if kept:
            return
        page.wait_for_timeout(25)
    raise AssertionError("nothing was asked")


@pytest.mark.parametrize("hold", [True, False])
def test_a_text_that_comes_back_has_its_prediction_back(page: Page, hold: bool) -> None:
    type_and_undo = """() => {
        const box = document.querySelector('#sf-wording');
        const text = box.value;
        for (const value of [text + 'x', text]) {
            box.value = value;
            box.dispatchEvent(new Event('input', { bubbles: true }));
        }
    }"""
    if not hold:
        page.evaluate(type_and_undo)
    else:
        with held(page, WORDING) as kept:
            page.locator("#sf-wording").press("End")
            page.keyboard.type("x")
            arrived(page, kept)
            expect(page.locator(NUMBER)).not_to_be_visible()
            page.keyboard.press("Backspace")
            expect(page.locator(NUMBER)).to_contain_text(recorded(0))
            expect(page.locator(NUMBER)).to_be_visible()
    page.wait_for_timeout(300)
    expect(page.locator(NUMBER)).to_contain_text(recorded(0))
    expect(page.locator(NUMBER)).to_be_visible()
    expect(page.locator("#sf-answers .sf-bars").first).to_be_visible()


def test_a_measurement_is_judged_against_the_prediction_of_its_own_text(page: Page) -> None:
    result = page.locator("#sf-measure .sf-result")
    page.click("#sf-go")
    expect(result).to_contain_text("Inside the guess", timeout=120_000)
    page.click("#sf-chip-3")
    expect(page.locator(NUMBER)).to_contain_text(recorded(2))
    expect(page.locator(NUMBER)).to_be_visible()
    with held(page, WORDING) as kept:
        page.click("#sf-chip-1")
        arrived(page, kept)
        expect(result).to_contain_text(f"Measured: {counted(0)[0]}")
        expect(result).not_to_contain_text("Outside the guess")
        expect(page.locator("#sf-measure .sf-rung")).to_have_count(0)
    expect(result).to_contain_text("Inside the guess")


def test_a_guess_waits_for_the_prediction_of_its_text(page: Page) -> None:
    page.click("#sf-chip-3")
    expect(page.locator(NUMBER)).to_contain_text(recorded(2))
    with held(page, WORDING) as kept:
        page.locator("#sf-wording").fill(FIRST)
        arrived(page, kept)
        expect(page.locator("#sf-guess")).to_be_disabled()
    page.locator("#sf-guess").fill("40")
    expect(page.locator("#sf-expect .sf-guess")).to_be_visible()
    entry = page.locator(".sf-tried li").first
    expect(entry).to_contain_text("Kindly say")
    number = entry.locator("b").inner_text()
    assert f"about {number}" in page.locator(NUMBER).inner_text()


def test_a_surface_rule_that_comes_late_changes_nothing(page: Page) -> None:
    typed = "Where is {name}? {story}"
    with held(page, "**/page/v1/perturbed") as kept:
        page.locator("#sf-rules").select_option("polite")
        arrived(page, kept)
        page.locator("#sf-wording").fill(typed)
    page.wait_for_timeout(500)
    expect(page.locator("#sf-wording")).to_have_value(typed)
    expect(page.locator("#sf-rules")).to_have_value("")


def test_of_two_surface_rules_the_last_one_counts(page: Page) -> None:
    before = page.locator("#sf-wording").input_value()
    with held(page, "**/page/v1/perturbed") as kept:
        page.locator("#sf-rules").select_option("polite")
        arrived(page, kept)
        page.locator("#sf-rules").select_option("no_stop_words")
    expect(page.locator("#sf-rules")).to_have_value("no_stop_words")
    page.wait_for_timeout(300)
    expect(page.locator("#sf-wording")).not_to_have_value(before)
    expect(page.locator("#sf-wording")).not_to_have_value("Please")


def test_a_conflict_is_not_told_beside_another_text(page: Page) -> None:
    page.click("#sf-chip-5")
    expect(page.locator("#sf-fix")).to_be_visible()
    with held(page, WORDING) as kept:
        page.locator("#sf-wording").fill("Name the topic.\n{text}")
        arrived(page, kept)
        expect(page.locator("#sf-fix")).not_to_be_visible()
        expect(page.locator(".sf-conflict")).not_to_be_visible()


def test_what_is_announced_is_of_the_text_in_the_box(page: Page) -> None:
    expect(page.locator("#sf-spoken")).not_to_be_empty()
    with held(page, WORDING) as kept:
        page.locator("#sf-wording").fill(FIRST)
        arrived(page, kept)
        expect(page.locator("#sf-spoken")).to_be_empty()
    expect(page.locator("#sf-spoken")).to_contain_text("about")


def test_an_own_question_without_options_says_what_is_missing(visit) -> None:
    page = visit.open()
    page.locator("#sf-task").select_option("own")
    page.locator("#sf-wording").fill("Is this praise or blame?")
    page.fill("#sf-own-text", "A warm and witty film.")
    expect(page.locator("#sf-answers")).to_contain_text("Type at least two options")
    page.fill("#sf-own-options", "praise")
    expect(page.locator("#sf-answers")).to_contain_text("Type at least two options")
    page.fill("#sf-own-options", "praise | blame")
    expect(page.locator("#sf-answers .sf-bars").first).to_contain_text("praise")


def relied(*, low: float) -> str:
    """A line of the reply to *Find out*; `low`: what the instruction gains over none, at least."""
    row = {"accuracy": 50.0, "accuracy_low": 40.0, "accuracy_high": 60.0, "text": ""}
    rows = [row | {"kind": "given"}, row | {"kind": "empty", "low": low, "high": low + 20.0}]
    return json.dumps({"reliance": {"rows": rows, "n": 64, "random_guess": 25.0}}) + "\n"


def test_what_was_found_out_of_an_earlier_wording_is_not_shown_beside_another(page: Page) -> None:
    kept: list[Route] = []
    page.route("**/page/v1/reliance", lambda route: kept.append(route))
    page.click("#sf-more")
    page.click("#sf-rely")
    arrived(page, kept)
    page.click("#sf-chip-4")
    expect(page.locator("#sf-rely")).to_have_text("Find out")
    page.click("#sf-rely")
    while len(kept) < 2:
        page.wait_for_timeout(25)
    kept[1].fulfill(body=relied(low=-10.0))
    expect(page.locator("#sf-relied")).to_contain_text("Hardly")
    kept[0].fulfill(body=relied(low=10.0))
    page.wait_for_timeout(300)
    expect(page.locator("#sf-relied")).to_contain_text("Hardly")
