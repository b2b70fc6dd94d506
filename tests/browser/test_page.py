"""What a visitor does: type, see the card, ask, upload, download."""

from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect

ROWS = "instruction,task,note\nName the person's whereabouts,place,mine\n,place,bad\n"


def test_typing_shows_the_nearest_observed_instruction_and_the_exact_prompt(page: Page) -> None:
    page.fill("#instruction textarea", "Kindly tell me the colour")
    expect(page.locator("#prompt")).to_contain_text("Kindly tell me the colour")
    expect(page.locator("#nearest")).to_contain_text("distance")
    expect(page.locator("#prediction")).to_contain_text("Evidence")


def test_what_is_typed_is_text_and_never_markup(page: Page) -> None:
    page.fill("#instruction textarea", "<img src=x onerror=alert(1)> which colour?")
    expect(page.locator("#prompt")).to_contain_text("<img src=x")
    expect(page.locator("#prompt img")).to_have_count(0)


def test_asking_shows_option_probabilities_an_answer_and_the_history(page: Page) -> None:
    page.click("#run")
    expect(page.locator("#bars-original")).to_contain_text("%")
    expect(page.locator("#history td").first).to_be_visible()


def test_a_file_is_planned_scored_found_again_after_a_reload_and_downloaded(
    page: Page, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(ROWS)
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#upload input[type=file]", str(file))
    expect(page.locator("#plan")).to_contain_text("1 bad rows")
    page.click("#start")
    expect(page.locator("#job")).to_contain_text("rows.csv")
    page.reload()
    page.get_by_role("tab", name="Batch").click()
    expect(page.locator("#job")).to_contain_text("done, 2 of 2 rows", timeout=180_000)
    with page.expect_download() as waiting:
        page.click("#result")
    table = pd.read_csv(waiting.value.path())
    assert list(table["status"]) == ["ok", "error"]
    assert table["note"][0] == "mine"


def test_nothing_is_wider_than_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
