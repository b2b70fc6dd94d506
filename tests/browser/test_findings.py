"""The *Findings* tab in a browser: view tables, pick lines, save figures."""

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import QUIET

expect.set_options(timeout=30_000)


@pytest.fixture
def findings(page: Page) -> Page:
    page.get_by_role("tab", name="Findings").click()
    expect(page.locator("#published-plot .points path").first).to_be_visible()
    expect(page.locator("#own-plot .points path").first).to_be_visible()
    return page


def test_both_studies_stand_beside_each_other_with_notes_and_without_artefacts(
    findings: Page,
) -> None:
    for name, note in (("published", "True, False or Neither"), ("own", "never trained")):
        card = findings.locator(f"#{name}-card")
        expect(card).to_contain_text("without artefacts")
        expect(card).to_contain_text("95% intervals")
        expect(card.locator("li", has_text=note)).to_be_visible()


@pytest.mark.parametrize(("path", "locale"), [(QUIET, "de-DE"), (f"{QUIET}&lang=de", "en-US")])
def test_the_tables_speak_the_second_language(visit, path: str, locale: str) -> None:
    page = visit.open(path, locale=locale)
    page.get_by_role("tab", name="Ergebnisse").click()
    expect(page.locator("#published-card")).to_contain_text("ohne Artefakte")
    expect(page.locator("#published-lines")).to_contain_text("Modelle")
    expect(page.locator("#own-csv")).to_contain_text("Tabelle als CSV")
    expect(page.locator("#published-card")).to_contain_text("T0++ verliert -0,3")
    page.locator("#published-table input").click()
    page.get_by_role("option", name="Abb. 3").click()
    expect(page.locator("#published-card")).to_contain_text("unsinnig")


def test_a_picked_model_is_all_that_is_shown_and_saved(findings: Page) -> None:
    findings.locator("#published-lines input").click()
    findings.get_by_role("option", name="T0++ 11B").click()
    findings.keyboard.press("Escape")
    expect(findings.locator("#published-card")).not_to_contain_text("Alpaca-7B BBL")
    expect(findings.locator("#published-card tbody tr")).to_have_count(4)
    with findings.expect_download() as started:
        findings.click("#published-csv")
    saved = pd.read_csv(started.value.path())
    assert set(saved["name"]) == {"T0++ 11B"}
    assert {"degradation_low", "degradation_high", "without_artefacts"} <= set(saved.columns)


def test_a_plot_is_saved_as_png_by_its_mode_bar_and_as_svg_by_the_button(findings: Page) -> None:
    findings.locator("#own-plot").hover()
    with findings.expect_download() as png:
        findings.locator("#own-plot .modebar-btn").first.click()
    assert png.value.suggested_filename == "own-own-types.png"
    assert png.value.path().read_bytes().startswith(b"\x89PNG")
    with findings.expect_download() as svg:
        findings.click("#own-svg")
    assert svg.value.suggested_filename == "own-own-types.svg"
    assert "<svg" in svg.value.path().read_text(encoding="utf-8")[:200]


def test_another_table_has_its_own_pickers_and_stays_when_one_comes_back(findings: Page) -> None:
    findings.locator("#published-table input").click()
    findings.get_by_role("option", name="Fig. 3").click()
    expect(findings.locator("#published-card")).to_contain_text("nonsensical")
    expect(findings.locator("#published-lines")).to_contain_text("Kinds of instruction")
    findings.get_by_role("tab", name="About").click()
    findings.get_by_role("tab", name="Findings").click()
    expect(findings.locator("#published-card")).to_contain_text("nonsensical")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_of_a_plot_stand_out_from_the_page(page: Page, address: str, theme: str) -> None:
    page.goto(f"{address}/?__theme={theme}")
    page.get_by_role("tab", name="Findings").click()
    label = page.locator("#own-plot .ytick text").first
    expect(label).to_be_visible()
    ink = page.evaluate(
        """() => getComputedStyle(document.querySelector('#own-plot .ytick text')).fill
          .match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765"""
    )
    assert ink > 0.7 if theme == "dark" else ink < 0.3


def test_nothing_is_wider_than_a_phone(findings: Page) -> None:
    findings.set_viewport_size({"width": 390, "height": 844})
    findings.wait_for_timeout(1000)
    assert findings.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("published", "own"):
        box = findings.locator(f"#{name}-plot .main-svg").first.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390
