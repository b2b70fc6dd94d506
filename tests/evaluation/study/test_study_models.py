"""The evaluation on real models: an encoder-decoder, and the embedded backbone with its prefix."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

from robustness import cli
from robustness.data import instructions, tasks
from robustness.data.tasks import Task
from robustness.evaluation import study
from robustness.evaluation.study.plan import Recipe
from robustness.evaluation.study.plots import plots
from robustness.models import evaluator
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Instruction

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pool() -> list[Instruction]:
    """Three observed and three unobserved instructions of one task, one of them hostile."""
    known = instructions.builtin(instructions.OBSERVED)
    new = instructions.builtin(instructions.UNOBSERVED_DEVELOPMENT)
    hostile = Instruction(
        text='<script>document.title = "taken"</script> | Which topic?\n{text}',
        collection="<b>hostile</b>", task_type=tasks.builtin("scene_topic").task_type,
    )
    return [
        *[i for i in known if i.task == "scene_topic"][:3],
        *[i for i in new if i.task == "scene_topic"][:2], hostile,
    ]


@pytest.fixture(scope="module")
def on_t5(
    tiny_t5: Path, pool: list[Instruction], topics: Task,
    tmp_path_factory: pytest.TempPathFactory,
) -> study.Outcome:
    """A study of the random encoder-decoder, generated answers included."""
    plan = study.plan(
        [replace(topics, examples=topics.examples[:12])], pool, Recipe(shots=(1,), free=True)
    )
    engine = TransformersEngine(tiny_t5, device="cpu")
    return study.evaluate(engine, plan, tmp_path_factory.mktemp("t5"))


def test_an_encoder_decoder_is_evaluated(on_t5: study.Outcome) -> None:
    found = on_t5.study
    assert found.conditions == ("zero-shot", "1-shot")
    assert found.left == ()
    assert len(found.instructions) == 2 * 6
    assert all(r.distance is not None for r in found.instructions)
    assert len(found.maps[0].points) == 6
    row = next(r for r in found.sets if r.condition == "zero-shot" and r.set == "all")
    assert row.posix is not None and row.posix > 0
    # A random model names no option: that is counted, not hidden.
    assert row.generated == 24 and row.unparsed is not None and row.unparsed > 12


def test_degradation_is_drawn_without_and_with_solved_examples(on_t5: study.Outcome) -> None:
    found = on_t5.study
    drawn = next(p for p in plots(found) if p.name == "by-condition")
    (bars,) = drawn.figure.data
    overall = {r.condition: r.difference for r in found.groups if r.model == found.models[0]}
    assert list(bars.x) == ["zero-shot", "1-shot"]
    for condition, height, up in zip(bars.x, bars.y, bars.error_y.array, strict=True):
        made = overall[condition]
        assert made is not None
        assert height == pytest.approx(-made.value)
        assert height + up == pytest.approx(-made.low)
    alone = replace(found, groups=tuple(r for r in found.groups if r.condition == "zero-shot"))
    assert "by-condition" not in [p.name for p in plots(alone)]


def test_options_are_scored_as_everywhere_else(
    on_t5: study.Outcome, tiny_t5: Path, pool: list[Instruction], topics: Task
) -> None:
    engine = TransformersEngine(tiny_t5, device="cpu")
    pairs = [(i, e) for i in pool for e in topics.examples[8:12]]
    cells = list(evaluator.read_cells(engine, engine.models()[0].id, pairs))
    records = pd.read_parquet(Path(on_t5.folder) / "records.parquet")
    mine = records[records["shots"] == 0]
    expected = np.concatenate([c.reading.option_logprobs for c in cells])
    assert np.concatenate(list(mine["option_logprobs"])) == pytest.approx(expected, rel=1e-4)
    assert list(mine["answer"]) == [c.answer for c in cells]


@pytest.fixture(scope="module")
def rendered(on_t5: study.Outcome) -> dict[str, object]:
    """What headless Chromium makes of the report."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    asked: list[str] = []
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto((Path(on_t5.folder) / "report.html").as_uri())
        page.wait_for_selector("#maps .main-svg")
        page.locator("#distance .updatemenu-header").click()
        page.locator("#distance .updatemenu-dropdown-button").last.click()
        found = {
            "asked": asked, "errors": errors, "title": page.title(),
            "plots": page.locator(".js-plotly-plot").count(),
            "menu": page.locator("#distance .updatemenu-header").text_content(),
            "wide": page.evaluate("document.documentElement.scrollWidth"),
            "text": page.locator("#instructions-sheet ~ div").first.inner_text(),
        }
        browser.close()
    return found


def test_the_report_stands_alone_and_shows_hostile_text_as_text(
    rendered: dict[str, object],
) -> None:
    assert rendered["errors"] == []
    assert len(rendered["asked"]) == 1  # type: ignore[arg-type]
    assert rendered["title"] == "Robustness to instructions: tiny-t5"
    assert rendered["plots"] == 5
    assert "1-shot" in str(rendered["menu"])
    assert rendered["wide"] == 1280
    assert "<script>document.title" in str(rendered["text"])


def test_the_command_evaluates_the_embedded_backbone_and_resumes(
    backbone: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:
    command = [
        "evaluate", "--tasks", "subjectivity,nowhere", "--instructions",
        "observed,unobserved-development", "--limit", "8", "--out", str(tmp_path), "--json",
    ]

    def run(*more: str) -> dict[str, object]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*command, *more])
        assert not ended.value.code
        captured = capsys.readouterr()
        if not more:
            assert "github.com/google/BIG-bench" in captured.err
            assert "prompts: 1 tasks and conditions, 2 models" in captured.err
        return dict(json.loads(captured.out))

    planned = run("--dry-run")
    made = run()
    again = run()
    assert planned["calls"] == made["calls"] == again["known"]
    assert (made["known"], again["calls"]) == (0, 0)
    groups = made["study"]["groups"]  # type: ignore[index]
    assert [g["model"] for g in groups] == ["steadfast-mini", "steadfast-mini+pt-kl"]
    assert all(g["observed"]["value"] > 60 for g in groups)
    assert (tmp_path / "report.html").stat().st_size > 1_000_000
