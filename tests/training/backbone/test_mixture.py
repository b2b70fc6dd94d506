"""`backbone/batches.py`: the composition of a training step."""

import random
from dataclasses import replace

import pytest

from robustness.data import instructions
from robustness.training.backbone import data, recipe, tokenizer, worlds
from robustness.training.backbone.batches import IGNORED, Mixture, TrainingSequence
from robustness.types import Example


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    observed = instructions.builtin(instructions.OBSERVED)
    made = recipe.load("ci")
    texts = [e.fields[f] for e in data.generated(1, 200, "train") for f in e.fields]
    films = [
        Example(
            task="polarity", fields={"text": f"A film of {n} scenes."},
            options=("negative", "positive"), answer="positive", split="train",
        )
        for n in ("few", "many", "no")
    ]
    return Mixture(
        recipe=made,
        tokenizer=tokenizer.train([*texts, *(i.text for i in observed)], 1500, 320),
        observed={t: [i for i in observed if i.task == t] for t in {i.task for i in observed}},
        real={"polarity": films},
        running_text=["One sentence.", "Another one."],
        held_out=frozenset(),
    )


def _answers(sequence: TrainingSequence) -> list[int]:
    return [label for label in sequence.labels if label != IGNORED]


def test_a_step_is_the_same_each_time_and_another_is_not(mixture: Mixture) -> None:
    assert mixture.step(3) == mixture.step(3)
    assert mixture.step(3) != mixture.step(4)


def test_a_step_has_as_many_sequences_as_the_recipe_says(mixture: Mixture) -> None:
    stories, texts, *_ = mixture.step(0)
    assert len(stories) == mixture.recipe.batch_stories
    assert len(texts) == mixture.recipe.batch_texts


def test_labels_are_the_tokens_of_the_answer_and_its_end(mixture: Mixture) -> None:
    example = worlds.story_examples(
        worlds.story(random.Random(0)), ("place",), "train", random.Random(0)
    )[0]
    plain = next(i for i in mixture.observed["place"] if not i.option_format)
    made = mixture.sequence(plain, example)
    assert mixture.tokenizer.decode(_answers(made)[:-1]).strip() == example.answer
    assert _answers(made)[-1] == mixture.tokenizer.eos_token_id
    assert all(a in (b, IGNORED) for a, b in zip(made.labels, made.ids, strict=True))


def test_what_is_held_out_and_what_is_unseen_never_enters(mixture: Mixture) -> None:
    parts = [s for n in range(30) for part in mixture.step(n) for s in part]
    assert not {s.task for s in parts} & set(data.UNSEEN_TASKS)
    assert {"bound", "dense_story", "dense_bound", "dense_scene", "polarity"} <= {
        s.task for s in parts
    }
    first = worlds.story(random.Random(0))
    barred = replace(mixture, held_out=frozenset({first.text}))
    told = mixture.tokenizer(first.text, add_special_tokens=False)["input_ids"]
    for number in range(20):
        for sequence in barred.stories(random.Random(number)):
            ids = list(sequence.ids)
            assert told != ids[1 : 1 + len(told)]
