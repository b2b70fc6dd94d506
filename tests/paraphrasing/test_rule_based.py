"""The rule-based paraphraser on templates that it was not written for."""

import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from robustness import paths
from robustness.data import instructions
from robustness.data.prompts import OPTION_FORMATS, fill, placeholders
from robustness.errors import NotFoundError
from robustness.paraphrasing import grammar, template_parser
from robustness.paraphrasing.candidate_filter import fault, readable
from robustness.paraphrasing.rule_based import candidate, paraphrase, reword
from robustness.stats.shingles import NEAR, jaccard, shingles
from robustness.training.backbone import corpora, worlds
from robustness.types import Example, Instruction, TaskType

SPACES = {"spam": ("spam", "ham"), "weather": ("sun", "rain", "snow"), "side": ("left", "right")}
UNSEEN = [
    Instruction(
        text="Does the e-mail try to sell something?\n\n{message}\n\nAnswer spam or ham.",
        collection="mine", task_type=TaskType.BC, task="spam",
    ),
    Instruction(
        text='Is "{message}" spam or ham?', collection="mine", task_type=TaskType.BC, task="spam"
    ),
    Instruction(
        text="Forecast: {text}\nWhat will the weather be like?\nOptions: {options}\nAnswer:",
        collection="mine", task_type=TaskType.MC, task="weather", option_format="commas",
    ),
    Instruction(
        text="Classify the forecast by its weather.\n{options}\n{text}\nLetter:",
        collection="mine", task_type=TaskType.MC, task="weather", option_format="letters_dot",
    ),
    Instruction(
        text="{story}\n\nWhich instrument does {name} play?\n\nReply in one word.",
        collection="mine", task_type=TaskType.QA, task="instrument",
    ),
    Instruction(
        text="{context} Therefore {name} plays the", collection="mine",
        task_type=TaskType.QA, task="instrument",
    ),
    Instruction(
        text="Write gauche if it points left and droite if it points right.\nArrow: {text}\n",
        collection="mine", task_type=TaskType.BC, task="side",
        label_words={"left": "gauche", "right": "droite"},
    ),
    Instruction(
        text="Zyx wuv {text} qrs?", collection="mine", task_type=TaskType.BC, task="spam"
    ),
    Instruction(
        text="Decide whether the message is spam or ham.", collection="mine",
        task_type=TaskType.BC, task="spam",
    ),
]


@pytest.fixture(scope="module")
def made() -> list[Instruction]:
    return paraphrase(UNSEEN, 5, answer_spaces=SPACES)


def sources_of(made: Instruction) -> list[Instruction]:
    return [s for s in UNSEEN if s.task == made.task]


def test_unseen_instructions_get_six_to_ten_paraphrases_each(made: list[Instruction]) -> None:
    assert 6 * len(UNSEEN) <= len(made) <= 10 * len(UNSEEN)


def test_every_paraphrase_passes_the_gate_against_a_source_of_its_task(
    made: list[Instruction],
) -> None:
    for m in made:
        options = SPACES.get(m.task or "", ())
        assert any(fault(m, s, options) is None for s in sources_of(m)), m.text


def test_paraphrases_carry_their_collection_and_source(made: list[Instruction]) -> None:
    assert {m.collection for m in made} == {"paraphrases"}
    assert {m.source for m in made} == {"offline paraphraser, seed 5"}
    assert not any(m.observed for m in made)


def test_no_two_texts_are_near_duplicates(made: list[Instruction]) -> None:
    grams = [shingles(i.text) for i in [*UNSEEN, *made]]
    for n, a in enumerate(grams):
        for b in grams[max(n + 1, len(UNSEEN)) :]:
            assert jaccard(a, b) <= NEAR


