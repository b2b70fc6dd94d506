"""Hand-made templates, and a model whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest

from robustness.data import instructions
from robustness.data.tasks import Task, builtin
from robustness.errors import InputError
from robustness.evaluation import wording_vs_layout
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import Instruction, TaskType


def made(text: str, **more: object) -> Instruction:
    plain = Instruction(
        text=text, collection="hand", task_type=TaskType.MC, task="scene_topic", observed=True,
    )
    return replace(plain, id="", **more)


@pytest.mark.parametrize(
    ("text", "frame", "wording"),
    [
        (
            "What is the topic?\n\nText: {text}\nAnswer:", "\0\n\nText: {text}\nAnswer:",
            "What is the topic?",
        ),
        (
            "Read the story.\n\n{story}\n\nWhere is {name}?\n=>", "\0\n\n{story}\n=>",
            "Read the story. Where is {name}?",
        ),
    ],
)
def test_a_template_is_its_frame_and_its_wording(text: str, frame: str, wording: str) -> None:
    found = wording_vs_layout.take_apart(text)
    assert found is not None
    assert (found.frame, found.wording) == (frame, wording)


@pytest.mark.parametrize(
    "text", ["Is {text} about food?", "Choose from {options}: what is the topic?\n{text}", "{text}"]
)
def test_what_is_one_sentence_cannot_be_taken_apart(text: str) -> None:
    assert wording_vs_layout.take_apart(text) is None


def test_a_cross_has_the_wording_and_labels_of_one_and_the_layout_of_the_other() -> None:
    worded = made("Name the subject.\n{text}\n=>", label_words={"food": "eating"})
    framed = made("What is the topic?\n\nText: {text}\n{options}\nAnswer:", option_format="bars")
    crossed = wording_vs_layout.cross(worded, framed)
    assert crossed is not None
    assert crossed.text == "Name the subject.\n\nText: {text}\n{options}\nAnswer:"
    assert crossed.label_words == {"food": "eating"}
    assert crossed.option_format == "bars"
    assert not crossed.observed


def test_what_does_not_fit_is_not_crossed() -> None:
    plain = made("What is the topic?\n{text}")
    assert wording_vs_layout.cross(made("Where is {name}?\n{story}"), plain) is None
    letters = made("What is the topic?\n{options}\n{text}", option_format="letters_dot")
    assert wording_vs_layout.cross(plain, letters) is None
    assert wording_vs_layout.cross(made("Is {text} about food?"), plain) is None


def test_crossing_with_itself_changes_nothing_but_spaces() -> None:
    known = [i for i in instructions.builtin(instructions.OBSERVED) if i.task == "place"]
    crossed = [(i, wording_vs_layout.cross(i, i)) for i in known]
    assert sum(c is not None for _, c in crossed) > len(known) / 2
    for instruction, same in crossed:
        if same is not None:
            assert sorted(same.text.split()) == sorted(instruction.text.split())


class _ByWording:
    """Right whenever a word is in the prompt."""

    def __init__(self, word: str) -> None:
        self.word = word

    def read(self, model: str, asked: list) -> list:  # type: ignore[type-arg]
        gold = {e.fields["text"]: str(e.answer) for e in builtin("scene_topic").examples}

        class Reading:
            def __init__(self, scores: list[float]) -> None:
                self.option_logprobs = np.array(scores)

        readings = []
        for prompt in asked:
            right = next(a for text, a in gold.items() if text in prompt.text)
            sure = self.word in prompt.text
            readings.append(
                Reading([float((o == right) == sure) for o in prompt.options])
            )
        return readings


@pytest.mark.parametrize(("word", "wording", "layout"), [("topic", 100, 0), ("Answer:", 0, 100)])
def test_a_loss_is_put_down_to_what_causes_it(word: str, wording: float, layout: float) -> None:
    known = [made("What is the topic?\n{text}\nAnswer:"), made("Say the topic.\n{text}\nAnswer:")]
    new = [made("Name the subject.\n{text}\n=>", observed=False)]
    found = wording_vs_layout.decompose(
        _ByWording(word), "m", [builtin("scene_topic")], known, new, limit=8  # type: ignore[arg-type]
    )
    assert found.total.value == pytest.approx(100)
    assert found.by_wording.value == pytest.approx(wording)
    assert found.by_layout.value == pytest.approx(layout)
    assert found.tasks[0].unobserved_instructions == 1
    assert found.tasks[0].left == 0


def test_a_real_model_is_decomposed_and_progress_is_told(
    tiny_engine: TransformersEngine, topics: Task, observed: list[Instruction]
) -> None:
    pool = instructions.builtin(instructions.UNOBSERVED_DEVELOPMENT)
    seen: list[tuple[int, int]] = []
    found = wording_vs_layout.decompose(
        tiny_engine, tiny_engine.models()[0].id, [topics], observed,
        [i for i in pool if i.task == topics.id], limit=4,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    row = found.tasks[0]
    assert found.total.value == pytest.approx(row.observed - row.unobserved)
    assert found.by_layout.value == pytest.approx(row.observed - row.layout)
    assert seen == [(1, 1)]


def test_nothing_to_cross_is_an_error(tiny_engine: TransformersEngine, topics: Task) -> None:
    with pytest.raises(InputError, match="whose wording and layout can be separated"):
        wording_vs_layout.decompose(tiny_engine, "tiny-llama", [topics], [], [], limit=4)
