import random

from robustness.training.backbone import worlds


def test_every_answer_of_a_story_stands_in_it() -> None:
    rng = random.Random(0)
    for number in range(200):
        story = worlds.story(rng, bound=number % 2 == 0)
        for example in worlds.story_examples(story, worlds.STORY_TASKS, "test", rng):
            assert str(example.answer) in story.text
            assert example.answer in example.options
            assert len(set(example.options)) == 4


def test_the_tasks_of_a_story_share_it() -> None:
    rng = random.Random(1)
    examples = worlds.story_examples(worlds.story(rng), worlds.STORY_TASKS, "test", rng)
    assert len({e.fields["story"] for e in examples}) == 1


def test_neither_the_kind_of_thing_nor_the_story_gives_the_answer_away() -> None:
    rng = random.Random(2)
    for _ in range(100):
        story = worlds.story(rng)
        for example in worlds.story_examples(story, ("place", "object", "colour"), "test", rng):
            told = [o for o in example.options if o in story.text.replace(".", "").split()]
            pool = {"place": worlds.PLACES, "object": worlds.OBJECTS, "colour": worlds.COLOURS}
            alike = [o for o in example.options if o in pool[example.task]]
            assert len(told) > 1
            assert len(alike) > 1


def test_a_bound_story_asks_the_same_of_two_people() -> None:
    story = worlds.story(random.Random(3), bound=True)
    for task in worlds.STORY_TASKS:
        names = {f.name for f in story.facts if f.task == task}
        values = {f.value for f in story.facts if f.task == task}
        assert len(names) == len(values) == 2
    plain = worlds.story(random.Random(3))
    assert sorted(f.task for f in plain.facts) == sorted(worlds.STORY_TASKS)


def test_the_same_seed_gives_the_same_worlds() -> None:
    assert worlds.story(random.Random(5)) == worlds.story(random.Random(5))
    assert worlds.scene(random.Random(5)) == worlds.scene(random.Random(5))


def test_a_scene_answers_every_scene_task() -> None:
    _, facts = worlds.scene(random.Random(2))
    assert set(facts) == set(worlds.SCENE_TASKS)
    assert all(facts[task] in worlds.SCENE_OPTIONS[task] for task in facts)
