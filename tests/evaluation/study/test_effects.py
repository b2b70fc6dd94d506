"""Effects of the options' order and of a prior for labels, counted by hand on written models."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robustness.data.tasks import Task
from robustness.errors import MismatchError
from robustness.evaluation import study
from robustness.evaluation.study import effects
from robustness.evaluation.study.plan import Recipe
from robustness.evaluation.study.sheets import sheets
from robustness.evaluation.study.values import EffectRow
from robustness.index import saved_index
from robustness.models.engine import ModelInfo
from robustness.models.load_options import Loading, OptionScores
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import (
    Example,
    Instruction,
    Prompt,
    Reading,
    RepresentationSpec,
    TaskType,
)

EVIDENCE = {"sun": "yes", "rain": "no"}
PRIOR = {"yes": -1.0, "no": -6.0}
"""What the model prefers without any input: it says yes whatever it is asked."""


class Biased:
    """A model with a prior for words, or one that takes the option that is listed first."""

    name = "written"

    def __init__(self, *, takes_first: bool) -> None:
        self._takes_first = takes_first

    def models(self) -> list[ModelInfo]:
        spec = RepresentationSpec(model="m", revision="1", prefix=None)
        return [ModelInfo(id="m", spec=spec, context=512)]

    def read(self, model: str, prompts: Sequence[Prompt]) -> list[Reading]:
        return [
            Reading(
                prompt_id=p.id, option_logprobs=np.asarray(self._scores(p), dtype=np.float32),
                representation=np.ones(2, dtype=np.float32),
            )
            for p in prompts
        ]

    def _scores(self, prompt: Prompt) -> list[float]:
        if self._takes_first:
            return [-float(prompt.text.index(f"- {option}")) for option in prompt.options]
        said = next((word for sign, word in EVIDENCE.items() if sign in prompt.text), None)
        return [PRIOR[o] + 2.0 * (o == said) for o in prompt.options]

    def count_tokens(self, model: str, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


@pytest.fixture
def task() -> Task:
    examples = tuple(
        Example(task="t", fields={"text": f"{sign} {n}"}, options=("yes", "no"), answer=answer)
        for n in range(4) for sign, answer in EVIDENCE.items()
    )
    return Task(
        id="t", title="T", task_type=TaskType.BC, description="", fields=("text",),
        options=("yes", "no"), source="written", trained=False, examples=examples,
    )


ASKED = [
    Instruction(text="Is it {text}?", collection="c", task_type=TaskType.BC),
    Instruction(
        text="Is it {text}?\n{options}", collection="c", task_type=TaskType.BC,
        option_format="dashes",
    ),
]


def measured(
    engine: Biased, task: Task, asked: list[Instruction], folder: Path
) -> tuple[EffectRow, study.Outcome]:
    plan = study.plan([task], asked, Recipe(effects=True, posix=False))
    made = study.evaluate(engine, plan, folder)
    (row,) = made.study.effects
    return row, made


def test_a_shifted_prior_is_measured_and_taken_out(task: Task, tmp_path: Path) -> None:
    row, made = measured(Biased(takes_first=False), task, ASKED, tmp_path)
    assert (row.accuracy, row.uncalibrated) == (50.0, 50.0)
    assert (row.calibrated, row.calibrated_std) == (100.0, 0.0)
    assert row.favoured == pytest.approx(100 / (1 + np.exp(-5)), abs=0.01)
    assert (row.listing, row.changed) == (1, 0.0)
    assert "effects" in [sheet.name for sheet in sheets(made.study)]
    # 2 x 8 inputs; permuted for the one that lists options; an empty input for both.
    assert made.calls == 16 + 8 + 2
    again = study.evaluate(
        Biased(takes_first=False), study.plan([task], ASKED, Recipe(effects=True, posix=False)),
        tmp_path,
    )
    assert (again.calls, again.study.effects) == (0, (row,))


def test_a_place_that_is_preferred_is_measured(task: Task, tmp_path: Path) -> None:
    row, _ = measured(Biased(takes_first=True), task, ASKED[1:], tmp_path)
    assert (row.changed, row.first, row.even) == (100.0, 100.0, 50.0)
    assert (row.listed, row.permuted) == (50.0, 50.0)
    assert row.std is None


def test_every_input_gets_another_order_that_depends_on_the_seed(task: Task) -> None:
    wide = replace(task, examples=tuple(
        replace(e, options=("yes", "no", "maybe", "never"), id="") for e in task.examples
    ))
    orders = []
    for seed in (0, 0, 1):
        plan = study.plan([wide], ASKED, Recipe(seed=seed))
        (part,) = effects.permuted(plan).parts
        assert [i.id for i in part.instructions] == [ASKED[1].id]
        assert all(e.options != ("yes", "no", "maybe", "never") for e in part.examples)
        assert [e.answer for e in part.examples] == [e.answer for e in plan.parts[0].examples]
        orders.append([e.options for e in part.examples])
    assert orders[0] == orders[1] != orders[2]


def test_without_the_option_nothing_is_asked_besides(task: Task, tmp_path: Path) -> None:
    made = study.evaluate(
        Biased(takes_first=False), study.plan([task], ASKED, Recipe(posix=False)), tmp_path
    )
    assert (made.calls, made.study.effects) == (16, ())


def test_acc_norm_compares_log_probabilities_per_byte(tmp_path: Path) -> None:
    class Long(Biased):
        def _scores(self, prompt: Prompt) -> list[float]:
            return [-4.0 if option == "no" else -6.0 for option in prompt.options]

    options = ("no", "naïve one")
    examples = tuple(
        Example(task="t", fields={"text": str(n)}, options=options, answer=options[1])
        for n in range(2)
    )
    task = Task(
        id="t", title="T", task_type=TaskType.BC, description="", fields=("text",),
        options=options, source="written", trained=False, examples=examples,
    )
    plan = study.plan([task], ASKED[:1], Recipe(posix=False))
    made = study.evaluate(Long(takes_first=False), plan, tmp_path)
    (row,) = made.study.instructions
    # -4 / 2 bytes is less than -6 / 10 bytes.
    assert (row.accuracy.value, row.acc_norm) == (0.0, 100.0)
    assert made.study.sets[0].acc_norm == 100.0


def test_an_engine_that_compares_per_byte_says_so_in_its_spec(tiny_llama: Path) -> None:
    engines = [
        TransformersEngine(tiny_llama, loading=Loading(device="cpu", option_scores=how))
        for how in OptionScores
    ]
    prompt = Prompt(instruction_id="i", example_id="e", text="Is it?", options=("no", "naïve one"))
    total, per_byte = (e.read("tiny-llama", [prompt])[0].option_logprobs for e in engines)
    np.testing.assert_allclose(per_byte, total / np.array([2, 10]), rtol=1e-6)
    specs = [e.models()[0].spec for e in engines]
    assert [spec.per_byte for spec in specs] == [False, True]
    with pytest.raises(MismatchError, match="--option-scores per-byte"):
        saved_index.check_spec(Path("indexes"), specs[1], specs[0])


def test_an_evaluation_per_byte_keeps_posix_in_nats(
    tiny_llama: Path, task: Task, tmp_path: Path
) -> None:
    made = {}
    for how in OptionScores:
        engine = TransformersEngine(
            tiny_llama, loading=Loading(device="cpu", option_scores=how)
        )
        same = [ASKED[0], replace(ASKED[0], text="So {text}?", id="")]
        plan = study.plan([task], same, Recipe())
        made[how] = study.evaluate(engine, plan, tmp_path / how).study.sets[0]
    total, per_byte = made.values()
    assert per_byte.accuracy.value == per_byte.acc_norm == total.acc_norm
