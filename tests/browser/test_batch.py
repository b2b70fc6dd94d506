"""The *Batch* tab in a browser: check, run, find again, filter, download."""

import csv
import re
import zipfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from robustness.scoring.batch import COLUMNS
from tests.browser.test_other_texts import arrived, held

expect.set_options(timeout=30_000)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    made = tmp_path / "mine.csv"
    made.write_text(
        "instruction,task,mine\n"
        '"Say where {name} is, please.\n{story}",place,one\n'
        '"{story}\n____ gave it to {name}.",giver,three\n'
        "Did the critic enjoy it?,no_such_task,two\n",
        encoding="utf-8",
    )
    return made


def test_a_batch_is_checked_run_found_again_filtered_and_downloaded(
    page: Page, table: Path, axe
) -> None:
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#sf-upload", table)
    expect(page.locator("#sf-plan")).to_contain_text("3 rows. 1 cannot be scored")
    expect(page.locator("#sf-plan")).to_contain_text(re.compile(r"prompts to read, about \d+ s"))
    expect(page.locator(".sf-listed .sf-bad")).to_contain_text("no task 'no_such_task'")
    axe(page, "checked")
    page.click("#sf-start")
    expect(page.locator("#sf-state")).to_contain_text("mine.csv")
    assert "job=" in page.url
    page.reload()
    expect(page.locator("#sf-state")).to_contain_text("done, 3 of 3 rows", timeout=120_000)
    expect(page.locator("#sf-summary")).to_contain_text("2 of 3 wordings probably lose more")
    expect(page.locator("#sf-chart tbody tr")).to_have_count(3)
    axe(page, "done")
    page.click("#sf-filter-risky")
    expect(page.locator("#sf-chart tbody tr")).to_have_count(2)
    page.click("#sf-filter-failed")
    expect(page.locator("#sf-chart")).to_contain_text("no_such_task")
    with page.expect_download() as started:
        page.click("#sf-result")
    scored = pd.read_csv(started.value.path())
    assert list(scored["mine"]) == ["one", "three", "two"]
    assert list(scored["status"]) == ["ok", "ok", "error"]
    with page.expect_download(timeout=120_000) as started:
        page.click("#sf-evidence-archive")
    with zipfile.ZipFile(started.value.path()) as archive:
        assert archive.namelist() == ["row-1.json", "row-2.json"]
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#sf-filter-all")
    assert page.locator("#sf-chart").evaluate("e => e.scrollWidth - e.clientWidth") == 0
    # A card a row: its numbers stand below the wording, each with its name.
    card = page.locator("#sf-chart tbody tr").first
    expect(card.locator("td[data-name]")).to_have_count(3)
    assert card.locator("td").nth(2).get_attribute("data-name") == "Points lost"
    for cell in card.locator("th, td").all():
        box = cell.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["height"] > 0
    # A table for whoever hears it, though it is drawn as cards.
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = Counter(node["role"]["value"] for node in tree if not node["ignored"])
    assert (roles["table"], roles["rowheader"], roles["cell"]) == (1, 3, 5 + 5 + 2)
    axe(page, "done, on a phone")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("#sf-filter-risky")
    page.locator("#sf-chart tbody button").first.click()
    expect(page.locator("#sf-wording")).to_have_value("{story}\n____ gave it to {name}.")
    expect(page.locator("#sf-wording")).to_be_visible()


def test_a_running_job_stands_in_the_header_of_every_tab(page: Page) -> None:
    page.get_by_role("tab", name="Batch").click()
    page.fill("#sf-paste", "\n".join(f"Where is {{name}}? {{story}} Number {n}" for n in range(40)))
    page.click("#sf-use-paste")
    expect(page.locator("#sf-plan")).to_contain_text("40 rows")
    page.click("#sf-start")
    expect(page.locator("#sf-job")).to_contain_text("of 40")
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#sf-job")).to_be_visible()
    page.reload()
    expect(page.locator("#sf-job")).to_be_visible()
    page.click("#sf-job")
    expect(page.locator("#sf-chart tbody tr").nth(1)).to_be_attached()
    page.click("#sf-cancel")
    expect(page.locator("#sf-state")).to_contain_text("stopped")
    expect(page.locator("#sf-job")).to_be_hidden()
    page.click("#sf-delete")
    expect(page.locator("#sf-state")).to_have_count(0)
    expect(page.locator("#sf-chart")).to_have_count(0)
    assert "job=" not in page.url
    page.reload()
    page.wait_for_selector("#sf-go:not([disabled])", state="attached")
    expect(page.locator("#sf-delete")).to_have_count(0)


