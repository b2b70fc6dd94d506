import random
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from robustness.data import prompts
from robustness.errors import InputError
from robustness.training.alignment import groups
from robustness.training.alignment.groups import Pool
from robustness.types import Example, Instruction, TaskType

OPTIONS = ("food", "sport")
INPUTS = [
    Example(task="topic", fields={"text": f"He likes {w}."}, options=OPTIONS, answer=OPTIONS[n % 2])
    for n, w in enumerate(("soup", "golf", "bread", "judo"))
]


def made(text: str, task: str | None = "topic", **words: str) -> Instruction:
    return Instruction(
        text=text, collection="c", task_type=TaskType.BC, task=task, label_words=words
    )


PLAIN = made("Food or sport? {text}")
AGAIN = made("Name the topic: {text}")
YES = made("Is it about food? {text}", food="yes", sport="no")
LETTERS = replace(made("Choose.\n{options}\n{text}"), option_format="letters_dot", id="")


@pytest.fixture
def pool(tiny_llama: Path) -> Pool:
    return Pool(
        tokenizer=AutoTokenizer.from_pretrained(tiny_llama), end=(2,), context=200,
        examples={"topic": INPUTS}, observed={"topic": [PLAIN]}, paraphrases={"topic": [AGAIN]},
        seed=3,
    )


def test_the_gold_answer_is_what_the_phrasing_asks_for() -> None:
    words = [groups.answer_of(i, INPUTS[1]) for i in (PLAIN, YES, LETTERS)]
    assert words == ["sport", "no", "B"]


def test_an_unlabelled_input_is_refused_by_its_id() -> None:
    bare = replace(INPUTS[0], answer=None)
    with pytest.raises(InputError, match=f"{bare.id} of topic has the answer None"):
        groups.answer_of(PLAIN, bare)


def test_an_instance_is_the_prompt_and_the_answer_that_ends(pool: Pool) -> None:
    instance = pool.instance(YES, INPUTS[0])
    assert instance is not None
    text = prompts.fill(YES, INPUTS[0]).text
    assert pool.tokenizer.decode(instance.prompt, skip_special_tokens=True) == text
    assert pool.tokenizer.decode(instance.answer[:-1]) == "yes"
    assert instance.answer[-1] == 2
    size = len(instance.prompt) + len(instance.answer)
    assert replace(pool, context=size).instance(YES, INPUTS[0]) == instance
    assert replace(pool, context=size - 1).instance(YES, INPUTS[0]) is None


def test_a_group_asks_one_input_with_as_many_paraphrases_as_there_are(pool: Pool) -> None:
    many = replace(pool, paraphrases={"topic": [AGAIN, YES, made("About? {text}"), LETTERS]})
    inputs = {tuple(str(e.fields["text"]).split()) for e in INPUTS}
    for number in range(10):
        group = many.group(random.Random(number), 5)
        assert len(group.paraphrases) == 2
        texts = [
            pool.tokenizer.decode(i.prompt) for i in (group.reference, *group.paraphrases)
        ]
        assert sum(all(" ".join(words) in text for text in texts) for words in inputs) == 1
        assert len(set(texts)) == 3
        assert len(many.group(random.Random(number), 1).paraphrases) == 1


def test_a_step_is_the_same_each_time_and_another_step_and_seed_are_not(pool: Pool) -> None:
    many = replace(pool, paraphrases={"topic": [AGAIN, made("About? {text}"), made("So: {text}")]})
    assert many.step(4, 6, 2) == many.step(4, 6, 2)
    assert many.step(4, 6, 2) != many.step(5, 6, 2)
    assert many.step(4, 6, 2) != replace(many, seed=4).step(4, 6, 2)


@pytest.mark.parametrize("change", [{"paraphrases": {"topic": [YES]}}, {"context": 5}])
def test_a_pool_without_any_group_says_what_to_check(pool: Pool, change: dict) -> None:
    with pytest.raises(InputError, match=r"over topic: check that both share label words"):
        replace(pool, **change).step(0, 1, 1)


def test_only_tasks_with_inputs_references_and_paraphrases_are_drawn_from(pool: Pool) -> None:
    wider = replace(
        pool, observed={"topic": [PLAIN], "mood": [PLAIN]}, paraphrases={"topic": [AGAIN]},
        examples={"topic": INPUTS, "mood": INPUTS, "place": INPUTS},
    )
    assert wider.tasks() == ["topic"]


def test_instructions_without_a_task_are_in_no_group() -> None:
    loose = made("Answer: {text}", task=None)
    other = made("Glad or sad? {text}", task="mood")
    assert groups.by_task([PLAIN, loose, other, AGAIN]) == {
        "topic": [PLAIN, AGAIN], "mood": [other],
    }


def test_what_is_held_out_depends_on_the_seed_and_not_on_the_order() -> None:
    rows = [made(f"Topic number {n}? {{text}}") for n in range(20)]
    kept, held = groups.hold_out({"topic": rows}, 0.3, 1)
    assert len(held) == 6
    assert {i.id for i in held} | {i.id for i in kept["topic"]} == {i.id for i in rows}
    assert groups.hold_out({"topic": rows[::-1]}, 0.3, 1) == (kept, held)
    assert groups.hold_out({"topic": rows}, 0.3, 2)[1] != held
