"""Two backbones in the picker, and a card that refines itself where reading takes long."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from robustness import paths
from tests.browser.conftest import QUIET, Visit, started

expect.set_options(timeout=30_000)
FIRST = "Kindly say where {name} is. {story}"
SECOND = "Tell me at which place {name} can be found. {story}"


@pytest.fixture(scope="module")
def two(
    tiny_llama: Path, backbone: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of the page on the embedded backbone, with a tiny model beside it."""
    other = tmp_path_factory.mktemp("models") / "another-llama"
    shutil.copytree(tiny_llama, other)
    with started(tmp_path_factory.mktemp("app"), "--also", str(other)) as app:
        app.wait()
        yield app.url


@pytest.fixture
def page(browser: Browser, two: str) -> Iterator[Page]:
    made = Visit(browser, two)
    yield made.open(f"{QUIET}&t=place")
    made.close()
    assert not made.outside


def test_the_picker_changes_to_another_backbone_and_back(page: Page) -> None:
    shown = page.locator("#sf-expect .sf-big")
    expect(shown).to_contain_text("right out of 100")
    number = shown.inner_text()
    page.click("#sf-more")
    page.locator("#sf-side details", has=page.locator("#sf-model")).locator("summary").click()
    names = page.locator("#sf-model option").all_inner_texts()
    assert f"Original ({paths.BACKBONE_ID})" in names and names[-1] == "another-llama"
    page.locator("#sf-model").select_option("another-llama")
    # It has no index, so there is no guess; its own answers come all the same.
    expect(shown).to_have_count(0)
    expect(page.locator("#sf-answers .sf-model")).to_have_count(1)
    expect(page.locator("#sf-aligned")).to_have_count(0)
    # The API serves the first backbone alone: the code asks the page's own endpoint.
    page.locator("summary", has_text="Take it home").click()
    page.click("#sf-code")
    expect(page.locator("#sf-curl")).to_contain_text("page/v1/wording")
    expect(page.locator("#sf-curl")).to_contain_text('"model":"another-llama"')
    expect(page.locator("#sf-command")).to_contain_text("another-llama --json")
    page.keyboard.press("Escape")
    page.locator("#sf-model").select_option("")
    expect(shown).to_have_text(number)
    expect(page.locator("#sf-answers .sf-model")).to_have_count(2)
    page.locator("#sf-model").select_option(f"{paths.BACKBONE_ID}+pt-kl")
    expect(page.locator("#sf-answers")).to_contain_text("Only this aligned model is asked")


def test_a_card_whose_reading_takes_long_has_a_first_number_and_refines_it(page: Page) -> None:
    def slowly(route: Route) -> None:
        time.sleep(0.4)
        route.continue_()

    first = page.request.post("/page/v1/first", data={"instruction": SECOND, "task": "place"})
    whole = page.request.post("/page/v1/wording", data={"instruction": SECOND, "task": "place"})
    numbers = [f"{_value(reply.json()):.0f}" for reply in (first, whole)]
    page.route("**/page/v1/wording", slowly)
    # The card that is replaced says the same of its evidence: wait for this wording's own reply.
    with page.expect_response(
        lambda r: r.url.endswith("page/v1/wording") and FIRST in (r.request.post_data or "")
    ):
        page.locator("#sf-wording").fill(FIRST)
    expect(page.locator("#sf-basis")).to_contain_text("16 practice questions")
    page.unroute("**/page/v1/wording")
    waiting: list[Route] = []
    page.route("**/page/v1/wording", lambda route: waiting.append(route))
    page.locator("#sf-wording").fill(SECOND)
    expect(page.locator("#sf-early")).to_contain_text("Read from the wording only.")
    expect(page.locator("#sf-expect .sf-big")).to_contain_text(f"about {numbers[0]}")
    for route in waiting:
        route.continue_()
    expect(page.locator("#sf-early")).to_have_count(0)
    expect(page.locator("#sf-basis")).to_contain_text("16 practice questions")
    expect(page.locator("#sf-expect .sf-big")).to_contain_text(f"about {numbers[1]}")


def _value(look: dict[str, Any]) -> float:
    """The accuracy that the card shows."""
    return min(100.0, max(0.0, look["usual"] - look["prediction"]["degradation"]))
