"""Accepted and rejected candidates, each with its reason; meaning by a tiny NLI model."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from robustness.errors import InputError, NotFoundError
from robustness.paraphrasing.candidate_filter import CandidateFilter, Ground
from robustness.paraphrasing.entailment import Entailment
from robustness.types import Instruction, TaskType

SOURCE = Instruction(
    text="Do {sentence1} and {text_2} say the same? Answer yes or no.", collection="mine",
    task_type=TaskType.BC, task="pairs", label_words={"same": "yes", "other": "no"},
)
APART = replace(
    SOURCE, id="", collection="unobserved-test",
    text="Compare the two: {sentence1} / {text_2}. Equal in meaning, yes or no?",
)


def candidate(text: str) -> Instruction:
    return replace(SOURCE, text=text, id="", collection="paraphrases")


@pytest.mark.parametrize(
    ("text", "ground", "words"),
    [
        ("Is it the same as {text_2}, yes or no?", Ground.FORM, "placeholders"),
        ("{sentence1} {sentence1} {text_2} yes or no?", Ground.FORM, "placeholders"),
        ("{sentence1} or {text_2}: true or false?", Ground.FORM, "label word 'yes'"),
        ("", Ground.FORM, "no words"),
        (SOURCE.text.upper().replace("SENTENCE1", "sentence1").replace("TEXT_2", "text_2"),
         Ground.SOURCE, SOURCE.id),
        (APART.text + " ", Ground.UNOBSERVED, "unobserved-test"),
    ],
)
def test_what_may_not_be_used_is_refused_with_its_reason(
    text: str, ground: Ground, words: str
) -> None:
    checked = CandidateFilter([SOURCE], apart=[APART])
    refusal = checked.check(candidate(text), SOURCE, ("same", "other"))
    assert refusal is not None
    assert refusal.ground is ground and words in refusal.reason


def test_what_passed_keeps_its_near_duplicates_out() -> None:
    opened = CandidateFilter([SOURCE])
    first = candidate("Tell me, yes or no: is {text_2} only another way to put {sentence1}?")
    second = candidate("Tell me, yes or no: is {text_2} just another way to put {sentence1}?")
    left: list[Ground] = []
    passed = opened.through(
        SOURCE, [first, second, first], on_left=lambda _, refusal: left.append(refusal.ground)
    )
    assert passed == [first] and left == [Ground.OTHER, Ground.OTHER]


def test_no_more_is_drawn_than_is_wanted() -> None:
    drawn: list[int] = []

    def proposals():  # type: ignore[no-untyped-def]
        for n, text in enumerate(("Yes or no? {sentence1} {text_2}", "{sentence1}{text_2} no/yes")):
            drawn.append(n)
            yield candidate(text)

    assert len(CandidateFilter([SOURCE]).through(SOURCE, proposals(), most=1)) == 1
    assert drawn == [0]


def test_a_changed_meaning_is_refused_in_either_direction(tiny_nli: Path) -> None:
    other = candidate("Write yes where {sentence1} repeats {text_2}, and no elsewhere.")
    judge = Entailment(str(tiny_nli), threshold=0.5)
    sure = judge.both_ways(SOURCE.text, other.text)
    assert 0.0 < sure < 1.0
    assert sure == judge.both_ways(other.text, SOURCE.text)
    strict = Entailment(str(tiny_nli), threshold=min(0.999, sure + 1e-4))
    refusal = CandidateFilter([SOURCE], entails=strict).check(other, SOURCE)
    assert refusal is not None
    assert refusal.ground is Ground.MEANING and f"{sure:.2f}" in refusal.reason
    lenient = Entailment(str(tiny_nli), threshold=max(0.001, sure - 1e-4))
    assert CandidateFilter([SOURCE], entails=lenient).check(other, SOURCE) is None


def test_a_model_without_the_label_or_that_is_not_there_is_named(
    tiny_nli: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sorter"
    shutil.copytree(tiny_nli, folder)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {"0": "not_entailment", "1": "good", "2": "bad"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="labels not_entailment, good, bad"):
        Entailment(str(folder))
    (folder / "model.safetensors").unlink()
    with pytest.raises(NotFoundError, match="no NLI model"):
        Entailment(str(folder))
    with pytest.raises(InputError, match="between 0 and 1"):
        Entailment(str(tiny_nli), threshold=1.0)
