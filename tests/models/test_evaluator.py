import pytest

from robustness.data.tasks import Task
from robustness.errors import CancelledError, InputError
from robustness.models import evaluator
from robustness.models.transformers_engine import TransformersEngine
from robustness.types import EvalRecord, Instruction


def record(correct: bool | None) -> EvalRecord:
    return EvalRecord(
        model="m", task="t", instruction_id="i", example_id="e", answer="a", correct=correct
    )


def test_every_instruction_meets_every_example(
    tiny_engine: TransformersEngine, topics: Task, observed: list[Instruction]
) -> None:
    chosen = [i for i in observed if i.task == "scene_topic"][:2]
    seen: list[tuple[int, int]] = []
    records = evaluator.evaluate(
        tiny_engine, "tiny-llama", chosen, topics.split("test"),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert [r.instruction_id for r in records] == [i.id for i in chosen for _ in range(8)]
    assert all(r.correct is not None and r.answer in topics.options for r in records)
    assert 0.0 <= evaluator.accuracy(records) <= 1.0
    assert seen == [(16, 16)]


def test_stopping_says_how_far_it_came(
    tiny_engine: TransformersEngine, topics: Task, observed: list[Instruction]
) -> None:
    with pytest.raises(CancelledError, match="stopped after 0"):
        evaluator.evaluate(
            tiny_engine, "tiny-llama", observed[-1:], topics.examples, should_stop=lambda: True
        )


def test_unlabelled_answers_have_no_accuracy() -> None:
    with pytest.raises(InputError, match="undefined"):
        evaluator.accuracy([record(None)])
    assert evaluator.accuracy([record(None), record(True), record(False)]) == 0.5
