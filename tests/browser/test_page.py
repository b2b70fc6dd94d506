"""The *Try* tab in a browser: whatever is typed, each number is of the text beside it."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from robustness import paths
from server.page import shipped
from tests.browser.conftest import counted, recorded

expect.set_options(timeout=30_000)
FIRST = "Kindly say where {name} is. {story}"
NUMBER = "#sf-expect .sf-big"


def wording(page: Page, text: str) -> None:
    """Replaces the wording key by key, as a person does."""
    page.locator("#sf-wording").fill("")
    page.locator("#sf-wording").press_sequentially(text)


def seen(page: Page) -> str:
    """The number that a visitor sees; empty where none is seen."""
    shown = page.locator(NUMBER)
    return shown.inner_text() if shown.count() and shown.is_visible() else ""


def shown_for(page: Page, text: str) -> None:
    """The prediction is the one that the API gives for the text in the field."""
    expect(page.locator("#sf-wording")).to_have_value(text)
    expect(page.locator("#sf-expect")).not_to_have_class("sf-late")
    expect(page.locator(NUMBER)).to_be_visible()
    found = page.request.post(
        "/page/v1/wording", data={"instruction": text, "task": "place"}
    ).json()
    lost = found["prediction"]["degradation"]
    value = min(100, max(0, found["usual"] - lost))
    expect(page.locator(NUMBER)).to_contain_text(f"{value:.0f}")


@pytest.fixture
def page(visit) -> Page:
    made = visit.open()
    return made


@pytest.mark.parametrize("way", ["paste", "insertText", "delete", "backspace", "cut", "undo"])
def test_however_the_text_changes_the_prediction_follows(page: Page, way: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    wording(page, FIRST)
    shown_for(page, FIRST)
    box = page.locator("#sf-wording")
    if way == "paste":
        page.evaluate("navigator.clipboard.writeText(' Briefly.')")
        box.press("End")
        box.press("Control+v")
        shown_for(page, f"{FIRST} Briefly.")
    elif way == "insertText":
        box.press("End")
        page.keyboard.insert_text(" Now.")
        shown_for(page, f"{FIRST} Now.")
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
        expect(page.locator("#sf-expect")).to_contain_text("Type a wording")
        assert seen(page) == ""
        if way == "undo":
            box.press("Control+z")
            shown_for(page, FIRST)


def test_no_number_stands_beside_another_text_until_its_reply(page: Page) -> None:
    wording(page, FIRST)
    shown_for(page, FIRST)
    page.route("**/page/v1/wording", lambda route: None)  # the reply never comes
    page.locator("#sf-wording").fill("Where is {name}? {story}")
    expect(page.locator(NUMBER)).not_to_be_visible()
    expect(page.locator("#sf-close .sf-near")).not_to_be_visible()


def test_a_late_reply_is_dropped(page: Page) -> None:
    held: list[Route] = []
    page.route("**/page/v1/wording", lambda route: held.append(route))
    page.locator("#sf-wording").fill(FIRST)
    for _ in range(200):
        if held:
            break
        page.wait_for_timeout(50)
    assert held
    page.locator("#sf-wording").fill("")
    for route in held:
        with page.expect_response("**/page/v1/wording"):
            route.continue_()
    page.wait_for_timeout(500)  # the page's turn to show the reply
    expect(page.locator("#sf-expect")).to_contain_text("Type a wording")
    assert seen(page) == ""


def test_what_is_typed_is_text_and_never_markup(page: Page) -> None:
    page.locator("#sf-wording").fill("<img src=x onerror=alert(1)> Where is {name}? {story}")
    expect(page.locator("#sf-close .sf-yours")).to_contain_text("<img src=x")
    expect(page.locator("#sf-try img")).to_have_count(0)


def test_the_history_has_the_number_of_the_card_and_survives_a_reload(page: Page) -> None:
    wording(page, FIRST)
    shown_for(page, FIRST)
    entry = page.locator(".sf-tried li").first
    expect(entry).to_contain_text("Kindly say")
    number = entry.locator("b").inner_text()
    assert f"about {number}" in page.locator(NUMBER).inner_text()
    page.reload()
    page.wait_for_selector("#sf-go")
    expect(page.locator(".sf-tried li").first).to_contain_text(number)


def test_measuring_ends_in_one_sentence_and_judges_the_guess(page: Page) -> None:
    page.locator("#sf-guess").fill("30")
    page.keyboard.press("Control+Enter")
    result = page.locator("#sf-measure .sf-result")
    original, aligned = counted(0)
    expect(result).to_contain_text(f"Measured: {original} of 100", timeout=120_000)
    expect(result).to_contain_text("Inside the guess")
    expect(result).to_contain_text(f"Aligned: {aligned}")
    expect(result).to_contain_text("You guessed 30: Steadfast was nearer")
    expect(page.locator(".sf-board")).to_contain_text("0 of 1")
    assert page.locator("#sf-measure .sf-rung").count() >= 4
    expect(page.locator("#sf-spoken")).to_contain_text(f"Measured: {original}")
    page.click("#sf-challenge")
    expect(page.locator("#sf-hardest")).to_contain_text(f"94 → {original}")


def test_another_text_folds_the_measurement_into_a_line_of_its_own(page: Page) -> None:
    page.click("#sf-go")
    expect(page.locator("#sf-measure .sf-result")).to_contain_text("Aligned", timeout=120_000)
    page.click("#sf-chip-2")
    expect(page.locator("#sf-measure .sf-stale")).to_contain_text("For an earlier wording")
    expect(page.locator("#sf-measure .sf-rung")).to_have_count(0)
    expect(page.locator("#sf-expect .sf-cross")).to_have_count(0)


def test_escape_stops_and_says_after_how_many(page: Page) -> None:
    page.route("**/page/v1/measure", lambda route: None)
    page.click("#sf-go")
    expect(page.locator("#sf-stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#sf-measure")).to_contain_text("Stopped after 0 of 128")
    expect(page.locator("#sf-go")).to_be_enabled()


def test_another_question_prefers_those_on_which_the_models_differ(page: Page) -> None:
    expect(page.locator("#sf-answers")).to_contain_text("They disagree.")
    expect(page.locator("#sf-answers")).to_contain_text("They differ on 11 of these 16 questions")
    expect(page.locator("#sf-answers")).to_contain_text("alignment changed")
    before = page.locator("#sf-question").inner_text()
    page.locator("body").press("n")
    expect(page.locator("#sf-question")).not_to_have_text(before)
    assert "q=" in page.url


def test_every_chip_shows_what_it_is_for(page: Page) -> None:
    page.locator("body").press("6")
    expect(page.locator("#sf-expect")).to_contain_text("this is no instruction for the task")
    expect(page.locator("#sf-spoken")).to_contain_text("No guess. By its words")
    page.locator("body").press("5")
    expect(page.locator(".sf-conflict")).to_contain_text("You ask for True or False")
    page.click("#sf-fix")
    expect(page.locator("#sf-wording")).to_have_value(
        "Is the following true? Answer food, sport, music, travel or work.\n{text}"
    )
    expect(page.locator(".sf-conflict")).to_be_empty()


def test_a_surface_rule_changes_the_wording_and_the_last_one_can_be_taken_back(
    page: Page,
) -> None:
    wording(page, FIRST)
    shown_for(page, FIRST)
    page.locator("#sf-rules").select_option("no_stop_words")
    shown_for(page, "Kindly say where {name}. {story}")
    page.locator("#sf-rules").select_option("polite")
    expect(page.locator("#sf-wording")).to_have_value(re.compile(rf"\n{re.escape(FIRST)}$"))
    expect(page.locator("#sf-rules")).to_have_value("polite")
    page.locator("#sf-rules").select_option("")
    shown_for(page, FIRST)
    page.locator("#sf-rules").select_option("typo_swap")
    expect(page.locator("#sf-wording")).not_to_have_value(FIRST)
    wording(page, FIRST)
    expect(page.locator("#sf-rules")).to_have_value("")


def test_the_noise_floor_stands_beside_the_loss(page: Page) -> None:
    wording(page, FIRST)
    shown_for(page, FIRST)
    found = page.request.post(
        "/page/v1/wording", data={"instruction": FIRST, "task": "place"}
    ).json()["prediction"]
    below = abs(found["degradation"]) < found["noise_floor"]
    expect(page.locator(".sf-say")).to_contain_text(
        f"below the noise floor of ±{found['noise_floor']:.1f} points" if below
        else f"Noise floor: ±{found['noise_floor']:.1f} points"
    )


def test_an_own_question_is_asked_and_never_predicted_before_it_is_there(page: Page) -> None:
    page.click("#sf-more")
    page.click("#sf-to-own")
    page.locator("#sf-wording").fill("Is this praise or blame?")
    expect(page.locator("#sf-expect")).to_contain_text("Type a wording")
    page.fill("#sf-own-text", "A warm and witty film.")
    page.fill("#sf-own-options", "praise | blame")
    expect(page.locator("#sf-answers .sf-bars").first).to_contain_text("praise")
    expect(page.locator("#sf-prompt")).to_contain_text("A warm and witty film.")
    expect(page.locator("#sf-go")).to_be_disabled()
    expect(page.locator(".sf-tried li").first).to_contain_text("Is this praise")


def test_whether_the_instruction_is_read_is_one_sentence(page: Page) -> None:
    page.click("#sf-chip-4")
    page.click("#sf-more")
    page.click("#sf-rely")
    expect(page.locator("#sf-relied")).to_contain_text("Hardly", timeout=120_000)
    page.locator("#sf-altered").scroll_into_view_if_needed()
    expect(page.locator("#sf-altered")).to_contain_text("none")


def test_a_better_wording_is_a_click_away(page: Page) -> None:
    page.click("#sf-better")
    first = page.locator(".sf-suggested button").first
    first.wait_for()
    text = first.inner_text()
    first.click()
    assert page.locator("#sf-wording").input_value().split() == text.split()


def test_two_wordings_are_compared(page: Page, axe) -> None:
    page.click("#sf-take")  # of several lines, more than its box shows
    expect(page.locator(".sf-tried li")).to_have_count(2)
    page.locator("#sf-pick-0").check()
    page.locator("#sf-pick-1").check()
    page.click("#sf-compare")
    expect(page.locator("dialog[open] svg")).to_have_count(2)
    axe(page, "comparison")


def test_a_link_is_restored_in_a_second_browser_and_its_qr_code_is_made_here(visit) -> None:
    page = visit.open()
    page.locator("#sf-wording").fill("Tell me where {name} hides. {story}")
    expect(page.locator("#sf-answers .sf-bars").first).to_be_visible()
    page.click("#sf-next")
    question = page.locator("#sf-question").inner_text()
    number = page.locator(NUMBER).inner_text()
    page.click("#sf-share")
    link = page.locator("dialog input").input_value()
    expect(page.locator(".sf-qr")).to_be_visible()
    assert page.locator(".sf-qr").evaluate("image => image.naturalWidth") > 100
    other = visit.open(link.split("/", 3)[3])
    expect(other.locator("#sf-wording")).to_have_value("Tell me where {name} hides. {story}")
    expect(other.locator("#sf-question")).to_have_text(question)
    expect(other.locator(NUMBER)).to_have_text(number)


def test_an_evidence_file_is_saved_and_shown_again_with_the_engine_stopped(
    visit, tmp_path: Path
) -> None:
    page = visit.open()
    page.click("#sf-more")
    page.locator("summary", has_text="Take it home").click()
    with page.expect_download(timeout=120_000) as started:
        page.click("#sf-evidence-file")
    saved = json.loads(started.value.path().read_text(encoding="utf-8"))
    assert saved["kind"] == "steadfast-evidence" and saved["readings"]
    page.set_input_files("#sf-replay", started.value.path())
    expect(page.locator("#sf-checks li")).to_have_count(5)
    expect(page.locator("#sf-checks")).not_to_contain_text("✗")
    page.keyboard.press("Escape")
    saved["shown"]["measured"][0]["accuracy"] = 77.0
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(saved), encoding="utf-8")
    page.set_input_files("#sf-replay", changed)
    expect(page.locator("#sf-checks")).to_contain_text("✗ Measurement follows: no")


def test_the_second_language_is_chosen_by_the_browser(visit) -> None:
    page = visit.open(locale="de-DE")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#sf-expect")).to_contain_text("von 100 richtig")
    expect(page.get_by_role("tab", name="Ausprobieren")).to_be_visible()
    page.click("#sf-more")
    page.locator("summary", has_text="Modelle und Belege").click()
    expect(page.locator("#sf-engine")).to_contain_text("transformers auf cpu")
    page.locator("summary", has_text="Freie Antworten").click()
    page.fill("#sf-max_tokens", "100")
    page.click("#sf-write")
    expect(page.locator("#sf-side")).to_contain_text("max_tokens: höchstens 64")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Ergebnisse").click()
    expect(page.locator("#sf-finding-2")).to_contain_text("innen, außen")
    expect(page.locator("#sf-finding-2")).not_to_contain_text("scene_")
    visit.said.clear()  # the browser notes the status of the refused request


def test_examples_play_when_nobody_is_there_and_any_key_ends_them(visit) -> None:
    page = visit.open("?attract=1&w=Where%20is%20{name}?%20{story}&t=place")
    expect(page.locator("#sf-banner")).to_contain_text("Examples are playing", timeout=20_000)
    expect(page.locator("#sf-wording")).not_to_have_value("Where is {name}? {story}")
    page.keyboard.press("Shift")
    expect(page.locator("#sf-wording")).to_have_value("Where is {name}? {story}")
    expect(page.locator("#sf-banner")).to_be_hidden()


def test_the_first_card_is_the_recorded_one(page: Page) -> None:
    first = shipped.opening(paths.BACKBONE)[0]
    expect(page.locator("#sf-wording")).to_have_value(first["asked"]["instruction"])
    expect(page.locator(NUMBER)).to_contain_text(recorded(0))


def test_a_full_queue_is_waited_for_and_then_told(page: Page, visit) -> None:
    asked: list[str] = []
    busy = {"error": {"message": "busy", "type": "rate_limit_error", "code": "server_busy"}}

    def full(times: int) -> None:
        asked.clear()

        def refused(route: Route) -> None:
            asked.append(route.request.post_data_json["instruction"])
            if len(asked) > times:
                route.continue_()
            else:
                route.fulfill(status=429, json=busy, headers={"Retry-After": "0.1"})

        page.unroute("**/page/v1/wording")
        page.route("**/page/v1/wording", refused)

    second = FIRST.replace("Kindly", "Please")
    full(2)
    page.locator("#sf-wording").fill(FIRST)
    shown_for(page, FIRST)
    assert asked == [FIRST] * 3
    full(99)
    page.locator("#sf-wording").fill(second)
    expect(page.locator(".sf-error").first).to_contain_text("The server is busy")
    assert asked == [second] * 5
    used_up = "the limit for one client is used up: 3 per 1 hour (requests); try again in 60 s"
    busy["error"] |= {"message": used_up, "code": "rate_limit_exceeded"}
    page.click("#sf-retry-look")
    expect(page.locator(".sf-error").first).to_contain_text(f"Not now: {used_up}.")
    assert asked == [second] * 6
    # A refusal whose text was lost on the way: nobody knows the limit, so that it is waited for.
    lost: list[str] = []

    def wordless(route: Route) -> None:
        lost.append(route.request.post_data_json["instruction"])
        route.fulfill(status=429, body="", headers={"Retry-After": "0.1"})

    page.unroute("**/page/v1/wording")
    page.route("**/page/v1/wording", wordless)
    page.click("#sf-retry-look")
    expect(page.locator(".sf-error").first).to_contain_text("The server is busy")
    assert lost == [second] * 5
    # Chromium reports each refusal.
    assert all("429" in text for text in visit.said)
    visit.said.clear()
