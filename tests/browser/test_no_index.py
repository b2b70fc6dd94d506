"""The page of a model without an index: what it says while it loads, and then."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import started

expect.set_options(timeout=30_000)


def test_a_model_without_an_index_says_so_and_answers_as_soon_as_it_is_there(
    browser: Browser, backbone: Path, tmp_path: Path
) -> None:
    (tmp_path / "indexes").mkdir()
    with started(tmp_path, "--indexes", str(tmp_path / "indexes")) as app:
        context = browser.new_context(locale="en-US")
        try:
            page = context.new_page()
            page.set_default_timeout(240_000)
            app.open(page)
            loading = page.get_by_text("The model is being loaded")
            loading.wait_for()
            expect(page.locator("#sf-banner")).not_to_contain_text("recorded")
            expect(page.locator(".sf-error")).to_have_count(0)
            loading.wait_for(state="hidden")
            # By itself, and with no word of a model that does not answer.
            page.wait_for_selector("#sf-answers .sf-bars")
            expect(page.locator("#sf-expect .sf-error")).to_contain_text("has no observed index")
            expect(page.locator("#sf-expect .sf-error")).to_contain_text("robustness index build")
            expect(page.locator("#sf-expect .sf-error")).not_to_contain_text(str(tmp_path))
        finally:
            context.close()
    assert "Traceback" not in app.log.read_text()
