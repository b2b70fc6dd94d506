"""Generated mini-worlds: stories (QA) and scenes (MC, BC) with known answers.

Refuses to know instructions: inputs are shared between tasks, so that only the instruction says
which of them is asked.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

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
    "{giver} gave {n} a {object}.",
    "{n} got a {object} from {giver}.",
    "{n} carries a {object} from {giver}.",
    "{giver} handed {n} a {object}.",
)
_COLOUR = (
    "The {object} is {colour}.",
    "The {object} of {n} is {colour}.",
    "It is a {colour} {object}.",
)
_FOOD = ("{n} ate {food}.", "{n} had {food} for lunch.", "There was {food} for {n}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person of a story and the facts about them."""

    name: str
    place: str
    object: str
    colour: str
    giver: str
    food: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A story and the people in it."""

    text: str
    people: tuple[Person, ...]


def story(rng: random.Random) -> Story:
    """One story of two or three people; every fact is stated once."""
    count = 2 if rng.random() < 0.7 else 3
    names = rng.sample(NAMES, 2 * count)

    def draw(pool: Sequence[str]) -> list[str]:
        return rng.sample(pool, count)

    columns = zip(
        names[:count],
        draw(PLACES),
        draw(OBJECTS),
        draw(COLOURS),
        names[count:],
        draw(FOODS),
        strict=True,
    )
    people = tuple(
        Person(name=n, place=p, object=o, colour=c, giver=g, food=f) for n, p, o, c, g, f in columns
    )
    blocks = []
    for person in people:
        facts = {
            "n": person.name,
            "place": person.place,
            "object": person.object,
            "colour": person.colour,
            "giver": person.giver,
            "food": person.food,
        }
        gift = rng.choice(_GIFT)
        if rng.random() < 0.5:
            pair = [gift.replace("{object}", "{colour} {object}").format(**facts)]
        else:
            pair = [gift.format(**facts), rng.choice(_COLOUR).format(**facts)]
        parts = [[rng.choice(_AT).format(**facts)], pair, [rng.choice(_FOOD).format(**facts)]]
        rng.shuffle(parts)
        blocks += parts if rng.random() < 0.5 else [list(chain.from_iterable(parts))]
    rng.shuffle(blocks)
    return Story(text=" ".join(sentence for block in blocks for sentence in block), people=people)


def _four_options(
    answer: str, in_story: list[str], pool: Sequence[str], rng: random.Random
) -> tuple[str, ...]:
    others = [value for value in in_story if value != answer]
    spare = [value for value in pool if value != answer and value not in others]
    options = [answer, *others, *rng.sample(spare, 3)][:4]
    rng.shuffle(options)
    return tuple(options)


def story_examples(
    made: Story, tasks: Sequence[str], split: str, rng: random.Random
) -> list[Example]:
    """One example of each task about one person of a story."""
    person = rng.choice(made.people)
    pools = {"place": PLACES, "object": OBJECTS, "colour": COLOURS, "giver": NAMES, "food": FOODS}
    examples = []
    for task in tasks:
        answer = getattr(person, task)
        values = [getattr(p, task) for p in made.people]
        if task == "giver":
            values += [p.name for p in made.people if p.name != person.name]
        options = _four_options(answer, values, pools[task], rng)
        examples.append(
            Example(
                task=task,
                fields={"story": made.text, "name": person.name},
                options=options,
                answer=answer,
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
    """One sentence and its answer to every scene task."""
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
    """The same curriculum for a scene: every fact asked by a bare key."""
    text, facts = scene(rng)
    pairs = [(f"{task.removeprefix('scene_')} :", facts[task]) for task in tasks]
    rng.shuffle(pairs)
    return text, pairs


def dense(made: Story, rng: random.Random) -> tuple[str, list[tuple[str, str]]]:
    """A story with every fact asked by a bare key: a curriculum for binding, no instruction.

    Returns:
        The story, and (key line, answer) pairs in random order.
    """
    pairs = [
        (f"{person.name} {task} :", str(getattr(person, task)))
        for person in made.people
        for task in STORY_TASKS
        if task != "food"
    ]
    rng.shuffle(pairs)
    return made.text, pairs
