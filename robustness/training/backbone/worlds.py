"""Generates texts with known answers: stories for QA tasks, scenes for MC and BC tasks.

The same text is an input of several tasks, so that only the instruction tells which is asked.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robustness.types import Example

NAMES = (
    "Anna",
    "Ben",
    "Carl",
    "Dora",
    "Emil",
    "Fay",
    "Gus",
    "Hana",
    "Ivan",
    "Jill",
    "Kurt",
    "Lena",
    "Milo",
    "Nora",
    "Otto",
    "Pia",
    "Rosa",
    "Sven",
    "Tara",
    "Yann",
)
PLACES = (
    "kitchen",
    "garden",
    "school",
    "office",
    "station",
    "museum",
    "library",
    "cellar",
    "harbour",
    "market",
    "bakery",
    "attic",
)
OBJECTS = (
    "lamp",
    "book",
    "ball",
    "cup",
    "drum",
    "map",
    "kite",
    "key",
    "bag",
    "clock",
    "brush",
    "rope",
)
COLOURS = ("red", "blue", "green", "white", "black", "yellow", "brown", "pink")
GIVERS = (
    "teacher",
    "uncle",
    "aunt",
    "doctor",
    "sister",
    "brother",
    "captain",
    "farmer",
    "cousin",
    "mayor",
    "judge",
    "nurse",
)
FOODS = ("soup", "rice", "bread", "cheese", "salad", "cake", "fish", "noodles")

STORY_TASKS = ("place", "object", "colour", "giver", "food")

_AT = (
    "{n} is in the {place}.",
    "{n} went to the {place}.",
    "{n} waits in the {place}.",
    "In the {place} sits {n}.",
    "You can find {n} in the {place}.",
)
_GIFT = (
    "The {giver} gave {n} a {object}.",
    "{n} got a {object} from the {giver}.",
    "{n} carries a {object} from the {giver}.",
    "The {giver} handed {n} a {object}.",
)
_COLOUR = (
    "The {object} is {colour}.",
    "The {object} of {n} is {colour}.",
    "It is a {colour} {object}.",
)
_FOOD = ("{n} ate {food}.", "{n} had {food} for lunch.", "There was {food} for {n}.")
_POOLS: dict[str, Sequence[str]] = {
    "place": PLACES,
    "object": OBJECTS,
    "colour": COLOURS,
    "giver": GIVERS,
    "food": FOODS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The answer of one task about one person of a story."""

    name: str
    task: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A story and the facts that can be asked about."""

    text: str
    facts: tuple[Fact, ...]


def _told(name: str, kind: str, values: Mapping[str, str], rng: random.Random) -> list[str]:
    """The sentences that tell one kind of fact; a gift tells object, giver and colour."""
    filled = {"n": name, **values}
    if kind == "place":
        return [rng.choice(_AT).format(**filled)]
    if kind == "food":
        return [rng.choice(_FOOD).format(**filled)]
    gift = rng.choice(_GIFT)
    if rng.random() < 0.5:
        return [gift.replace("{object}", "{colour} {object}").format(**filled)]
    return [gift.format(**filled), rng.choice(_COLOUR).format(**filled)]


def story(rng: random.Random, *, bound: bool = False) -> Story:
    """Generates a story about two people.

    Args:
        rng: Random choices.
        bound: Whether every kind of fact is told of both people, so that the answer depends on the
            name; otherwise each is told of one of them.
    """
    first, second = rng.sample(NAMES, 2)
    values = {task: rng.sample(pool, 2) for task, pool in _POOLS.items()}
    blocks: list[list[str]] = []
    facts: list[Fact] = []
    for kind in ("place", "gift", "food"):
        owners = (first, second) if bound else (rng.choice((first, second)),)
        for number, owner in enumerate(owners):
            own = {task: drawn[number] for task, drawn in values.items()}
            blocks.append(_told(owner, kind, own, rng))
            asked = ("object", "colour", "giver") if kind == "gift" else (kind,)
            facts += [Fact(name=owner, task=task, value=own[task]) for task in asked]
    rng.shuffle(blocks)
    return Story(
        text=" ".join(sentence for block in blocks for sentence in block), facts=tuple(facts)
    )


def _four_options(fact: Fact, made: Story, rng: random.Random) -> tuple[str, ...]:
    """Four options: the answer, two others in the story, and one of its kind that is not in it.

    Neither the kind of the options nor the story alone determines the answer.
    """
    told = {f.value for f in made.facts} | {f.name for f in made.facts}
    alike = [f.value for f in made.facts if f.task == fact.task and f.value != fact.value]
    others = sorted(told - {fact.value, fact.name, *alike})
    spare = rng.choice([v for v in _POOLS[fact.task] if v not in told])
    options = [fact.value, spare, *[*alike, *rng.sample(others, 2)][:2]]
    rng.shuffle(options)
    return tuple(options)


def story_examples(
    made: Story, tasks: Sequence[str], split: str, rng: random.Random
) -> list[Example]:
    """One example of each task on a story, about a random person where both are possible."""
    examples = []
    for task in tasks:
        fact = rng.choice([f for f in made.facts if f.task == task])
        examples.append(
            Example(
                task=task,
                fields={"story": made.text, "name": fact.name},
                options=_four_options(fact, made, rng),
                answer=fact.value,
                split=split,
            )
        )
    return examples


SCENE_TASKS = (
    "scene_topic",
    "scene_mood",
    "scene_tense",
    "scene_indoors",
    "scene_several",
    "scene_night",
)
SCENE_OPTIONS: dict[str, tuple[str, ...]] = {
    "scene_topic": ("food", "sport", "music", "travel", "work"),
    "scene_mood": ("happy", "sad", "angry", "calm"),
    "scene_tense": ("past", "present", "future"),
    "scene_indoors": ("indoors", "outdoors"),
    "scene_several": ("one", "several"),
    "scene_night": ("day", "night"),
}
# (past, present one, present several, base)
_VERBS = {
    "food": (
        ("cooked rice", "cooks rice", "cook rice", "cook rice"),
        ("baked a pie", "bakes a pie", "bake a pie", "bake a pie"),
        ("peeled the potatoes", "peels the potatoes", "peel the potatoes", "peel the potatoes"),
        ("tasted the stew", "tastes the stew", "taste the stew", "taste the stew"),
    ),
    "sport": (
        ("played football", "plays football", "play football", "play football"),
        ("lifted weights", "lifts weights", "lift weights", "lift weights"),
        ("practised judo", "practises judo", "practise judo", "practise judo"),
        ("kicked the ball", "kicks the ball", "kick the ball", "kick the ball"),
    ),
    "music": (
        ("played the piano", "plays the piano", "play the piano", "play the piano"),
        ("sang a duet", "sings a duet", "sing a duet", "sing a duet"),
        ("tuned the guitar", "tunes the guitar", "tune the guitar", "tune the guitar"),
        ("rehearsed the song", "rehearses the song", "rehearse the song", "rehearse the song"),
    ),
    "travel": (
        ("packed the suitcases", "packs the suitcases", "pack the suitcases", "pack the suitcases"),
        ("planned the journey", "plans the journey", "plan the journey", "plan the journey"),
        ("checked the tickets", "checks the tickets", "check the tickets", "check the tickets"),
        (
            "waited for the bus to the coast",
            "waits for the bus to the coast",
            "wait for the bus to the coast",
            "wait for the bus to the coast",
        ),
    ),
    "work": (
        ("wrote the report", "writes the report", "write the report", "write the report"),
        ("called the customers", "calls the customers", "call the customers", "call the customers"),
        ("filed the invoices", "files the invoices", "file the invoices", "file the invoices"),
        ("repaired the engine", "repairs the engine", "repair the engine", "repair the engine"),
    ),
}
_MOODS = {
    "happy": ("cheerfully", "happily", "joyfully", "with a broad smile", "full of delight"),
    "sad": ("sadly", "tearfully", "with a heavy heart", "gloomily", "in deep sorrow"),
    "angry": ("angrily", "furiously", "in a rage", "with clenched fists", "crossly"),
    "calm": ("calmly", "quietly", "without any hurry", "peacefully", "in perfect peace"),
}
_WHERE = {
    "indoors": (
        "in the kitchen",
        "in the hall",
        "inside the house",
        "in the basement",
        "at the dining table",
        "in the living room",
    ),
    "outdoors": (
        "in the park",
        "on the beach",
        "under the trees",
        "in the meadow",
        "by the river",
        "on the hill",
    ),
}
_TIMES = {
    ("past", "day"): (
        "yesterday morning",
        "last Monday at noon",
        "this morning",
        "yesterday afternoon",
    ),
    ("past", "night"): (
        "last night",
        "yesterday at midnight",
        "on Friday after dark",
        "yesterday under the moon",
    ),
    ("present", "day"): (
        "this very noon",
        "now, in bright sunshine,",
        "every morning",
        "on this sunny day",
    ),
    ("present", "night"): (
        "every night",
        "now, at midnight,",
        "tonight at this moment",
        "now, under the stars,",
    ),
    ("future", "day"): (
        "tomorrow morning",
        "next Monday at noon",
        "tomorrow afternoon",
        "on Sunday before lunch",
    ),
    ("future", "night"): (
        "tomorrow night",
        "tomorrow at midnight",
        "next Friday after dark",
        "tomorrow under the moon",
    ),
}
_GROUPS = (
    "the children",
    "the neighbours",
    "the sisters",
    "two friends",
    "my cousins",
    "the twins",
)
_SINGLES = ("the teacher", "my uncle", "the girl", "a neighbour", "the old man", "her cousin")


def scene(rng: random.Random) -> tuple[str, dict[str, str]]:
    """Generates a sentence, with its answer to every scene task."""
    facts = {task: rng.choice(options) for task, options in SCENE_OPTIONS.items()}
    several = facts["scene_several"] == "several"
    if rng.random() < 0.5:
        subject = rng.choice(_GROUPS if several else _SINGLES)
    else:
        subject = " and ".join(rng.sample(NAMES, 2)) if several else rng.choice(NAMES)
    past, one, many, base = rng.choice(_VERBS[facts["scene_topic"]])
    tense = facts["scene_tense"]
    verb = {"past": past, "present": many if several else one, "future": f"will {base}"}[tense]
    when = rng.choice(_TIMES[tense, facts["scene_night"]])
    how = rng.choice(_MOODS[facts["scene_mood"]])
    where = rng.choice(_WHERE[facts["scene_indoors"]])
    text = rng.choice(
        (
            f"{when} {subject} {verb} {where} {how}.",
            f"{subject} {verb} {how} {where} {when.rstrip(',')}.",
            f"{where}, {subject} {verb} {how} {when.rstrip(',')}.",
            f"{how}, {subject} {verb} {where} {when.rstrip(',')}.",
        )
    )
    return text[0].upper() + text[1:], facts


def scene_examples(rng: random.Random, tasks: Sequence[str], split: str) -> list[Example]:
    """One example of each task on one scene."""
    text, facts = scene(rng)
    return [
        Example(
            task=task,
            fields={"text": text},
            options=SCENE_OPTIONS[task],
            answer=facts[task],
            split=split,
        )
        for task in tasks
    ]


def dense_scene(rng: random.Random, tasks: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """A scene with every fact asked for by a bare key, as in `dense`."""
    text, facts = scene(rng)
    pairs = [(f"{task.removeprefix('scene_')} :", facts[task]) for task in tasks]
    rng.shuffle(pairs)
    return text, pairs


def dense(made: Story, rng: random.Random) -> tuple[str, list[tuple[str, str]]]:
    """A story with every fact asked for by a bare key: a curriculum without instructions.

    Returns:
        The story, and (key, answer) pairs in random order.
    """
    pairs = [(f"{f.name} {f.task} :", f.value) for f in made.facts if f.task != "food"]
    rng.shuffle(pairs)
    return made.text, pairs
