from dataclasses import replace

import pytest

from robustness.data import instructions, prompts, tasks
from robustness.data.tasks import Task
from robustness.errors import InputError
from robustness.evaluation import perturbations
from robustness.evaluation.perturbations import Kind, Material, Suite
from robustness.types import Instruction

TEXT = "Is this a fact or an opinion? {text}\n{options}\nAnswer:"


def material(task: Task) -> Material:
    observed = instructions.builtin(instructions.OBSERVED)
    own = instructions.for_task(observed, task.id, task.task_type)
    return Material(
        task=task, observed=observed,
        collected=instructions.builtin(instructions.UNOBSERVED_DEVELOPMENT),
        closest=own[0] if own else None,
    )


def given_for(task: Task, text: str) -> Instruction:
    return Instruction(
        text=text, collection="typed", task_type=task.task_type, task=task.id,
        option_format="dashes" if "{options}" in text else "",
    )


def made_of(text: str = TEXT, task: str = "subjectivity", seed: int = 0) -> Suite:
    chosen = tasks.builtin(task)
    return perturbations.make(given_for(chosen, text), material(chosen), seed=seed)


def texts(suite: Suite) -> dict[Kind, str]:
    return {a.kind: a.instruction.text for a in suite.alterations}


def test_all_kinds_are_made_for_every_shipped_task_and_fit_its_inputs() -> None:
    for name in tasks.builtin_names():
        task = tasks.builtin(name)
        own = material(task)
        fields = " ".join("{" + f + "}" for f in task.fields)
        suite = perturbations.make(given_for(task, f"{fields}\nWhat is it?"), own, seed=3)
        assert set(suite.absent) == (set() if own.closest else {Kind.CLOSEST})
        for alteration in suite.alterations:
            example = task.split("test")[0]
            prompt = prompts.fill(alteration.instruction, example)
            assert len(set(prompt.options)) == len(example.options), alteration


def test_equal_seeds_give_equal_alterations_and_other_seeds_others() -> None:
    assert made_of(seed=1) == made_of(seed=1)
    assert texts(made_of(seed=1))[Kind.NONSENSICAL] != texts(made_of(seed=2))[Kind.NONSENSICAL]


def test_simplified_keeps_the_output_space_alone_and_empty_not_even_that() -> None:
    found = texts(made_of())
    assert found[Kind.SIMPLIFIED] == "{text}\nOptions:\n{options}\nAnswer:"
    assert found[Kind.EMPTY] == "{text}\nAnswer:"


def test_nonsense_keeps_the_layout_and_no_word_or_label() -> None:
    found = texts(made_of())[Kind.NONSENSICAL]
    assert prompts.placeholders(found) == ["text", "options"]
    assert found.count("\n") == TEXT.count("\n")
    assert not {"fact", "opinion"} & set(found.lower().split())


def test_an_incorrect_instruction_is_observed_for_another_task_with_these_options() -> None:
    suite = made_of()
    chosen = next(a.instruction for a in suite.alterations if a.kind is Kind.INCORRECT)
    sources = [
        i for i in instructions.builtin(instructions.OBSERVED) if i.text == chosen.text
    ]
    assert sources
    assert all(i.task != "subjectivity" for i in sources)
    assert chosen.label_words == {}


def test_delusive_and_correct_examples_differ_in_their_answers_alone() -> None:
    task = tasks.builtin("subjectivity")
    found = texts(made_of())
    wrong, right = found[Kind.DELUSIVE].split("\n"), found[Kind.CORRECT].split("\n")
    changed = [(a, b) for a, b in zip(wrong, right, strict=True) if a != b]
    assert len(changed) == 2
    for a, b in changed:
        assert {a.removeprefix("Answer: "), b.removeprefix("Answer: ")} == set(task.options)
    answers = {e.fields["text"]: e.answer for e in task.split("dev")}
    asked = [line.removeprefix("Is this a fact or an opinion? ") for line in right]
    shown = {line for line in asked if line in answers}
    assert len(shown) == 2
    assert not shown & {e.fields["text"] for e in task.split("test")}
    assert found[Kind.CORRECT].endswith(TEXT)


def test_label_words_of_the_given_instruction_are_kept_where_its_task_is() -> None:
    task = tasks.builtin("subjectivity")
    words = {"opinion": "view", "fact": "plot"}
    own = replace(given_for(task, "View or plot? {text}"), label_words=words, id="")
    suite = perturbations.make(own, material(task), seed=0)
    kept = {a.kind for a in suite.alterations if a.instruction.label_words == words}
    assert {Kind.NEGATED, Kind.NONSENSICAL, Kind.SIMPLIFIED, Kind.DELUSIVE} <= kept
    assert not {Kind.INCORRECT, Kind.DESIGNER} & kept
    assert texts(suite)[Kind.CORRECT].count(" view\n") == 1


def test_what_cannot_be_made_says_why() -> None:
    task = tasks.builtin("subjectivity")
    bare = replace(task, examples=task.split("test"))
    nobody = Material(task=bare, observed=[], collected=[], closest=None)
    suite = perturbations.make(given_for(bare, TEXT), nobody, seed=0)
    assert set(suite.absent) == {
        Kind.CLOSEST, Kind.INCORRECT, Kind.COLLECTED, Kind.NONSENSICAL, Kind.DELUSIVE, Kind.CORRECT,
    }
    assert "development inputs" in suite.absent[Kind.DELUSIVE]


def test_a_placeholder_that_the_task_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match=r"\{story\}"):
        made_of("Read {story}.")


def test_the_random_guess_is_the_mean_over_inputs_of_one_among_their_options() -> None:
    examples = [tasks.builtin("subjectivity").examples[0], tasks.builtin("place").examples[0]]
    assert perturbations.random_guess(examples) == pytest.approx((1 / 2 + 1 / 4) / 2)
    with pytest.raises(InputError, match="undefined"):
        perturbations.random_guess([])
