import os
import random
from pathlib import Path

import pytest

from robustness import paths
from robustness.data.tasks import builtin
from robustness.training.backbone import corpora, data


def test_the_shipped_generated_tasks_are_what_the_seed_makes() -> None:
    for task in data.shipped_tasks():
        assert builtin(task.id) == task


def test_deleting_words_keeps_placeholders_and_lines() -> None:
    kept = data.delete_words("Read this\n{text}\nand answer", 0.9, random.Random(0))
    assert "{text}" in kept
    assert kept.count("\n") == 2


@pytest.mark.skipif(
    "STEADFAST_DATA" not in os.environ, reason="STEADFAST_DATA names no data folder"
)
@pytest.mark.slow
def test_no_sentence_stands_in_two_splits_of_the_real_text() -> None:
    corpora.use(Path(os.environ["STEADFAST_DATA"]) / "nltk_data")
    rows = corpora.labelled()
    seen: dict[str, str] = {}
    for e in rows:
        if e.task in ("polarity", "subjectivity", "pros_cons"):
            assert seen.setdefault(e.fields["text"], e.split) == e.split
    shipped = {
        e.fields["text"]
        for name in corpora.OPTIONS
        if (paths.TASKS / f"{name}.json").is_file()
        for e in builtin(name).examples
    }
    assert not shipped & {e.fields["text"] for e in rows if e.task != "dialogue_act"}