def test_one_seed_gives_identical_bytes_and_another_seed_other_texts(
    made: list[Instruction], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        again = paraphrase(UNSEEN, 5, answer_spaces=SPACES)
        instructions.write_collection(tmp_path / f"{name}.jsonl", again)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert {m.text for m in paraphrase(UNSEEN, 6, answer_spaces=SPACES)} != {m.text for m in made}


def test_written_paraphrases_can_be_read_as_a_collection(
    made: list[Instruction], tmp_path: Path
) -> None:
    instructions.write_collection(tmp_path / "p.jsonl", made)
    assert instructions.read_collection(tmp_path / "p.jsonl") == made


def test_paraphrases_fill_with_an_input(made: list[Instruction]) -> None:
    for m in made:
        fields = {name: "x" for name in placeholders(m.text) if name != "options"} or {"text": "x"}
        example = Example(
            task=m.task or "", fields=fields, options=SPACES.get(m.task or "", ("a", "b"))
        )
        assert not placeholders(fill(m, example).text)


def test_forms_differ_questions_commands_and_open_ends(made: list[Instruction]) -> None:
    music = [m.text for m in made if m.task == "instrument"]
    assert any("?" in t for t in music)
    assert any(not t.rstrip().endswith(("?", ".", ":")) for t in music)
    assert any(re.search(r"\b(name|give|state|say|tell|determine|find)\b", t, re.I) for t in music)
    formats = {m.option_format for m in made if m.task == "weather"}
    assert len(formats) >= 4 and formats <= set(OPTION_FORMATS)


def test_custom_label_words_stay_readable(made: list[Instruction]) -> None:
    sides = [m for m in made if m.task == "side"]
    assert sides
    for m in sides:
        assert all(readable(word, m.text) for word in m.label_words.values()), m.text


def test_the_gate_names_what_is_wrong() -> None:
    source = UNSEEN[1]
    lost = replace(source, id="", text="Is it spam or ham?")
    assert "placeholders" in str(fault(lost, source, SPACES["spam"]))
    unread = replace(source, id="", text='Is "{message}" unwanted?')
    assert "'spam'" in str(fault(unread, source, SPACES["spam"]))
    assert fault(source, source, SPACES["spam"]) is None


@pytest.mark.parametrize(
    ("sentence", "question", "embedded", "phrase"),
    [
        ("Which instrument does {name} play?", "which instrument does {name} play",
         "which instrument {name} plays", "the instrument that {name} plays"),
        ("Say whether the headline is about sport.", "is the headline about sport",
         "whether the headline is about sport", ""),
        ("Please name the person who wrote the letter.", "who wrote the letter",
         "who wrote the letter", "the person who wrote the letter"),
        ("In which city did {name} buy the book?", "in which city did {name} buy the book",
         "in which city {name} bought the book", "the city in which {name} bought the book"),
        ("How does the author feel: well or ill?", "how does the author feel",
         "how the author feels", "the way in which the author feels"),
    ],
)
def test_sentences_are_turned_into_their_other_forms(
    sentence: str, question: str, embedded: str, phrase: str
) -> None:
    core = grammar.parse(sentence)
    assert core is not None
    assert (core.question, core.embedded, core.phrase) == (question, embedded, phrase)


def test_a_sentence_that_no_rule_understands_is_left_alone() -> None:
    assert grammar.parse("Bananas are yellow.") is None


def test_an_outline_finds_fields_options_core_and_cue() -> None:
    found = template_parser.outline(
        "Read this.\nStory: {story}\nWhere is {name}?\nChoices:\n{options}\nAnswer:"
    )
    assert found.fields == (("Story", "story"),)
    assert found.listed and found.cue == "Answer:"
    assert found.core_text == "Where is {name}?"
    assert found.sentences == ("Read this.",) and found.filler(0)


@pytest.mark.slow
def test_the_shipped_paraphrases_are_what_the_shipped_seed_gives(tmp_path: Path) -> None:
    try:
        shipped = instructions.builtin(instructions.PARAPHRASES)
    except NotFoundError:
        pytest.skip("no shipped paraphrases yet")
    seed = int(shipped[0].source.rsplit(maxsplit=1)[-1])
    spaces = {**corpora.OPTIONS, **worlds.SCENE_OPTIONS}
    again = paraphrase(instructions.builtin(instructions.OBSERVED), seed, answer_spaces=spaces)
    instructions.write_collection(tmp_path / "again.jsonl", again)
    path = paths.INSTRUCTIONS / "paraphrases.jsonl"
    before, after = (file.read_text().splitlines() for file in (path, tmp_path / "again.jsonl"))
    # Data stays as it was measured; articles that it has wrong are right in what is made anew.
    wrong = re.compile(r"\ban is\b|\ba advantage\b")
    faults = [number for number, line in enumerate(before) if wrong.search(line)]
    assert len(faults) == 12 and not any(wrong.search(line) for line in after)
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        assert (one == other) == (number not in faults)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Give a one-hour answer.", {"Give a one-hour reply."}),
        ("Give a one-word answer.", {"Give a one-term reply."}),
        ("Is it a user, an hour or an honest answer?",
         {"Is it a user, an hour or an honest reply?"}),
        ("Choose an option.", {
            f"{verb} {noun}."
            for verb in ("Pick", "Select", "Go for")
            for noun in ("a choice", "an alternative", "a candidate")
        }),
        ("A view of {an opinion}.", {"An opinion of {an opinion}.", "A stance of {an opinion}."}),
        ("Is option a or option b a fact?", {
            f"Is {one} a or {one} b {other}?"
            for one in ("choice", "alternative", "candidate")
            for other in ("a plain statement", "a factual statement")
        }),
    ],
)
def test_an_article_follows_the_sound_of_a_new_word_and_changes_before_no_other(
    text: str, wanted: set[str]
) -> None:
    made = {reword(text, ("{an opinion}",), 1.0, random.Random(seed)) for seed in range(60)}
    assert made == wanted


def test_an_article_before_a_renamed_label_follows_its_sound() -> None:
    source = Instruction(
        text="Is this remark a pro or a con? {text}", collection="c", task_type=TaskType.BC,
        task="remarks", label_words={"pro": "pro", "con": "con"},
    )
    texts = [
        candidate(source, ("pro", "con"), seed, random.Random(seed)).text for seed in range(300)
    ]
    assert any("an advantage" in text for text in texts)
    wrong = re.compile(r"\ba advantage|\ban (?:disadvantage|praise|complaint)")
    assert not any(wrong.search(text) for text in texts)


@pytest.mark.slow
def test_articles_are_looked_up_only_where_a_word_behind_one_was_replaced() -> None:
    code = (
        "import random, sys\n"
        "from robustness.paraphrasing.rule_based import reword\n"
        "for text in ('Read the answer.', 'Give an answer.'):\n"
        "    reword(text, (), 1.0, random.Random(0))\n"
        "    print('inflect' in sys.modules)"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert made.stdout.split() == ["False", "True"]
