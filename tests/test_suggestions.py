import pytest

from robustness import suggestions
from robustness.errors import InputError
from robustness.workbench import Workbench


def test_rewordings_are_predicted_and_ranked_without_repeating_the_person(
    workbench: Workbench,
) -> None:
    text = "Say which topic the sentence is about.\n{text}"
    rows = suggestions.rewordings(workbench, text, task="scene_topic")
    assert 0 < len(rows) <= suggestions.SUGGESTIONS
    assert text not in [r.text for r in rows]
    known = [r.prediction.degradation for r in rows if r.prediction.degradation is not None]
    assert known == sorted(known)
    assert {r.source for r in rows} <= {"observed", "paraphrase"}
    for row in rows:
        again = workbench.predict(row.text, task="scene_topic")
        assert row.prediction.degradation == again.degradation


def test_an_empty_instruction_is_refused(workbench: Workbench) -> None:
    with pytest.raises(InputError, match="empty"):
        suggestions.rewordings(workbench, " ", task="scene_topic")


def test_phrases_keep_placeholders_out_and_end_at_marks_and_lines() -> None:
    text = "Read this, then say where {name} is right now please.\nStory: {story}"
    pieces = [text[a:b] for a, b in suggestions.phrases(text)]
    assert pieces == ["Read this,", "then say where", "is right now please.", "Story:"]


def test_a_placeholder_with_digits_belongs_to_no_phrase() -> None:
    text = "Do {sentence1} and {text_2} agree?"
    assert [text[a:b] for a, b in suggestions.phrases(text)] == ["Do", "and", "agree?"]


def test_what_a_phrase_moves_is_the_distance_that_falls_without_it(workbench: Workbench) -> None:
    text = "Say which topic it is. Bananas fly over nine purple oceans.\n{text}"
    made = suggestions.moved(workbench, text, task="scene_topic")
    assert [text[p.start : p.end] for p in made] == [p.text for p in made]
    whole = workbench.predict(text, task="scene_topic").nearest[0].distance
    first = made[0]
    rest = workbench.predict(text[first.end :].strip(), task="scene_topic").nearest[0].distance
    assert first.moved == pytest.approx(whole - rest, abs=1e-4)
    assert suggestions.moved(workbench, "Topic?", task="scene_topic") == []
