"""Surface rules change what they say, by a seed, and keep placeholders and label words."""

import random
import re
from collections import Counter
from dataclasses import replace

import pytest

from robustness.data import instructions, label_conflicts, prompts, tasks
from robustness.errors import InputError
from robustness.paraphrasing import surface
from robustness.paraphrasing.candidate_filter import readable, words_of
from robustness.paraphrasing.surface import RULES, Family, Rule, text
from robustness.types import Example, Instruction, TaskType

OF_TEXT = [r for r in RULES if not r.of_inputs]
GIVEN = Instruction(
    text="Read the review. Please choose whether the \"mood\" of it is positive or negative.\n\n"
    "Review: {text}\nAnswer:",
    collection="c", task_type=TaskType.BC, task="polarity",
)
OPTIONS = ("positive", "negative")


def rule(name: str) -> Rule:
    return next(r for r in RULES if r.name == name)


def made(name: str, given: Instruction = GIVEN, seed: int = 0) -> str | None:
    found = surface.perturb(given, rule(name), seed=seed, options=OPTIONS)
    return None if found is None else found.text


def shipped() -> list[tuple[Instruction, tuple[str, ...]]]:
    sets = (instructions.OBSERVED, instructions.UNOBSERVED_DEVELOPMENT)
    pool = [i for name in sets for i in instructions.builtin(name)]
    return [(i, tasks.builtin(i.task).options if i.task else ()) for i in pool]


def letters(value: str) -> str:
    return re.sub(r"\W", "", value)


@pytest.mark.parametrize("one", OF_TEXT, ids=lambda r: r.name)
def test_what_bears_meaning_is_kept_in_every_shipped_instruction(one: Rule) -> None:
    changed = 0
    for given, options in shipped():
        found = surface.perturb(given, one, seed=1, options=options)
        if found is None:
            continue
        changed += 1
        assert Counter(prompts.placeholders(found.text)) == Counter(
            prompts.placeholders(given.text)
        )
        for word in (*words_of(given, options), *options):
            if readable(word, given.text):
                assert readable(word, found.text), (word, found.text)
        assert found.label_words == given.label_words and not found.observed
        assert found.id != given.id and (found.task, found.source) == (given.task, one.name)
        if options:
            before = label_conflicts.find(given, options)
            assert len(label_conflicts.find(found, options)) <= len(before)
    assert changed >= 40, "a rule that hardly ever applies shows nothing"


@pytest.mark.parametrize("one", OF_TEXT, ids=lambda r: r.name)
def test_equal_seeds_give_equal_texts(one: Rule) -> None:
    for given, options in shipped()[::20]:
        first = surface.perturb(given, one, seed=5, options=options)
        assert first == surface.perturb(given, one, seed=5, options=options)


@pytest.mark.parametrize("name", ["typo_swap", "typo_drop", "typo_key", "split_words"])
def test_other_seeds_give_other_texts(name: str) -> None:
    assert len({made(name, seed=seed) for seed in range(12)}) > 3


@pytest.mark.parametrize(
    ("name", "difference"),
    [("typo_swap", 0), ("typo_drop", -1), ("typo_double", 1), ("typo_key", 0)],
)
def test_a_typo_changes_a_quarter_of_the_longer_words_behind_their_first_letter(
    name: str, difference: int
) -> None:
    before, after = GIVEN.text.split(), str(made(name)).split()
    assert len(before) == len(after)
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    free = [w for w in re.findall(r"[A-Za-z]{4,}", re.sub(r"\"\w+\"|\{\w+\}", "", GIVEN.text))
            if w not in OPTIONS]
    assert len(pairs) == round(text.SHARE * len(free)) > 0
    for a, b in pairs:
        assert a[0] == b[0] and len(b) - len(a) == difference
        if name == "typo_swap":
            assert Counter(a) == Counter(b)


@pytest.mark.parametrize(
    "name",
    ["double_spaces", "one_line", "empty_lines", "split_words", "joined_words", "no_marks",
     "spaced_marks", "repeated_marks"],
)
def test_spacing_and_punctuation_leave_the_letters_as_they_are(name: str) -> None:
    assert letters(str(made(name))) == letters(GIVEN.text) and made(name) != GIVEN.text


@pytest.mark.parametrize("name", ["lower_case", "upper_case", "title_case"])
def test_casing_changes_casing_alone(name: str) -> None:
    assert str(made(name)).casefold() == GIVEN.text.casefold()


def test_each_rule_of_casing_spacing_and_punctuation_does_what_it_says() -> None:
    asked = "choose whether the \"mood\" of it is positive or negative"
    assert f"please {asked}." in str(made("lower_case"))
    assert "CHOOSE WHETHER THE \"mood\" OF IT IS positive OR negative." in str(made("upper_case"))
    assert "Choose Whether The \"mood\" Of It Is positive Or negative." in str(made("title_case"))
    assert "Read  the  review." in str(made("double_spaces"))
    assert "\n" not in str(made("one_line"))
    assert "\n\n\n\nReview: {text}\n\nAnswer:" in str(made("empty_lines"))
    assert "Read the review Please" in str(made("no_marks"))
    assert str(made("no_marks")).endswith("Review {text}\nAnswer")
    assert "Read the review . Please" in str(made("spaced_marks"))
    assert "Read the review... Please" in str(made("repeated_marks"))