def test_a_file_that_cannot_be_read_says_why(visit, tmp_path: Path) -> None:
    page = visit.open()
    table = tmp_path / "wrong.csv"
    table.write_text("text\nDid they like it?\n", encoding="utf-8")
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#sf-upload", table)
    expect(page.locator(".sf-error")).to_contain_text("wrong.csv")
    expect(page.locator(".sf-error")).to_contain_text("instruction")
    visit.said.clear()  # the browser notes the reply's status 400


def test_an_error_of_a_row_and_of_a_file_speak_the_second_language(visit, table: Path) -> None:
    page = visit.open("?attract=0&lang=de&tab=batch", ready=False)
    page.set_input_files("#sf-upload", table)
    expect(page.locator(".sf-listed .sf-bad")).to_contain_text("Die Aufgabe 'no_such_task' gibt es")
    torn = table.with_name("kaputt.csv")
    torn.write_text('instruction,task\n"Say if" this,subjectivity\n"Open', encoding="utf-8")
    page.set_input_files("#sf-upload", torn)
    expect(page.locator(".sf-error")).to_contain_text("kaputt.csv, Zeile 3: Ein Anführungszeichen")
    expect(page.locator(".sf-error")).to_contain_text("die Datei endet vorher")
    wrong = table.with_name("wrong.csv")
    wrong.write_text("text\nDid they like it?\n", encoding="utf-8")
    page.set_input_files("#sf-upload", wrong)
    expect(page.locator(".sf-error")).to_contain_text("wrong.csv hat keine Spalte")
    visit.said.clear()  # the browser notes the reply's status 400


def test_columns_that_are_called_like_ours_hide_no_result(page: Page, tmp_path: Path) -> None:
    inside = ["accuracy", "number", "single", "value", "rows", "error_y", "__proto__"]
    ours = [*COLUMNS, *inside]
    made = tmp_path / "mine.csv"
    told = ",".join(f"mine {number}" for number in range(len(ours)))
    made.write_text(
        f"instruction,input,options,{','.join(ours)}\nGood or bad?,Cold soup.,good|bad,{told}\n",
        encoding="utf-8",
    )
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#sf-upload", made)
    expect(page.locator("#sf-plan")).to_contain_text("1 row")
    expect(page.locator(".sf-part", has=page.locator("#sf-plan"))).to_contain_text(
        "low (kept as given_low)"
    )
    page.click("#sf-start")
    expect(page.locator("#sf-state")).to_contain_text("done, 1 of 1 rows", timeout=120_000)
    expect(page.locator("#sf-chart tbody tr")).to_have_count(1)
    expect(page.locator("#sf-chart")).to_contain_text("Good or bad?")
    expect(page.locator("#sf-chart")).not_to_contain_text("mine")
    with page.expect_download() as started:
        page.click("#sf-result")
    with Path(started.value.path()).open(encoding="utf-8", newline="") as file:
        header, row = csv.reader(file)
    found = dict(zip(header, row, strict=True))
    assert len(found) == len(header)
    kept = {name: f"given_{name}" if name in COLUMNS else name for name in ours}
    assert {name: found[kept[name]] for name in ours} == {
        name: f"mine {number}" for number, name in enumerate(ours)
    }
    assert found["status"] == "ok"
    assert found["nearest_observed"]
    assert not any(found[name].startswith("mine") for name in COLUMNS)


def test_a_run_that_fails_can_be_started_again(visit, table: Path) -> None:
    page = visit.open()
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#sf-upload", table)
    page.route("**/page/v1/batch/jobs", lambda route: route.abort())
    page.click("#sf-start")
    expect(page.locator(".sf-error")).to_contain_text("cannot be reached")
    page.unroute("**/page/v1/batch/jobs")
    page.click("#sf-start")
    expect(page.locator("#sf-state")).to_contain_text("mine.csv")
    visit.said.clear()  # the browser notes the request that failed


def test_of_two_tables_the_last_one_is_shown(page: Page, table: Path) -> None:
    other = table.with_name("other.csv")
    other.write_text("instruction,task\nWhere is {name}? {story},place\n", encoding="utf-8")
    page.get_by_role("tab", name="Batch").click()
    with held(page, "**/page/v1/batch/check") as kept:
        page.set_input_files("#sf-upload", table)
        arrived(page, kept)
        page.set_input_files("#sf-upload", other)
        while len(kept) < 2:
            page.wait_for_timeout(25)
        kept.reverse()
    expect(page.locator("#sf-plan")).to_contain_text("1 row")
    page.wait_for_timeout(500)
    expect(page.locator("#sf-plan")).to_contain_text("1 row")
