"""`backbone/batches.py`: the curriculum, in which a key alone asks for every fact."""

import random
from dataclasses import replace

import pytest

from robustness.training.backbone import data, recipe, tokenizer, worlds
from robustness.training.backbone.batches import IGNORED, Mixture, TrainingSequence


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    dense = replace(recipe.load("ci"), dense_share=1.0, real_share=0.0, bound_share=0.5)
    texts = [text for e in data.generated(1, 300, "train") for text in e.fields.values()]
    labels = [o for options in worlds.SCENE_OPTIONS.values() for o in options] * 20
    return Mixture(
        recipe=dense, tokenizer=tokenizer.train([*texts, *labels], 1500, 320), observed={},
        real={"none": []}, running_text=(), held_out=frozenset(),
    )


def told(mixture: Mixture, sequence: TrainingSequence) -> list[tuple[str, str]]:
    """What stands before each answer, and the answer, of a sequence that ends with one."""
    pairs, asked, answered = [], [], []
    for token, label in zip(sequence.ids, sequence.labels, strict=True):
        assert label in (token, IGNORED)
        (asked if label == IGNORED else answered).append(token)
        if label == mixture.tokenizer.eos_token_id:
            pairs.append(tuple(mixture.tokenizer.decode(p[:end]).strip()
                               for p, end in ((asked, None), (answered, -1))))
            asked, answered = [], []
    assert not asked
    assert not answered
    return pairs


def test_every_trained_fact_of_a_story_is_asked_and_answered_from_it(mixture: Mixture) -> None:
    trained = [t for t in worlds.STORY_TASKS if t not in data.UNSEEN_TASKS]
    sequences = [s for n in range(4) for s in mixture.stories(random.Random(n))]
    assert {s.task for s in sequences} == {"dense_story", "dense_bound"}
    for sequence in sequences:
        pairs = told(mixture, sequence)
        people = 2 if sequence.task == "dense_bound" else 1
        assert len(pairs) == people * len(trained)
        story = pairs[0][0]
        for asked, answer in pairs:
            assert answer in story.split()
            assert asked.endswith(tuple(f"{task} :" for task in trained)), asked


def test_every_trained_fact_of_a_scene_is_asked_once(mixture: Mixture) -> None:
    trained = {
        t.removeprefix("scene_"): worlds.SCENE_OPTIONS[t]
        for t in worlds.SCENE_TASKS if t not in data.UNSEEN_TASKS
    }
    for sequence in mixture.texts(random.Random(0)):
        assert sequence.task == "dense_scene"
        keys = []
        for asked, answer in told(mixture, sequence):
            keys.append(asked.split()[-2])
            assert answer in trained[keys[-1]]
        assert sorted(keys) == sorted(trained)


def test_a_held_out_scene_is_in_no_curriculum(
    mixture: Mixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_of: set[str] = set()
    scene = worlds.scene

    def noted(rng: random.Random) -> tuple[str, dict[str, str]]:
        made = scene(rng)
        told_of.add(made[0])
        return made

    with monkeypatch.context() as patch:
        patch.setattr(worlds, "scene", noted)
        mixture.texts(random.Random(0))
    barred = replace(mixture, held_out=frozenset(told_of))
    unwanted = [
        tuple(mixture.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in told_of
    ]
    for sequence in barred.texts(random.Random(0)):
        assert not any(sequence.ids[1 : 1 + len(ids)] == ids for ids in unwanted)
