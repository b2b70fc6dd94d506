"""Training and shipped inputs of the embedded backbone.

The shipped inputs are generated with another seed and are not trained on.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from robustness.data.tasks import Task
from robustness.training.backbone import corpora, worlds
from robustness.types import Example, TaskType

SHIPPED_SEED = 20_000_001
SHIPPED_EXAMPLES = 512
UNSEEN_TASKS = ("food", "scene_tense", "scene_night")

_TITLES: dict[str, tuple[str, TaskType, str]] = {
    "place": (
        "Where is the person?",
        TaskType.QA,
        "Say where the named person of a short story is.",
    ),
    "object": (
        "What does the person carry?",
        TaskType.QA,
        "Say which thing the named person carries.",
    ),
    "colour": (
        "Colour of the thing",
        TaskType.QA,
        "Say the colour of the thing that the named person carries.",
    ),
    "giver": (
        "Who gave it?",
        TaskType.QA,
        "Say who gave the named person the thing that they carry.",
    ),
    "food": ("What did the person eat?", TaskType.QA, "Say what the named person ate."),
    "scene_topic": (
        "Topic of a scene",
        TaskType.MC,
        "Say what the activity in the sentence belongs to.",
    ),
    "scene_mood": ("Mood of a scene", TaskType.MC, "Say in which mood somebody acts."),
    "scene_tense": (
        "Time of a scene",
        TaskType.MC,
        "Say whether it happens in the past, present or future.",
    ),
    "scene_indoors": (
        "Indoors or outdoors",
        TaskType.BC,
        "Say whether the scene is indoors or outdoors.",
    ),
    "scene_several": ("One or several", TaskType.BC, "Say whether one person acts or several do."),
    "scene_night": ("Day or night", TaskType.BC, "Say whether it happens by day or at night."),
}


def generated(seed: int, stories: int, split: str) -> list[Example]:
    """Examples of all generated tasks; the inputs are shared between tasks.

    Args:
        seed: Seed of the generator.
        stories: Number of stories, and of scenes.
        split: Split that the examples get.
    """
    rng = random.Random(seed)
    examples: list[Example] = []
    for _ in range(stories):
        examples += worlds.story_examples(worlds.story(rng), worlds.STORY_TASKS, split, rng)
        examples += worlds.scene_examples(rng, worlds.SCENE_TASKS, split)
    return examples


def shipped_tasks() -> list[Task]:
    """The generated tasks as they ship, with inputs half dev and half test."""
    rng = random.Random(SHIPPED_SEED)
    found: dict[str, list[Example]] = defaultdict(list)
    used: set[str] = set()
    for number in range(SHIPPED_EXAMPLES):
        split = "dev" if number % 2 else "test"
        for example in worlds.story_examples(worlds.story(rng), worlds.STORY_TASKS, split, rng):
            found[example.task].append(example)
        for example in _new_scene(rng, split, used):
            found[example.task].append(example)
    tasks = []
    for task_id, (title, task_type, description) in _TITLES.items():
        examples = found[task_id]
        tasks.append(
            Task(
                id=task_id,
                title=title,
                task_type=task_type,
                description=description,
                fields=tuple(examples[0].fields),
                options=worlds.SCENE_OPTIONS.get(task_id, ()),
                source=f"generated for Steadfast, seed {SHIPPED_SEED}",
                trained=task_id not in UNSEEN_TASKS,
                examples=tuple(examples),
            )
        )
    return tasks


def _new_scene(rng: random.Random, split: str, used: set[str]) -> list[Example]:
    while True:
        examples = worlds.scene_examples(rng, worlds.SCENE_TASKS, split)
        text = examples[0].fields["text"]
        if text not in used:
            used.add(text)
            return examples


def generated_training(seed: int, stories: int) -> list[Example]:
    """Generated training examples of the trained tasks, without the shipped inputs."""
    shipped = {
        e.fields.get("story", e.fields.get("text")) for t in shipped_tasks() for e in t.examples
    }
    return [
        e
        for e in generated(seed, stories, "train")
        if e.task not in UNSEEN_TASKS and e.fields.get("story", e.fields.get("text")) not in shipped
    ]


def load_training_examples(
    seed: int, *, stories: int = 2000, nltk_data: Path | None = None
) -> list[Example]:
    """All examples of the trained tasks: generated ones of split train, and real text.

    Args:
        seed: Seed of the generator.
        stories: Number of generated stories, and of scenes.
        nltk_data: Folder with NLTK's `corpora`; None: NLTK's own search path.

    Raises:
        NotFoundError: An NLTK corpus is missing.
    """
    corpora.use(nltk_data)
    return generated_training(seed, stories) + corpora.labelled()


def by_task(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """Task -> its examples, in order."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.task].append(example)
    return dict(groups)


def delete_words(text: str, share: float, rng: random.Random) -> str:
    """The text without a random share of its words; placeholders are kept.

    Args:
        text: A text or a template.
        share: Probability that a word is deleted.
        rng: Random choices.

    Returns:
        The shortened text, or the text itself where all words would be deleted.
    """
    if share <= 0:
        return text
    lines = [
        " ".join(w for w in line.split(" ") if "{" in w or rng.random() >= share)
        for line in text.split("\n")
    ]
    kept = "\n".join(lines)
    return kept if kept.strip() else text
