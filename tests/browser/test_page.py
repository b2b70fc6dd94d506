"""What a visitor does: type, see the card, ask, upload, download."""

from pathlib import Path

import pandas as pd
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
    page.click("#run")
    expect(page.locator("#history td").first).to_be_visible()
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("tab", name="About").click()
    page.wait_for_timeout(1500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_batch_is_planned_run_found_again_after_a_reload_and_downloaded(
    page: Page, tmp_path: Path
) -> None:
    table = tmp_path / "mine.csv"
    table.write_text(
        "instruction,task,mine\n"
        '"Say where {name} is, please.\n{story}",place,one\n'
        "Did the critic enjoy it?,no_such_task,two\n",
        encoding="utf-8",
    )
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#upload input[type=file]", table)
    expect(page.locator("#plan")).to_contain_text("2 rows")
    expect(page.locator("#plan")).to_contain_text("row 2: no task 'no_such_task'")
    page.click("#start")
    expect(page.locator("#job")).to_contain_text("mine.csv")
    page.reload()
    page.wait_for_selector("#run")
    page.get_by_role("tab", name="Batch").click()
    expect(page.locator("#job")).to_contain_text("done, 2 of 2 rows", timeout=120_000)
    expect(page.locator("#chart")).to_be_visible()
    expect(page.locator("#table")).to_contain_text("no_such_task")
    with page.expect_download() as started:
        page.click("#result")
    scored = pd.read_csv(started.value.path())
    assert list(scored["mine"]) == ["one", "two"]
    assert list(scored["status"]) == ["ok", "error"]
    assert scored["accuracy_original"].notna().tolist() == [True, False]


def test_a_file_that_cannot_be_read_says_why(page: Page, tmp_path: Path) -> None:
    table = tmp_path / "wrong.csv"
    table.write_text("text\nDid they like it?\n", encoding="utf-8")
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#upload input[type=file]", table)
    expect(page.locator("#plan")).to_contain_text("instruction")
    expect(page.locator("#plan")).to_contain_text("wrong.csv")


def test_an_example_runs_with_one_click(page: Page) -> None:
    page.get_by_role("button", name="place:").click()
    expect(page.locator("#prompt")).to_contain_text("Where's")
    expect(page.locator("#bars-aligned")).to_contain_text("%")
    expect(page.locator("#text-aligned textarea")).not_to_have_value("")


def test_measuring_shows_what_was_measured_beside_the_prediction(page: Page) -> None:
    page.click("#measure")
    expect(page.locator("#measured")).to_contain_text("Measured on all", timeout=120_000)


def test_rewordings_come_with_predictions_and_the_words_that_moved_it(page: Page) -> None:
    page.click("#suggest")
    expect(page.locator("#rewordings td").first).to_be_visible(timeout=60_000)
    expect(page.locator("#moved")).to_contain_text("Which words moved it")
