import random
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from robustness.data import prompts
from robustness.models import chat_formats
from robustness.training.backbone.corpora import OPTIONS
from robustness.training.tuning import recipe, shared_inputs
from robustness.training.tuning.mixture import CHAT, Exchange, TuningMixture
from robustness.types import Example

TEXTS = ("a warm , witty film .", "I paid 20 dollars for this !", "what a dull , long evening ?")


def example(task: str, text: str, answer: str, split: str = "train") -> Example:
    return Example(
        task=task, fields={"text": text}, options=OPTIONS[task], answer=answer, split=split
    )


@pytest.fixture
def made(tiny_llama: Path) -> TuningMixture:
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    examples = [
        example(task, text, answer)
        for task, answers in OPTIONS.items() for answer in answers for text in TEXTS
    ]
    return TuningMixture(
        recipe=replace(recipe.load("ci"), packs=40, negated_share=0.3),
        tokenizer=tokenizer,
        chat=chat_formats.choose("auto", str(tiny_llama), tokenizer),
        instructions=shared_inputs.asked(),
        sources=shared_inputs.sources(examples, frozenset()),
        conversations=[Exchange(request="Say hello.", reply="Hello there, how are you today?")],
    )


def test_an_update_is_drawn_again_alike_and_the_next_is_another(made: TuningMixture) -> None:
    assert made.update(7) == made.update(7)
    assert made.update(7) != made.update(8)


def test_a_pack_asks_several_instructions_of_the_same_inputs(made: TuningMixture) -> None:
    packs = [p for p in made.update(1) if p[0].name != CHAT]
    assert all(len(p) == made.recipe.inputs * made.recipe.instructions for p in packs)
    names = {s.name for p in packs for s in p}
    assert {"negated", "polarity", "place", "text_length"} <= names


def test_a_conversation_weighs_its_first_tokens_fully(made: TuningMixture) -> None:
    talk = next(p for p in made.update(1) if p[0].name == CHAT)
    assert talk[0].weights[:4] == (1.0,) * 4 and set(talk[0].weights[4:]) == {0.1}
    assert len(talk[0].answer) == len(talk[0].weights) == made.recipe.chat_tokens


def test_a_negated_instruction_has_another_answer(made: TuningMixture) -> None:
    always = replace(made, recipe=replace(made.recipe, negated_share=1.0))
    shared = shared_inputs.of_real_text(example("polarity", TEXTS[0], "positive"))
    rng = random.Random(0)
    (instruction, *_) = always._chosen(shared, "polarity", rng)
    found = always._asked(instruction, shared, False, rng)
    words = prompts.label_words(instruction, OPTIONS["polarity"])
    assert found.name == "negated"
    assert found.answer[:-1] == tuple(made._ids(words[OPTIONS["polarity"].index("negative")]))


def test_every_option_is_a_branch_of_the_same_prompt(made: TuningMixture) -> None:
    instruction = made.instructions["question_type"][0]
    branches = made.sequences_of(
        instruction, example("question_type", "who ?", "person"), every=True
    )
    assert len(branches) == len(OPTIONS["question_type"])
    assert len({b.prompt for b in branches}) == 1
    assert all(b.answer[-1] == made.tokenizer.eos_token_id for b in branches)


@pytest.mark.parametrize(
    ("text", "task", "answers"),
    [
        (TEXTS[0], "polarity", {"text_length": "short", "text_kind": "review", "text_comma": "yes",
         "text_digit": "no", "text_first_person": "no", "text_ending": "full stop",
         "language": "english"}),
        (TEXTS[1], "dialogue_act", {"text_kind": "chat", "text_digit": "yes",
         "text_first_person": "yes", "text_ending": "exclamation mark"}),
        ("Elk mens heeft recht op leven", "language", {"text_kind": "declaration",
         "text_ending": "nothing"}),
    ],
)
def test_further_tasks_read_their_answer_off_the_text(
    text: str, task: str, answers: dict[str, str]
) -> None:
    found = shared_inputs.of_real_text(example(task, text, OPTIONS[task][0])).examples
    assert {name: found[name].answer for name in answers} == answers
    assert all(e.answer in e.options for e in found.values())


def test_a_corpus_whose_texts_have_no_one_kind_is_not_asked_for_it() -> None:
    shared = shared_inputs.of_real_text(example("subjectivity", TEXTS[0], "opinion"))
    assert "text_kind" not in shared.examples


def test_every_further_instruction_can_be_filled() -> None:
    for name, known in shared_inputs.further_instructions().items():
        task = shared_inputs.FURTHER[name]
        one = Example(task=name, fields={"text": "x"}, options=task.options, answer=None)
        for instruction in known:
            assert "x" in prompts.fill(instruction, one).text


def test_held_out_and_development_texts_are_not_drawn() -> None:
    known = [
        example("polarity", "kept", "positive"), example("polarity", "held", "positive"),
        example("polarity", "later", "positive", split="dev"),
    ]
    made = shared_inputs.sources(known, frozenset(["held"]))
    rng = random.Random(0)
    drawn = {
        made.draw("polarity", rng).examples["polarity"].fields["text"] for _ in range(20)
    }
    assert drawn == {"kept"}
