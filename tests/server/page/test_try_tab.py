import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from robustness.data import tasks
from robustness.errors import EngineError
from robustness.prediction import predictor
from robustness.types import CompletionChunk, GenerationSettings
from robustness.workbench import Workbench
from server.page.question import EVIDENCE, OWN, Question, Shown
from server.page.streams import side_by_side
from server.page.try_tab import GUIDED, TryTab

ASKED = Question(
    instruction="Which topic?", task="scene_topic", chosen=None, text="", options="",
    model="tiny-llama",
)


@pytest.fixture
def tab(workbench: Workbench) -> TryTab:
    return TryTab(workbench)


async def _counting(name: str, until: int, log: list[str]) -> AsyncIterator[CompletionChunk]:
    try:
        for number in range(until):
            await asyncio.sleep(0.001)
            yield CompletionChunk(text=f"{name}{number}")
        if until == 1:
            raise EngineError("the device is lost")
    finally:
        log.append(name)


def test_two_streams_come_side_by_side_and_one_that_fails_says_so() -> None:
    async def run() -> list[tuple[int, str]]:
        streams = [_counting("a", 5, []), _counting("b", 1, [])]
        return [piece async for piece in side_by_side(streams)]

    pieces = asyncio.run(run())
    assert "".join(t for n, t in pieces if n == 0) == "a0a1a2a3a4"
    assert "".join(t for n, t in pieces if n == 1) == "b0 [stopped: the device is lost]"
    assert [n for n, _ in pieces[:3]] != [0, 0, 0]


def test_stopping_closes_every_stream() -> None:
    log: list[str] = []

    async def run() -> None:
        pieces = side_by_side([_counting("a", 50, log), _counting("b", 50, log)])
        await anext(pieces)
        await pieces.aclose()

    asyncio.run(run())
    assert sorted(log) == ["a", "b"]


def test_every_guided_example_is_of_a_shipped_task() -> None:
    assert {task for _, task in GUIDED} <= set(tasks.builtin_names())


def test_predicting_shows_prediction_neighbours_and_prompt(tab: TryTab) -> None:
    (predicted, nearest, prompt), handed = tab.predict(ASKED)
    assert handed.prediction.instruction_id
    assert "Predicted loss of accuracy" in predicted
    assert "Nearest observed instruction" in nearest
    assert "Which topic?" in prompt


def test_an_empty_instruction_waits(tab: TryTab) -> None:
    (predicted, nearest, prompt), handed = tab.predict(replace(ASKED, instruction="  "))
    assert "Type an instruction." in predicted
    assert (nearest, prompt, handed) == ("", "", None)


def test_an_unknown_model_is_a_message_and_no_crash(tab: TryTab) -> None:
    (predicted, _, _), _ = tab.predict(replace(ASKED, model="no-such-model"))
    assert "no-such-model" in predicted


def _answers(tab: TryTab, task: str, text: str, options: str) -> list[tuple[object, ...]]:
    asked = replace(ASKED, instruction="Say which.", task=task, text=text, options=options)
    _, handed = tab.predict(asked)

    async def run() -> list[tuple[object, ...]]:
        made = tab.answer(asked, handed, None, GenerationSettings(max_tokens=3), [])
        return [step async for step in made]

    return asyncio.run(run())


def test_an_answer_ends_in_the_history(tab: TryTab) -> None:
    last = _answers(tab, "scene_topic", "", "")[-1]
    assert "%" in str(last[0])
    assert last[5] == [["Say which.", "scene_topic", last[5][0][2], last[5][0][3], ""]]
    assert last[5][0][3] in tasks.builtin("scene_topic").options


def test_own_input_and_options_are_asked(tab: TryTab) -> None:
    last = _answers(tab, OWN, "The pie is hot.", "cold|hot")[-1]
    assert "cold" in str(last[0])
    assert "hot" in str(last[0])


def test_a_prediction_is_made_once_and_handed_on(
    tab: TryTab, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    predict = predictor.predict
    monkeypatch.setattr(
        predictor, "predict",
        lambda query, *a, **k: made.append(query.instruction.text) or predict(query, *a, **k),
    )
    _, handed = tab.predict(ASKED)
    another = tasks.builtin("scene_topic").split("dev")[1].id
    cards, again = tab.predict(replace(ASKED, chosen=another), handed)
    assert again.prediction is handed.prediction
    assert "Predicted loss of accuracy" in cards[0]

    async def run() -> list[tuple[object, ...]]:
        given = tab.answer(ASKED, again, None, GenerationSettings(max_tokens=1), [])
        return [step async for step in given]

    assert asyncio.run(run())[-1][5][0][2] == handed.line()
    assert made == [ASKED.instruction]
    tab.predict(replace(ASKED, instruction="Which topic is it?"), again)
    assert len(made) == 2


def test_a_reply_says_what_it_answers(tab: TryTab) -> None:
    fields = ["Which topic?", "scene_topic", None, "", "", "tiny-llama", next(iter(EVIDENCE))]
    text, handed = tab.reply(None, *fields, None)
    assert json.loads(text)["asked"] == fields
    assert len(json.loads(text)["cards"]) == 3
    assert isinstance(handed, Shown)


def test_measuring_ones_own_input_asks_for_a_task(tab: TryTab) -> None:
    assert "Choose a task" in list(tab.measure("Which?", OWN, "tiny-llama"))[-1]


def test_measuring_shows_an_interval(tab: TryTab) -> None:
    shown = list(tab.measure("Which topic?", "scene_topic", "tiny-llama", lambda *a, **k: None))
    assert "Measured on all 8 labelled inputs" in shown[-1]
    assert [card.count("sf-rung") for card in shown] == list(range(len(shown)))
    assert "8 more prompts" in shown[-2]
