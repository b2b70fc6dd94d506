import os
import re
from collections.abc import Iterator
from pathlib import Path

import nltk
import pytest

from robustness.errors import NotFoundError
from robustness.training.backbone import corpora, data
from robustness.types import Example

needs_data = pytest.mark.skipif(
    "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
)


@pytest.fixture(scope="module")
def there() -> Iterator[None]:
    """The corpora can be read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.data, "path", list(nltk.data.path))
        corpora.use(Path(os.environ["STEADFAST_DATA"]) / "nltk_data")
        yield


@pytest.fixture(scope="module")
def labelled(there: None) -> dict[str, list[Example]]:
    return data.by_task(corpora.labelled())


def letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def splits(examples: list[Example], width: int | None = None) -> dict[str, set[str]]:
    """Letters of a text (its first `width`) -> the splits that it stands in."""
    found: dict[str, set[str]] = {}
    for e in examples:
        found.setdefault(letters(e.fields["text"])[:width], set()).add(e.split)
    return found


@needs_data
@pytest.mark.slow
def test_every_task_has_labelled_text_in_every_split(labelled: dict[str, list[Example]]) -> None:
    assert set(labelled) == set(corpora.OPTIONS)
    for task, examples in labelled.items():
        assert {e.split for e in examples} == {"train", "dev", "test"}, task
        assert {e.answer for e in examples if e.split == "train"} == set(corpora.OPTIONS[task])
        assert all(e.options == corpora.OPTIONS[task] for e in examples)


@needs_data
@pytest.mark.slow
def test_near_duplicates_share_a_split_across_the_corpora_of_reviews(
    labelled: dict[str, list[Example]],
) -> None:
    reviews = [e for t in ("polarity", "subjectivity", "pros_cons") for e in labelled[t]]
    assert all(len(found) == 1 for found in splits(reviews, 40).values())
    for task in ("polarity", "subjectivity", "pros_cons"):
        assert len(splits(labelled[task])) == len(labelled[task]), "a text stands there twice"


@needs_data
@pytest.mark.slow
def test_neither_a_question_nor_a_chat_line_stands_in_two_splits(
    labelled: dict[str, list[Example]],
) -> None:
    assert all(len(found) == 1 for found in splits(labelled["question_type"]).values())
    lines = [e.fields["text"] for e in labelled["dialogue_act"]]
    assert len(set(lines)) == len(lines)


@needs_data
@pytest.mark.slow
def test_no_long_piece_of_an_article_stands_in_two_splits(
    labelled: dict[str, list[Example]],
) -> None:
    pieces = [e for e in labelled["language"] if len(e.fields["text"].split()) >= 9]
    assert len(pieces) > 1000
    assert all(len(found) == 1 for found in splits(pieces).values())


@needs_data
@pytest.mark.usefixtures("there")
def test_running_text_stops_at_the_sentence_that_reaches_the_limit() -> None:
    few, more = corpora.running(200), corpora.running(400)
    words = [len(sentence.split(" ")) for sentence in few]
    assert sum(words) >= 200 > sum(words[:-1])
    assert more[: len(few)] == few
    assert len(more) > len(few)


def test_eight_in_ten_groups_train_and_a_group_stays_where_it_is() -> None:
    found = [corpora.split_of(f"group {n}") for n in range(4000)]
    assert found == [corpora.split_of(f"group {n}") for n in range(4000)]
    shares = {name: found.count(name) / 4000 for name in ("train", "dev", "test")}
    assert shares == pytest.approx({"train": 0.8, "dev": 0.1, "test": 0.1}, abs=0.02)


def test_a_missing_corpus_is_named_with_the_command_that_gets_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nltk.data, "path", [])
    command = f"python -m nltk.downloader {' '.join(corpora.CORPORA)}"
    with pytest.raises(NotFoundError, match=f"'sentence_polarity' is missing.*{command}"):
        corpora.use(tmp_path)
    assert nltk.data.path == [str(tmp_path)]
    with pytest.raises(NotFoundError, match="sentence_polarity"):
        corpora.use(None)
