"""A model that answers in words of its own is told from one that answers wrongly."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustness.cli.render import evaluation as rendered
from robustness.data.tasks import Task
from robustness.evaluation import study
from robustness.evaluation.defaults import OTHER_WORDS
from robustness.evaluation.study import other_words
from robustness.evaluation.study.plan import Recipe
from robustness.types import Example, Instruction, Prompt, Reading, TaskType

ASKED = Instruction(
    text="Is it so?\n{text}", collection="seen", task_type=TaskType.BC, observed=True
)


@pytest.fixture
def task() -> Task:
    examples = tuple(
        Example(task="t", fields={"text": f"text {n}"}, options=("yes", "no"),
                answer="yes" if n % 2 else "no")
        for n in range(12)
    )
    return Task(
        id="t", title="T", task_type=TaskType.BC, description="", fields=("text",),
        options=("yes", "no"), source="written", trained=False, examples=examples,
    )


def evaluated(
    written: Callable[..., Any], task: Task, out: Path, *, mass: float, right: bool,
    per_byte: bool = False, free: bool = False,
) -> study.Outcome:
    """An evaluation of a model that gives its options a probability together."""

    class Giving(written):  # type: ignore[misc]
        def read(self, model: str, prompts: Any) -> list[Reading]:
            made = []
            for prompt in prompts:
                number = int(prompt.text.split()[-1])
                gold = "yes" if number % 2 else "no"
                said = gold if right else "yes"
                shares = np.array([0.75 if w == said else 0.25 for w in prompt.options])
                scores = np.log(mass * shares)
                if per_byte:
                    scores = scores / [len(w) for w in prompt.options]
                made.append(
                    Reading(prompt_id=prompt.id, option_logprobs=scores.astype(np.float32),
                            representation=np.ones(3, np.float32))
                )
            return made

        def models(self) -> list[Any]:
            (one,) = super().models()
            form = "none;per-byte" if per_byte else "none"
            return [_with_format(one, form)]

    def unused(model: str, prompt: Prompt) -> str:
        raise AssertionError("read is replaced")

    plan = study.plan([task], [ASKED], Recipe(free=free))
    return study.evaluate(Giving(unused), plan, out)


def _with_format(info: Any, prompt_format: str) -> Any:
    return replace(info, spec=replace(info.spec, prompt_format=prompt_format))


@pytest.mark.parametrize("per_byte", [False, True])
def test_the_mass_is_the_probability_of_the_options_together(
    written: Callable[..., Any], task: Task, tmp_path: Path, per_byte: bool
) -> None:
    made = evaluated(written, task, tmp_path, mass=0.08, right=True, per_byte=per_byte)
    assert made.study.sets[0].mass == pytest.approx(8.0, abs=0.01)


def test_a_guess_on_little_mass_is_told_with_what_helps(
    written: Callable[..., Any], task: Task, tmp_path: Path
) -> None:
    made = evaluated(written, task, tmp_path, mass=0.08, right=False, free=True)
    text = rendered.outcome(made)
    assert "50.0 by options may be a guess (50.0); the options have 8.0% of the prob" in text
    assert "generated 50.0, 0 of 12 unparsed" in text
    assert "--option-scores per-byte" in text and "--free" in text
    table = (tmp_path / "tables" / "other-words.md").read_text(encoding="utf-8")
    assert "| m | t | zero-shot | 50.0" in table


@pytest.mark.parametrize(("mass", "right"), [(0.08, True), (0.9, False)])
def test_a_model_that_is_right_or_answers_with_an_option_is_not(
    written: Callable[..., Any], task: Task, tmp_path: Path, mass: float, right: bool
) -> None:
    made = evaluated(written, task, tmp_path, mass=mass, right=right)
    assert other_words.found(made.study.sets) == []
    assert OTHER_WORDS not in rendered.outcome(made)
    assert not (tmp_path / "tables" / "other-words.md").exists()
