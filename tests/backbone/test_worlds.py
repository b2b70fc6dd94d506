import random

from robustness.backbone import worlds


def test_every_answer_of_a_story_stands_in_it() -> None:
    rng = random.Random(0)
    for _ in range(200):
        story = worlds.story(rng)
        for example in worlds.story_examples(story, worlds.STORY_TASKS, "test", rng):
            assert str(example.answer) in story.text
            assert example.answer in example.options
            assert len(set(example.options)) == 4


def test_the_tasks_of_a_story_share_their_input() -> None:
    rng = random.Random(1)
    examples = worlds.story_examples(worlds.story(rng), worlds.STORY_TASKS, "test", rng)
    assert len({tuple(e.fields.items()) for e in examples}) == 1


def test_the_same_seed_gives_the_same_worlds() -> None:
    assert worlds.story(random.Random(5)) == worlds.story(random.Random(5))
    assert worlds.scene(random.Random(5)) == worlds.scene(random.Random(5))


def test_a_scene_answers_every_scene_task() -> None:
    _, facts = worlds.scene(random.Random(2))
    assert set(facts) == set(worlds.SCENE_TASKS)
    assert all(facts[task] in worlds.SCENE_OPTIONS[task] for task in facts)
