"""The page in a browser: type, see the prediction, ask the models, upload, download."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Error, Page, expect

from robustness import paths

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
    expect(page.locator("#moved")).to_contain_text("Phrases that increase the distance")


def number(page: Page) -> str:
    """The number that a visitor sees; empty where none is seen."""
    shown = page.locator("#prediction .sf-big")
    return shown.inner_text() if shown.count() and shown.is_visible() else ""


def shown_for(page: Page, text: str) -> None:
    """The prediction and the prompt are those of the text in the box."""
    expect(page.locator("#instruction textarea")).to_have_value(text)
    expect(page.locator("#prompt")).to_contain_text(text)
    expect(page.locator("#prediction .sf-big")).to_be_visible()


FIRST = "Kindly say how it feels"

@pytest.mark.parametrize("way", ["paste", "insertText", "delete", "backspace", "cut", "undo"])
def test_however_the_text_changes_the_prediction_follows(page: Page, way: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    retype(page, FIRST)
    shown_for(page, FIRST)
    box = page.locator("#instruction textarea")
    if way == "paste":
        page.evaluate("navigator.clipboard.writeText(', briefly')")
        box.press("End")
        box.press("Control+v")
        shown_for(page, f"{FIRST}, briefly")
    elif way == "insertText":
        box.press("End")
        page.keyboard.insert_text(", now")
        shown_for(page, f"{FIRST}, now")
    elif way == "delete":
        box.press("Home")
        box.press("Delete")
        shown_for(page, FIRST[1:])
    elif way == "backspace":
        box.press("End")
        box.press("Backspace")
        shown_for(page, FIRST[:-1])
    else:
        box.press("Control+a")
        box.press("Control+x")
        expect(page.locator("#prediction")).to_contain_text("Type an instruction.")
        assert number(page) == ""
        if way == "undo":
            box.press("Control+z")
            shown_for(page, FIRST)


def test_no_number_stands_beside_another_text(page: Page) -> None:
    """From the moment of the change until the reply to it."""
    retype(page, FIRST)
    shown_for(page, FIRST)
    page.route("**/gradio_api/queue/join*", lambda route: None)  # the reply never comes
    page.locator("#instruction textarea").fill("Something else")
    expect(page.locator("#prediction .sf-big")).not_to_be_visible()


def test_a_late_reply_is_dropped(page: Page) -> None:
    retype(page, FIRST)
    shown_for(page, FIRST)
    box = page.locator("#instruction textarea")
    for text in ("Say how it sounds", "Say how it looks to you", ""):
        box.fill(text)
    expect(page.locator("#prediction")).to_contain_text("Type an instruction.")
    page.wait_for_timeout(2000)
    expect(page.locator("#prediction")).to_contain_text("Type an instruction.")
    assert number(page) == ""


def test_the_page_shows_the_state_of_loading_and_then_the_model_without_a_reload(
    browser: Browser, backbone: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    log = tmp_path / "app.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), "--jobs", str(tmp_path / "jobs")],
            cwd=paths.ROOT, stdout=out, stderr=subprocess.STDOUT,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
        context = browser.new_context()
        try:
            opened = context.new_page()
            opened.set_default_timeout(240_000)
            for _ in range(1200):
                try:
                    opened.goto(f"http://127.0.0.1:{port}", wait_until="commit")
                    break
                except Error:
                    assert process.poll() is None, log.read_text()
                    time.sleep(0.2)
            opened.get_by_text("Loading the model").wait_for()
            opened.evaluate("window.kept = true")
            opened.wait_for_selector("#prediction .sf-big")
            assert opened.evaluate("window.kept")
            assert not opened.get_by_text("Loading the model").is_visible()
            assert paths.BACKBONE_ID in opened.inner_text("#footer")
        finally:
            context.close()
            process.terminate()
            process.wait(timeout=60)
    assert "Traceback" not in log.read_text()