def test_stop_words_are_dropped_and_words_that_carry_meaning_are_not() -> None:
    assert made("no_stop_words") == (
        'Read review. Please choose whether "mood" positive or negative.\n\n'
        "Review: {text}\nAnswer:"
    )
    ends = replace(GIVEN, text="Say where {name} is. {text} This is", id="")
    assert made("no_stop_words", ends) == "Say where {name}. {text}"
    negated = replace(GIVEN, text="Which of the films is not shown in the list? {text}", id="")
    assert made("no_stop_words", negated) == "Which films not shown in list? {text}"


@pytest.mark.parametrize(
    "name", ["persona", "polite", "curt", "ignored_text", "many_words"]
)
def test_frames_stand_in_front_and_change_nothing_else(name: str) -> None:
    found = str(made(name))
    assert found.endswith(f"\n{GIVEN.text}") and len(found) > len(GIVEN.text) + 8
    assert not prompts.placeholders(found.removesuffix(GIVEN.text))


def test_padding_stands_around_everything_but_the_cue() -> None:
    found = str(made("padding")).split("\n")
    assert found[0] == found[-2] and len(set(found[0])) == 1 and found[-1] == "Answer:"
    assert "\n".join([*found[1:-2], found[-1]]) == GIVEN.text


def test_few_words_keep_the_request_and_many_words_add_none_that_asks() -> None:
    longer = replace(
        GIVEN, text="You will see a review. Your task is to decide where {name} is.\n{text}\nA:",
        id="",
    )
    assert made("few_words", longer) == "Where is {name}?\n{text}\nA:"
    assert made("few_words", replace(GIVEN, text="{name} is in the", id="")) is None


def test_letters_and_words_take_each_others_place() -> None:
    by_word = replace(
        GIVEN, text="What is it?\n{options}\n{text}\nAnswer:", option_format="dashes", id=""
    )
    found = surface.perturb(by_word, rule("letters_or_words"), seed=0, options=OPTIONS)
    assert found is not None and prompts.label_words(found, OPTIONS) == ("A", "B")
    by_letter = replace(
        by_word, text="Give the letter of the mood.\n{options}\n{text}\nLetter:",
        option_format="letters_dot", id="",
    )
    found = surface.perturb(by_letter, rule("letters_or_words"), seed=0, options=OPTIONS)
    assert found is not None and prompts.label_words(found, OPTIONS) == OPTIONS
    assert found.text == "Give the mood.\n{options}\n{text}\nOption:"
    assert made("letters_or_words") is None, "it lists no options"


@pytest.mark.parametrize("name", ["reversed_options", "shuffled_options"])
def test_the_order_of_options_changes_and_nothing_else(name: str) -> None:
    inputs = [
        Example(task="t", fields={"text": str(n)}, options=("a", "b", "c", "d"), answer="c")
        for n in range(8)
    ]
    turned = [surface.permuted(e, rule(name), seed=3) for e in inputs]
    for before, after in zip(inputs, turned, strict=True):
        assert sorted(after.options) == sorted(before.options) and after.options != before.options
        assert (after.fields, after.answer) == (before.fields, before.answer)
    assert turned == [surface.permuted(e, rule(name), seed=3) for e in inputs]
    kinds = {e.options for e in turned}
    assert kinds == {("d", "c", "b", "a")} if name.startswith("rev") else len(kinds) > 1
    assert all(r.of_inputs == (r.family is Family.ORDER) for r in RULES)


def test_a_rule_with_nothing_to_change_gives_none() -> None:
    bare = replace(GIVEN, text="ok {text}", id="")
    for name in ("typo_swap", "lower_case", "one_line", "no_marks", "no_stop_words", "few_words"):
        assert made(name, bare) is None


def test_rules_are_chosen_by_name_and_by_family() -> None:
    assert surface.chosen(["all"]) == RULES and len({r.name for r in RULES}) == len(RULES)
    assert {r.family for r in RULES} == set(Family)
    assert [r.name for r in surface.chosen(["politeness", "typo_key"])] == [
        "typo_key", "polite", "curt"
    ]
    with pytest.raises(InputError, match=r"no perturbation 'tpyos'; all, or fam.*: typos, "):
        surface.chosen(["tpyos"])


def test_no_frame_has_an_option_of_a_shipped_task() -> None:
    frames = [str(made(n, seed=s)).removesuffix(GIVEN.text) for n in
              ("persona", "polite", "curt", "ignored_text", "many_words") for s in range(30)]
    for name in tasks.builtin_names():
        for option in tasks.builtin(name).options:
            assert not any(readable(option, frame) for frame in frames), option


def test_words_that_must_stay_are_found_as_whole_words() -> None:
    marked = text.marked("not sure, or sure? {text} \"It\" surely", ("sure", "not sure"))
    assert [marked.text[a:b] for a, b in marked.kept] == ["not sure", "sure", "{text}", '"It"']
    assert text.everywhere(str.upper)(marked, random.Random(0)) == (
        'not sure, OR sure? {text} "It" SURELY'
    )
