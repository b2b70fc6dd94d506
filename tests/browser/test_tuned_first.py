"""The page on the tuned model, with which the demo begins, and the embedded one in its picker."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from robustness import paths
from server.page import shipped
from tests.browser.conftest import Visit, recorded, started

expect.set_options(timeout=60_000)
NUMBER = "#sf-expect .sf-big"


def test_every_number_is_of_the_model_that_is_served(
    browser: Browser, tuned_smollm2: Path, tmp_path: Path
) -> None:
    (gain,) = shipped.gains(paths.TUNED)
    first = shipped.opening(paths.TUNED)[0]["asked"]
    with started(
        tmp_path, "--model", str(tuned_smollm2), "--also", str(paths.BACKBONE)
    ) as app:
        app.wait()
        made = Visit(browser, app.url)
        try:
            page = made.open()
            page.set_default_timeout(60_000)
            expect(page.locator("#sf-wording")).to_have_value(first["instruction"])
            expect(page.locator(NUMBER)).to_contain_text(recorded(0, paths.TUNED))
            expect(page.locator("#sf-answers")).to_contain_text(f"{gain['value']:.1f} points")
            # Measured now, and not by the recorded reply.
            page.locator("#sf-wording").fill("Which thing is {name} holding? {story}")
            expect(page.locator(NUMBER)).not_to_contain_text(recorded(0, paths.TUNED))
            expect(page.locator(NUMBER)).to_contain_text("95 → about")
            page.get_by_role("tab", name="Findings").click()
            expect(page.locator("#sf-finding-3")).to_contain_text("lora-kl")
            expect(page.locator("#sf-finding-3")).not_to_contain_text("pt-kl")
            expect(page.locator("#own-card")).to_contain_text("steadfast-smollm2")
            expect(page.locator("#own-card")).not_to_contain_text(paths.BACKBONE_ID)
            page.get_by_role("tab", name="About").click()
            expect(page.locator("#sf-card")).to_contain_text("steadfast-smollm2")
            # The other model's numbers and gain are its own.
            page.get_by_role("tab", name="Try").click()
            page.click("#sf-more")
            page.locator("summary", has_text="Models and evidence").click()
            page.locator("#sf-model").select_option(paths.BACKBONE_ID)
            its = next(g for g in shipped.gains(paths.BACKBONE) if g["model"].endswith("pt-kl"))
            expect(page.locator("#sf-answers")).to_contain_text(f"{its['value']:.1f} points")
        finally:
            made.close()
        assert not made.outside and not made.said
