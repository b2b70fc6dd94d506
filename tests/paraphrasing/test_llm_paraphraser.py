"""The paraphraser with a stub of OpenAI's API on loopback; client and filter are real."""

import pytest

from robustness import suggestions
from robustness.errors import EngineError
from robustness.paraphrasing.llm_paraphraser import PROMPTS, LlmParaphraser
from robustness.types import Instruction, TaskType
from robustness.workbench import Workbench
from tests.paraphrasing.conftest import Stub

ASKED = Instruction(
    text="Which subject does the sentence belong to?\n{text}\nSubject:", collection="mine",
    task_type=TaskType.MC, task="scene_topic",
)


def test_what_is_not_a_valid_rewording_is_left_out(stub: type[Stub]) -> None:
    stub.reply = "\n".join(
        [
            "1. Name the topic of this passage.\\n{text}\\nTopic:",
            "- What is {text} about, in one word?",
            "Tell me what it is about.",  # the input is lost
            "Read {text} and then {text} again.",  # a placeholder twice
            "Read {story}.",
            ASKED.text.replace("\n", "\\n"),  # the very same
            "",
        ]
    )
    made = LlmParaphraser(url=stub.url, model="big", key="k").reword(ASKED, count=4)
    assert made == [
        "Name the topic of this passage.\n{text}\nTopic:", "What is {text} about, in one word?"
    ]
    assert len(stub.asked) == len(PROMPTS)
    assert set(stub.keys) == {"Bearer k"}
    contents = [row["messages"][0]["content"] for row in stub.asked]
    assert all(ASKED.text in c and "4" in c for c in contents)
    assert len(set(contents)) == len(PROMPTS)


def test_a_server_that_refuses_is_named(stub: type[Stub]) -> None:
    stub.status = 429
    with pytest.raises(EngineError, match="answered 429"):
        LlmParaphraser(url=stub.url, model="big").reword(ASKED)
    stub.status, stub.reply = 200, None
    gone = LlmParaphraser(url="http://127.0.0.1:9/v1", model="big")
    with pytest.raises(EngineError, match="does not answer"):
        gone.reword(ASKED)


def test_a_served_models_rewordings_are_predicted_and_named(
    stub: type[Stub], workbench: Workbench
) -> None:
    stub.reply = "Give the field that {text} is from."
    rows = suggestions.rewordings(
        workbench, ASKED.text, task="scene_topic", count=50,
        paraphraser=LlmParaphraser(url=stub.url, model="big"),
    )
    (mine,) = (r for r in rows if r.source == "big")
    assert mine.text == stub.reply
    assert mine.prediction == workbench.predict(stub.reply, task="scene_topic")
