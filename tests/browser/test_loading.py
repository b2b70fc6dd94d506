"""The page while the model is being loaded, and then, without a reload."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from robustness import paths
from tests.browser.conftest import recorded, started

expect.set_options(timeout=30_000)


def test_the_page_shows_a_recorded_example_while_it_loads_and_then_the_model(
    browser: Browser, backbone: Path, tmp_path: Path
) -> None:
    with started(tmp_path) as app:
        context = browser.new_context(locale="en-US")
        try:
            opened = context.new_page()
            opened.set_default_timeout(240_000)
            app.open(opened)
            opened.get_by_text("The model is being loaded").wait_for()
            expect(opened.locator("#sf-expect .sf-big")).to_contain_text(recorded(0))
            opened.evaluate("window.kept = true")
            opened.get_by_text("The model is being loaded").wait_for(state="hidden")
            opened.locator("#sf-wording").fill("Where is {name}? {story}")
            expect(opened.locator("#sf-expect .sf-big")).not_to_contain_text(recorded(0))
            assert opened.evaluate("window.kept")
            opened.click("#sf-more")
            opened.locator("summary", has_text="Models and evidence").click()
            expect(opened.locator("#sf-model")).to_contain_text(paths.BACKBONE_ID)
        finally:
            context.close()
    assert "Traceback" not in app.log.read_text()
